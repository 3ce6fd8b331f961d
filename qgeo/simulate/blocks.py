"""The unitary of a block and its derivatives by its angles.

    U = E_m ⋯ E_1,    ∂U/∂a_r = U A_r,    A_r = S_r† (−i G_r / 2) S_r,    S_r = E_r ⋯ E_1

E_r are the block's steps embedded in its 2ᵏ dimensions, S_r its partial products: pulled back to the
block's start, a rotation's generator needs no suffix product. All matrices carry an optional leading
context dimension, for blocks that depend on data.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor

from qgeo.simulate.constants import BlockConstants, RotationGroup


def block_unitary(block: BlockConstants, angles: Tensor) -> Tensor:
    """(..., D, D) product of the block's steps; `angles` (..., m) are all angles of the block's kind."""
    return reduce(lambda product, step: step @ product, _steps(block, angles))


def block_derivatives(block: BlockConstants, angles: Tensor) -> tuple[Tensor, Tensor]:
    """U (..., D, D) and ∂U/∂a_r (..., m, D, D) for the block's m rotations."""
    product, partial = None, []
    for step, index in zip(_steps(block, angles), block.order, strict=True):
        product = step if product is None else step @ product
        if index >= 0:
            partial.append(product)
    assert product is not None
    if not partial:
        return product, product.new_empty(*product.shape[:-2], 0, block.dimension, block.dimension)
    reached = torch.stack(partial, dim=-3)
    pulled_back = reached.mH @ (block.half_generators @ reached)
    return product, product.unsqueeze(-3) @ pulled_back


def _steps(block: BlockConstants, angles: Tensor) -> list[Tensor]:
    """Embedded matrices of the steps, in order."""
    rotations: dict[int, Tensor] = {}
    for group in block.groups:
        embedded = _rotation_matrices(group, angles).unbind(-3)
        rotations |= dict(zip(group.slots.tolist(), embedded, strict=True))
    return [rotations[index] if index >= 0 else block.fixed[-1 - index] for index in block.order]


def _rotation_matrices(group: RotationGroup, angles: Tensor) -> Tensor:
    """(..., m, D, D): exp(−i a G/2) = V diag(exp(−i a λ/2)) V†, embedded."""
    half_turns = -0.5 * angles[..., group.angles, None] * group.spectrum
    phases = torch.polar(torch.ones_like(half_turns), half_turns)
    small = (group.basis * phases.unsqueeze(-2)) @ group.basis.mH
    flat = small.flatten(-2)
    index = group.inside.flatten(-2).expand(*flat.shape[:-1], -1)
    return flat.gather(-1, index).view(*flat.shape[:-1], *group.inside.shape[-2:]) * group.outside

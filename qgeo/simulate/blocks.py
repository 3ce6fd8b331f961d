"""The unitaries of blocks and their derivatives by their angles, for all blocks of a kind at once.

    S_r = E_r ⋯ E_1,      U = S_m,      ∂U/∂a_r = U A_r,      A_r = S_r† H_r S_r

E_r is a rotation with the fixed gates behind it, S_r a block's partial product, and A_r = −A_r† the
rotation's generator H_r = −i G_r/2, pulled back to the block's start: no product of what comes after is
needed. Blocks that depend on data carry one matrix per context.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qgeo.simulate.constants import GroupConstants


def partial_products(group: GroupConstants, angles: Tensor) -> Tensor:
    """S_r of every block of a group, (m, [B,] g, D, D).

    Args:
        group: constants of g blocks with m rotations each.
        angles: all angles of the group's kind, (a,) shared or (B, a) per context.
    """
    rotations, dimension = group.spectrum.shape
    chosen = angles.index_select(-1, group.angles).unflatten(-1, (rotations, group.num_blocks))
    turns = -0.5 * chosen.movedim(-2, 0).reshape(rotations, -1, 1) * group.spectrum.unsqueeze(1)
    phases = torch.polar(torch.ones_like(turns), turns)
    turned = (group.left.unsqueeze(1) * phases.unsqueeze(2)).flatten(1, 2)
    steps = torch.bmm(turned, group.right).unflatten(1, (-1, dimension))
    products = torch.empty_like(steps)
    products[0] = steps[0]
    for r in range(1, rotations):
        torch.bmm(steps[r], products[r - 1], out=products[r])
    return products.view(rotations, *angles.shape[:-1], group.num_blocks, dimension, dimension)


def pulled_back_generators(group: GroupConstants, products: Tensor) -> Tensor:
    """A_r = S_r† H_r S_r, of the shape of `products`."""
    return products.mH @ _times_generators(group, products)


def generator_expectations(group: GroupConstants, products: Tensor, overlaps: Tensor) -> Tensor:
    """Re Σ_ij (A_r)_ij M_ij for M (..., g, D, D): (m, ..., g). With M = Σ λ* ψᵀ it is Re⟨λ|A_r ψ⟩.

    Computed as Re Σ (H_r S_r)_kj (S_r* M)_kj, so that A_r itself is not formed.
    """
    return (_times_generators(group, products) * (products.conj() @ overlaps)).sum((-2, -1)).real


def _times_generators(group: GroupConstants, products: Tensor) -> Tensor:
    """H_r S_r: one product per rotation, all blocks and contexts side by side."""
    rotations, dimension = group.spectrum.shape
    side_by_side = products.view(rotations, -1, dimension, dimension)
    return (group.generators.unsqueeze(1) @ side_by_side).view(products.shape)

"""The unitaries of blocks and their derivatives by their angles, for all blocks of a group at once.

    S_t = E_t ⋯ E_1,      U = S_s,      ∂U/∂a_r = U A_r,      A_r = S_t† H_r S_t      (r a rotation of step t)

E_t are a block's steps, S_t its partial products, and A_r = −A_r† is the rotation's generator
H_r = −i G_r/2, pulled back to the block's start: no product of what comes after is needed. Blocks that
depend on data carry one matrix per context.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qgeo.simulate.constants import GroupConstants


def partial_products(group: GroupConstants, angles: Tensor) -> Tensor:
    """S_t of every block of a group, (s, [B,] g, D, D).

    Args:
        group: constants of g blocks with s steps each.
        angles: all angles of the group's kind, (a,) shared or (B, a) per context.
    """
    steps, rotations, dimension = group.spectra.shape
    own = angles[..., group.angles].reshape(-1, steps, rotations).transpose(0, 1)
    turns = -0.5 * (own @ group.spectra)
    phases = torch.polar(torch.ones_like(turns), turns)
    turned = (group.left.unsqueeze(1) * phases.unsqueeze(2)).view(steps, -1, dimension)
    factors = torch.bmm(turned, group.right).view(steps, -1, dimension, dimension)
    products = factors if steps == 1 else _cumulative(factors)
    return products.view(steps, *angles.shape[:-1], group.num_blocks, dimension, dimension)


def pulled_back_generators(group: GroupConstants, products: Tensor) -> Tensor:
    """A_r = S_t† H_r S_t at the block's start, (m, [B,] g, D, D): ∂U/∂a_r = U A_r."""
    reached = products.flatten(1, -3).unsqueeze(1)
    return _of_rotations(group, reached.mH @ (group.generators.unsqueeze(2) @ reached), products)


def pushed_generators(group: GroupConstants, products: Tensor) -> Tensor:
    """U A_r U† = R_t H_r R_t† at the block's end, with R_t = U S_t† the steps to come; (m, [B,] g, D, D)."""
    to_come = (products[-1] @ products.mH).flatten(1, -3).unsqueeze(1)
    return _of_rotations(group, (to_come @ group.generators.unsqueeze(2)) @ to_come.mH, products)


def generator_expectations(group: GroupConstants, products: Tensor, overlaps: Tensor) -> Tensor:
    """Re Σ_ij (A_r)_ij M_ij for M (..., g, D, D): (..., g, m). With M = λ* ψᵀ it is Re⟨λ|A_r ψ⟩.

    Computed as Re Σ_kl (H_r)_kl (S* M Sᵀ)_kl: M is pushed forward to every step, A_r is not formed.
    """
    pushed = (products.conj() @ overlaps @ products.mT).flatten(-2).flatten(1, -2)
    found = (pushed @ group.generators.flatten(2).mT).real.transpose(0, 1).flatten(1)
    chosen = found if group.rotations is None else found.index_select(1, group.rotations)
    return chosen.view(*overlaps.shape[:-2], -1)


def _of_rotations(group: GroupConstants, padded: Tensor, products: Tensor) -> Tensor:
    """(s, k, N, D, D) → (m, [B,] g, D, D), without the rotations that only pad the steps."""
    flat = padded.flatten(0, 1)
    chosen = flat if group.rotations is None else flat.index_select(0, group.rotations)
    return chosen.view(len(chosen), *products.shape[1:])


def _cumulative(factors: Tensor) -> Tensor:
    """Products factors[t] ⋯ factors[0] for every t."""
    products = [factors[0]]
    for factor in factors[1:]:
        products.append(factor @ products[-1])
    return torch.stack(products)

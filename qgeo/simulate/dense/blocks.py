"""The unitaries of blocks and their derivatives by their angles, for all blocks of a group at once.

    S_t = E_t ⋯ E_1,      U = S_s,      ∂U/∂a_r = U A_r,      A_r = S_t† H_r S_t      (r a rotation of step t)

E_t are a block's steps, S_t its partial products, and A_r = −A_r† is the rotation's generator
H_r = −i G_r/2, pulled back to the block's start: no product of what comes after is needed. Blocks that
depend on data carry one matrix per context.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qgeo.simulate.dense.groups import GroupConstants


def partial_products(group: GroupConstants, angles: Tensor) -> Tensor:
    """S_t of every block of a group, (s, [B,] g, D, D).

    Args:
        group: constants of g blocks with s steps each.
        angles: all angles of the group's kind, (a,) shared or (B, a) per context.
    """
    steps, blocks, rotations, dimension = group.spectra.shape
    by_step = angles[..., group.angles].reshape(-1, blocks, steps, rotations).movedim(2, 0)
    half = -0.5 * (by_step.unsqueeze(-1) * group.spectra.unsqueeze(1)).sum(-2)
    phases = torch.polar(torch.ones_like(half), half).to(group.left.dtype)  # the only cast of an angle
    factors = products_of(group.left.unsqueeze(1) * phases.unsqueeze(-2), group.right.unsqueeze(1))
    products = factors if steps == 1 else _cumulative(factors.flatten(1, -3))
    return products.view(steps, *angles.shape[:-1], blocks, dimension, dimension)


def pulled_back_generators(generators: Tensor, products: Tensor) -> Tensor:
    """A_r = S_t† H_r S_t at the start of g blocks, (s·k, [B,] g, D, D): ∂U/∂a_r = U A_r.

    Args:
        generators: H_r, (s, g, D, k, D); products: S_t of the same blocks, (s, [B,] g, D, D).
    """
    return _conjugated(generators, products.mH)


def pushed_generators(generators: Tensor, products: Tensor) -> Tensor:
    """U A_r U† = R_t H_r R_t† at the blocks' ends, R_t = U S_t† the steps to come; (s·k, [B,] g, D, D)."""
    return _conjugated(generators, products[-1] @ products.mH)


def _conjugated(generators: Tensor, left: Tensor) -> Tensor:
    """L_t H_r L_t† for every rotation r of every step t: two products a step, rotations side by side."""
    steps, blocks, dimension, rotations, _ = generators.shape
    factor = _with_contexts(left)
    half = products_of(factor, generators.reshape(steps, 1, blocks, dimension, -1))
    whole = products_of(half.view(*factor.shape[:-2], dimension * rotations, dimension), factor.mH)
    by_rotation: Tensor = whole.unflatten(-2, (dimension, rotations)).movedim(-2, 1)
    return by_rotation.reshape(-1, *left.shape[1:])


def generator_expectations(group: GroupConstants, products: Tensor, overlaps: Tensor) -> Tensor:
    """Re Σ_ij (A_r)_ij M_ij for M (..., g, D, D): (..., g·s·k). With M = λ* ψᵀ it is Re⟨λ|A_r ψ⟩.

    Computed as Re Σ_kl (H_r)_kl (S* M Sᵀ)_kl: M is pushed forward to every step, A_r is not formed.
    """
    half = products_of(products.conj(), overlaps.expand(products.shape))
    pushed = _with_contexts(products_of(half, products.mT)).flatten(-2).transpose(1, 2)
    by_step = products_of(pushed, group.generator_columns)  # (s, g, B, k)
    return by_step.real.permute(2, 1, 0, 3).reshape(*overlaps.shape[:-3], -1)


def _with_contexts(products: Tensor) -> Tensor:
    """(s, B, g, D, D), with B = 1 where all contexts share the blocks."""
    return products if products.dim() == 5 else products.unsqueeze(1)


def products_of(left: Tensor, right: Tensor) -> Tensor:
    """left @ right; in a single call where the leading dimensions agree: `@` makes half a dozen of it."""
    lead = left.shape[:-2]
    if right.shape[:-2] != lead:
        return left @ right
    product: Tensor = torch.bmm(left.flatten(0, -3), right.flatten(0, -3)).unflatten(0, lead)
    return product


def _cumulative(factors: Tensor) -> Tensor:
    """Products factors[t] ⋯ factors[0] for every t, (s, N, D, D)."""
    products = [factors[0]]
    for factor in factors[1:]:
        products.append(torch.bmm(factor, products[-1]))
    return torch.stack(products)

"""Adjoint sweep: from a cotangent of the final states to the gradient by every angle.

Reverse mode without storing the way (Jones & Gacon 2020, arXiv 2009.02823): the sweep undoes the circuit
block by block, carrying the state ψ and the cotangent λ. At the start of block b,

    ∂L/∂a_r = Re⟨λ|A_r ψ⟩ = Re Σ_ij (A_r)_ij M_ij,      M_ij = Σ conj(λ_i) ψ_j   over all other qubits

and, for an angle that all contexts share, over contexts.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qgeo.simulate.apply import overlap_on
from qgeo.simulate.blocks import generator_expectations
from qgeo.simulate.constants import BlockConstants
from qgeo.simulate.moves import Moves


def adjoint_gradient(
    moves: Moves, psi: Tensor, cotangent: Tensor, *, data_too: bool = True
) -> tuple[Tensor, Tensor]:
    """∂L/∂angles for dL = Re⟨cotangent|dψ⟩, shared (m,) and per context (B, m').

    Args:
        moves: the program at its angles; psi: its final states (B, 2ⁿ); cotangent: (B, 2ⁿ).
        data_too: whether the gradient by per-context angles is wanted; zero otherwise.
    """
    overlaps = _overlaps(moves, psi, cotangent, data_too)
    real, count = psi.real.dtype, len(psi)
    shared = psi.new_zeros(len(moves.constants.shared.offsets), dtype=real)
    per_context = psi.new_zeros(count, len(moves.constants.per_context.offsets), dtype=real)
    for group, products, found in zip(moves.constants.groups, moves.products, overlaps, strict=True):
        if found:
            by_angle = generator_expectations(group, products, torch.stack(found, -3))
            target = per_context if group.per_context else shared
            target.index_copy_(-1, group.angles, by_angle.flatten(-2))
    return shared, per_context


def _overlaps(moves: Moves, psi: Tensor, cotangent: Tensor, data_too: bool) -> list[list[Tensor]]:
    """M of every wanted block with rotations, by group, in the order of its members; one sweep back."""
    blocks = moves.constants.blocks
    wanted = [_is_wanted(block, data_too) for block in blocks]
    found: list[list[Tensor]] = [[] for _ in moves.products]
    pair = torch.stack([psi, cotangent.resolve_conj()])
    for i in reversed(range(wanted.index(True) if any(wanted) else len(blocks), len(blocks))):
        pair, block = moves.all[i].undo(pair), blocks[i]
        if wanted[i] and isinstance(block, BlockConstants):
            ket, bra = pair
            found[block.group].append(overlap_on(bra, ket, block.qubits, keep_contexts=block.per_context))
    return [overlaps[::-1] for overlaps in found]


def _is_wanted(block: object, data_too: bool) -> bool:
    return isinstance(block, BlockConstants) and block.fixed is None and (data_too or not block.per_context)

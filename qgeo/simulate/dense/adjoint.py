"""Adjoint sweep: from a cotangent of the final states to the gradient by every angle.

Reverse mode without storing the way (Jones & Gacon 2020, arXiv 2009.02823): the sweep undoes the circuit
block by block, carrying the state ψ and the cotangent λ. At the start of block b,

    ∂L/∂a_r = Re⟨λ|A_r ψ⟩ = Re Σ_ij (A_r)_ij M_ij,      M_ij = Σ conj(λ_i) ψ_j   over all other qubits

and, for an angle that all contexts share, over contexts.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qgeo.simulate.dense.applied import AppliedGates
from qgeo.simulate.dense.apply import overlap_on
from qgeo.simulate.dense.blocks import generator_expectations
from qgeo.simulate.dense.constants import BlockConstants
from qgeo.simulate.tensors import Index

Piece = tuple[Index, Tensor]


def adjoint_gradient(
    gates: AppliedGates, psi: Tensor, cotangent: Tensor, *, data_too: bool = True
) -> tuple[Tensor, Tensor | None]:
    """∂L/∂angles for dL = Re⟨cotangent|dψ⟩, shared (m,) and per context (B, m').

    Args:
        gates: the program at its angles; psi: its final states (B, 2ⁿ); cotangent: (B, 2ⁿ).
        data_too: whether the gradient by per-context angles is wanted; None in its place otherwise.
    """
    overlaps = _overlaps(gates, psi, cotangent, data_too)
    pieces: tuple[list[Piece], list[Piece]] = ([], [])
    for group, products, of_group in zip(gates.constants.groups, gates.products, overlaps, strict=True):
        if of_group:
            by_angle = generator_expectations(group, products, torch.stack(of_group, -3))
            pieces[group.per_context].append((group.rotation_angles, by_angle[..., group.rotations]))
    num_shared, real = gates.program.num_shared_angles, psi.real.dtype
    shared = _assembled(pieces[0], psi.new_zeros(num_shared, dtype=real))
    if not data_too:
        return shared, None
    zeros = psi.new_zeros(len(psi), len(gates.program.angles) - num_shared, dtype=real)
    return shared, _assembled(pieces[1], zeros)


def _assembled(pieces: list[Piece], zeros: Tensor) -> Tensor:
    """Pieces of a gradient at their positions along the last dimension."""
    for position, piece in pieces:
        if piece.shape == zeros.shape and isinstance(position, slice):
            return piece
        zeros[..., position] = piece
    return zeros


def _overlaps(gates: AppliedGates, psi: Tensor, cotangent: Tensor, data_too: bool) -> list[list[Tensor]]:
    """M of every wanted block with rotations, by group, in the order of its members; one sweep back."""
    blocks = gates.constants.blocks
    wanted = [_is_wanted(block, data_too) for block in blocks]
    by_group: list[list[Tensor]] = [[] for _ in gates.products]
    pair, spare = psi.new_empty(2, 2, *psi.shape)  # two buffers in one allocation, for the whole way
    pair[0], pair[1] = psi, cotangent
    for i in reversed(range(wanted.index(True) if any(wanted) else len(blocks), len(blocks))):
        pair, spare, block = gates.all[i].undo(pair, out=spare), pair, blocks[i]
        if wanted[i] and isinstance(block, BlockConstants):
            ket, bra = pair
            by_group[block.group].append(overlap_on(bra, ket, block.qubits, keep_contexts=block.per_context))
    return [overlaps[::-1] for overlaps in by_group]


def _is_wanted(block: object, data_too: bool) -> bool:
    return isinstance(block, BlockConstants) and block.fixed is None and (data_too or not block.per_context)

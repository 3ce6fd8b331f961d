"""Projected tangents and their products: what is left of ∂ψ when phases do not count.

    u = (1 − |ψ⟩⟨ψ|) ∂ψ,      Re⟨u_i|u_j⟩ = Re⟨∂_iψ|∂_jψ⟩ − Re⟨∂_iψ|ψ⟩⟨ψ|∂_jψ⟩

A quarter of F_Q (Provost & Vallee 1980; Braunstein & Caves 1994).
"""

from __future__ import annotations

import torch
from torch import Tensor

_GRAM_STRIPES, _NARROWEST_STRIPE = 4, 16
"""Four stripes of at least 16 rows: nothing is won below 64 rows (benchmarks/NOTES.md, "Gram product")."""


_PIECE = 2**12
"""Amplitudes of a product on a GPU, whose library leaves a product of one column to one multiprocessor,
however long it is: of 75 ms for an F_Q of 20 qubits and 80 parameters, 70 on an H200."""


def projected_tangents(states: Tensor, tangents: Tensor) -> Tensor:
    """(1 − |ψ⟩⟨ψ|) ∂ψ for states (B, 2ⁿ), of the shape of `tangents` (P, B, 2ⁿ)."""
    return tangents - overlaps(states, tangents).conj().unsqueeze(-1) * states


def projected_gram(states: Tensor, tangents: Tensor) -> Tensor:
    """Σ over contexts of Re⟨u_i|u_j⟩, real symmetric (P, P).

    Re⟨u|v⟩ is the dot product of u and v written as real vectors of twice the length: half the work of the
    complex product.
    """
    flat = torch.view_as_real(tangents.flatten(1)).flatten(1)
    along = torch.view_as_real(overlaps(states, tangents)).flatten(1)
    return gram(flat) - along @ along.mT


def gram(rows: Tensor) -> Tensor:
    """rows · rowsᵀ for real rows (P, M): blocks on and above the diagonal, mirrored; 5/8 of the work."""
    step = -(-len(rows) // _GRAM_STRIPES)
    if step < _NARROWEST_STRIPE:
        return rows @ rows.mT
    matrix = rows.new_empty(len(rows), len(rows))
    for start in range(0, len(rows), step):
        stripe = rows[start : start + step] @ rows[start:].mT
        matrix[start : start + step, start:] = stripe
        matrix[start:, start : start + step] = stripe.mT
    return matrix


def overlaps(states: Tensor, tangents: Tensor) -> Tensor:
    """⟨∂_pψ|ψ⟩ for every context, (P, B)."""
    count, contexts, dimension = tangents.shape
    piece = dimension if states.device.type == "cpu" else min(dimension, _PIECE)
    pieces = dimension // piece
    rows = tangents.reshape(count, contexts * pieces, piece).transpose(0, 1)
    by_piece = torch.bmm(rows, states.conj().view(contexts * pieces, piece, 1))
    return by_piece.view(contexts, pieces, count).sum(1).mT.conj().resolve_conj()


def real_rows(tangents: Tensor) -> Tensor:
    """(P, B, 2ⁿ) complex → (B, P, 2·2ⁿ) real."""
    return torch.view_as_real(tangents.resolve_conj()).flatten(2).transpose(0, 1)

"""Quantum geometric tensor and quantum Fisher information of a batch of pure states.

    Q_ij = mean over contexts of ⟨∂_iψ|∂_jψ⟩ − ⟨∂_iψ|ψ⟩⟨ψ|∂_jψ⟩,      F_Q = 4 Re Q

Both are Gram matrices of tangents, minus the part of each tangent along its own state (Provost & Vallee
1980; Braunstein & Caves 1994).
"""

from __future__ import annotations

import torch
from torch import Tensor

_GRAM_STRIPES, _NARROWEST_STRIPE = 4, 16


def geometric_tensor_sum(states: Tensor, tangents: Tensor) -> Tensor:
    """Σ over contexts of Q, complex Hermitian (P, P); divide by the number of contexts for the mean.

    Args:
        states: (B, 2ⁿ) normalised; tangents: (P, B, 2ⁿ).
    """
    flat, along = tangents.flatten(1), _overlaps(states, tangents)
    return flat.conj() @ flat.mT - along @ along.mH


def projected_gram(states: Tensor, tangents: Tensor) -> Tensor:
    """Σ over contexts of Re⟨u_i|u_j⟩, u = (1 − |ψ⟩⟨ψ|)∂ψ, real symmetric (P, P): a quarter of F_Q.

    Re⟨u|v⟩ is the dot product of u and v written as real vectors of twice the length: half the work of the
    complex product.
    """
    flat = torch.view_as_real(tangents.flatten(1)).flatten(1)
    along = torch.view_as_real(_overlaps(states, tangents)).flatten(1)
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


def projected_tangents(states: Tensor, tangents: Tensor) -> Tensor:
    """(1 − |ψ⟩⟨ψ|) ∂ψ, of the shape of `tangents`: what is left of a tangent when phases do not count."""
    along = torch.einsum("bx,pbx->pb", states.conj(), tangents)
    return tangents - along.unsqueeze(-1) * states


def context_fisher(states: Tensor, tangents: Tensor) -> Tensor:
    """F_Q of every context, (B, P, P)."""
    rows = torch.view_as_real(projected_tangents(states, tangents).transpose(0, 1).contiguous()).flatten(2)
    return 4 * rows @ rows.mT


def _overlaps(states: Tensor, tangents: Tensor) -> Tensor:
    """⟨∂_pψ|ψ⟩ for every context, (P, B)."""
    per_context = torch.bmm(tangents.transpose(0, 1), states.conj().unsqueeze(-1))
    return per_context.squeeze(-1).mT.conj().resolve_conj()

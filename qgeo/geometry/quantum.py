"""Quantum geometric tensor and quantum Fisher information of a batch of pure states.

    Q_ij = mean over contexts of ⟨∂_iψ|∂_jψ⟩ − ⟨∂_iψ|ψ⟩⟨ψ|∂_jψ⟩,      F_Q = 4 Re Q

Both are Gram matrices of tangents, minus the part of each tangent along its own state (Provost & Vallee
1980; Braunstein & Caves 1994).
"""

from __future__ import annotations

import torch
from torch import Tensor

from qgeo.simulate.projection import overlaps, projected_tangents


def geometric_tensor_sum(states: Tensor, tangents: Tensor) -> Tensor:
    """Σ over contexts of Q, complex Hermitian (P, P); divide by the number of contexts for the mean.

    Args:
        states: (B, 2ⁿ) normalised; tangents: (P, B, 2ⁿ).
    """
    flat, along = tangents.flatten(1), overlaps(states, tangents)
    return flat.conj() @ flat.mT - along @ along.mH


def context_fisher(states: Tensor, tangents: Tensor) -> Tensor:
    """F_Q of every context, (B, P, P)."""
    rows = torch.view_as_real(projected_tangents(states, tangents).transpose(0, 1).contiguous()).flatten(2)
    return 4 * rows @ rows.mT

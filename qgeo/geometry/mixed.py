"""Quantum Fisher information of a mixed state: the symmetric logarithmic derivative (SLD).

    F_ij = 2 Σ_{λ_k + λ_l > 0} Re(⟨k|∂_iρ|l⟩⟨l|∂_jρ|k⟩)/(λ_k + λ_l),      ρ = Σ_k λ_k|k⟩⟨k|

(Braunstein and Caves 1994; Liu et al. 2020, arXiv 1907.08037, eq. 20). For a pure state it is 4 Re Q.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qgeo.errors import ShapeError

Matrices = NDArray[Any]

_SMALLEST = 1e-12
"""Pairs of eigenvalues with a smaller sum belong to the kernel of ρ."""


def sld_fisher(density: Matrices, derivatives: Matrices) -> NDArray[np.float64]:
    """SLD quantum Fisher information matrix, float64 (P, P).

    Args:
        density: (N, N) density matrix ρ; derivatives: (P, N, N), ∂_iρ, Hermitian and traceless.

    At a point where the rank of ρ changes the sum over the support may be smaller than the limit.

    Raises:
        ShapeError: the shapes do not fit.

    >>> sld_fisher(np.diag([0.8, 0.2]), np.array([[[0, 0.3], [0.3, 0]]])).round(6)  # radius .6 on the sphere
    array([[0.36]])
    """
    if density.ndim != 2 or derivatives.shape[1:] != density.shape:
        raise ShapeError(
            f"expected ρ of shape (N, N) and derivatives (P, N, N), got {density.shape}, {derivatives.shape}"
        )
    spectrum, basis = np.linalg.eigh(density)
    total = spectrum[:, None] + spectrum
    weight = np.where(total > _SMALLEST, 2 / np.maximum(total, _SMALLEST), 0.0)
    inside = (basis.conj().T @ derivatives @ basis).reshape(len(derivatives), density.size)
    return np.asarray(((inside.conj() * weight.reshape(-1)) @ inside.T).real)


def pure_state_fisher(derivatives: Matrices) -> NDArray[np.float64]:
    """2 Tr(∂_iρ ∂_jρ): F_Q if ρ is pure; for a mixed state only a lower bound (λ_k + λ_l ≤ 1)."""
    flat = derivatives.reshape(len(derivatives), derivatives[0].size if len(derivatives) else 0)
    return 2 * (flat.conj() @ flat.T).real

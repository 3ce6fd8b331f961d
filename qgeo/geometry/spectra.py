"""Numbers that describe an information matrix: eigenvalues, rank, participation ratio, degrees of freedom."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def eigenvalues(matrix: ArrayLike) -> NDArray[np.float64]:
    """Eigenvalues of a symmetric matrix, largest first, rounding below zero cut off."""
    return np.clip(np.linalg.eigvalsh(np.asarray(matrix, dtype=float))[::-1], 0, None)


def rank(matrix: ArrayLike, tolerance: float = 1e-10) -> int:
    """Eigenvalues above `tolerance` times the largest."""
    spectrum = eigenvalues(matrix)
    return int((spectrum > tolerance * max(spectrum.max(initial=0), np.finfo(float).tiny)).sum())


def participation_ratio(matrix: ArrayLike) -> float:
    """(tr F)² / tr F²: how many eigenvalues carry the trace; 0 for the zero matrix.

    >>> participation_ratio([[1, 0], [0, 1]])
    2.0
    """
    spectrum = eigenvalues(matrix)
    total = float((spectrum**2).sum())
    return float(spectrum.sum() ** 2 / total) if total > 0 else 0.0


def degrees_of_freedom(matrix: ArrayLike, damping: float) -> float:
    """Σ λ/(λ + damping) over λ > 0: how many directions a damped step can use."""
    spectrum = eigenvalues(matrix)
    spectrum = spectrum[spectrum > 0]
    return float((spectrum / (spectrum + damping)).sum())


def summary(matrix: Any, damping: float) -> dict[str, float]:
    """The scalars of this file, and the trace, by name."""
    return {
        "trace": float(np.trace(np.asarray(matrix))),
        "rank": rank(matrix),
        "participation_ratio": participation_ratio(matrix),
        "degrees_of_freedom": degrees_of_freedom(matrix, damping),
    }

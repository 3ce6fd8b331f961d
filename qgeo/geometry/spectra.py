"""What describes an information matrix: eigenvalues, rank, null directions, participation ratio …"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr

from qgeo.errors import ShapeError

_ROUNDING = 1e-9
"""Entries of a reduced null space below this are zeros: eigenvectors carry 1e-16 over the gap to the rank."""


def eigenvalues(matrix: ArrayLike) -> NDArray[np.float64]:
    """Eigenvalues of a symmetric matrix, largest first, rounding below zero cut off."""
    return np.clip(np.linalg.eigvalsh(np.asarray(matrix, dtype=float))[::-1], 0, None)


def rank(matrix: ArrayLike, tolerance: float = 1e-10) -> int:
    """Eigenvalues above `tolerance` times the largest."""
    spectrum = eigenvalues(matrix)
    return int((spectrum > tolerance * max(spectrum.max(initial=0), np.finfo(float).tiny)).sum())


def condition_number(matrix: ArrayLike, tolerance: float = 1e-10) -> float:
    """Largest over smallest of the eigenvalues that `rank` counts; infinite of the zero matrix.

    >>> condition_number([[8, 0], [0, 2]])
    4.0
    """
    counted = eigenvalues(matrix)[: rank(matrix, tolerance)]
    return float(counted[0] / counted[-1]) if len(counted) else float("inf")


def null_space(matrix: ArrayLike, tolerance: float = 1e-10) -> NDArray[np.float64]:
    """Directions v ≠ 0 with F v = 0, (P − rank, P), each with one entry 1 that all others have as 0.

    In this reduced form a direction shows which parameters hold it together, as (1, −1) of two rotations that
    follow one another. The entries 1 are where the null space is largest, by pivoted QR.

    >>> null_space([[1, 1], [1, 1]]).tolist()
    [[1.0, -1.0]]
    """
    symmetric = np.asarray(matrix, dtype=float)
    dimension = len(symmetric) - rank(symmetric, tolerance)
    if not dimension:
        return np.zeros((0, len(symmetric)))
    basis = np.linalg.eigh(symmetric)[1][:, :dimension].T  # of the smallest eigenvalues
    pivots = qr(basis, mode="r", pivoting=True)[1][:dimension]
    reduced = np.linalg.solve(basis[:, pivots], basis)
    reduced[np.abs(reduced) < _ROUNDING] = 0
    reduced[:, pivots] = np.eye(dimension)
    return reduced[np.argsort(pivots)]


def null_directions(
    matrix: ArrayLike, names: Sequence[str], tolerance: float = 1e-10
) -> list[dict[str, float]]:
    """The directions of `null_space` by parameter name, without the parameters that stand still.

    Args:
        names: of the rows, in order, as `circuit.parameters` has them.

    Raises:
        ShapeError: another number of names than rows.

    >>> null_directions([[1, 1, 0], [1, 1, 0], [0, 0, 2]], ["a", "b", "c"])
    [{'a': 1.0, 'b': -1.0}]
    """
    symmetric = np.asarray(matrix, dtype=float)
    if len(names) != len(symmetric):
        raise ShapeError(f"expected {len(symmetric)} names, one a row, got {len(names)}")
    return [
        {name: float(value) for name, value in zip(names, row, strict=True) if value}
        for row in null_space(symmetric, tolerance)
    ]


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

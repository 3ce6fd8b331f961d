"""Angles between steps, in parameters or in a metric.

    cos ∠(a, b) = aᵀMb / √(aᵀMa · bᵀMb),      M = I, or an information matrix

Between g and F⁻¹g the Euclidean angle says how far a metric turns descent; between the steps of two metrics
the angle in F_C says how differently they move the distribution.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from qgeo.errors import ShapeError
from qgeo.geometry.filter import Floats, square_matrix


def angles_between(steps: ArrayLike, metric: ArrayLike | None = None) -> Floats:
    """Angles between K steps in degrees, 0 to 180, symmetric (K, K).

    Args:
        steps: (K, P), a row each.
        metric: M, symmetric positive semidefinite (P, P); Euclidean by default.

    Raises:
        ShapeError: sizes that do not fit, numbers that are not finite, a step that has no length.

    >>> angles_between([[1.0, 0.0], [1.0, 1.0], [0.0, -2.0]]).round(6)
    array([[  0.,  45.,  90.],
           [ 45.,   0., 135.],
           [ 90., 135.,   0.]])
    >>> angles_between([[1.0, 0.0], [1.0, 1.0]], metric=np.diag([1.0, 3.0]))[0].round(6)
    array([ 0., 60.])
    """
    rows = np.asarray(steps, dtype=float)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise ShapeError(f"expected steps (K, P) of finite numbers, a row each, got shape {rows.shape}")
    products = rows @ _times(metric, rows).T
    squares = products.diagonal()
    if not (squares > 0).all():
        raise ShapeError(
            f"expected steps with a length in the metric, got none of step {int(np.argmin(squares))}"
        )
    cosines = np.clip((products + products.T) / 2 / np.sqrt(np.outer(squares, squares)), -1, 1)
    np.fill_diagonal(cosines, 1)  # acos of 1 − rounding is 1e-6 degrees
    return np.asarray(np.degrees(np.arccos(cosines)))


def _times(metric: ArrayLike | None, rows: Floats) -> Floats:
    """Rows M a."""
    if metric is None:
        return rows
    matrix = square_matrix(metric)
    if len(matrix) != rows.shape[1]:
        raise ShapeError(f"expected a metric of {rows.shape[1]} parameters, got one of {len(matrix)}")
    return np.asarray(rows @ matrix)

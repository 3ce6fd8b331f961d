"""Whether two quantities rank alike when others are held: Kendall's τ within strata.

    τ = Σ_s Σ_{i<j in s} sign(x_i − x_j) sign(y_i − y_j) / number of these pairs that are tied in neither

Pairs of different strata count nothing, so that what is the same within a stratum explains nothing: the
blocked τ of Korn, Biometrics 40, 209 (1984), as Jiang et al. 2020 (arXiv 1912.02178) compare measures of
generalisation at equal hyperparameters.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgeo.errors import ShapeError


def stratified_kendall(x: ArrayLike, y: ArrayLike, strata: Sequence[Hashable]) -> float | None:
    """τ of x and y within strata, in [−1, 1]; None where no pair is left.

    Args:
        x, y: (N,) numbers; strata: N of them, equal ones belong together.

    Raises:
        ShapeError: three different lengths, or numbers that are not finite.

    >>> stratified_kendall([1, 2, 1, 2], [1, 2, 8, 9], ["a", "a", "b", "b"])
    1.0
    >>> stratified_kendall([1, 2], [1, 2], ["a", "b"]) is None
    True
    """
    first, second = (np.asarray(each, dtype=float) for each in (x, y))
    if not (first.shape == second.shape == (len(strata),)) or not np.isfinite([first, second]).all():
        raise ShapeError(
            f"expected as many finite numbers x and y as strata ({len(strata)}), got shapes {first.shape} "
            f"and {second.shape}; pass one of each per observation"
        )
    numbers = {stratum: place for place, stratum in enumerate(dict.fromkeys(strata))}
    blocks = np.array([numbers[stratum] for stratum in strata], dtype=int)
    signs = _signs(first) * _signs(second) * (blocks[:, None] == blocks)
    counted = int(np.abs(signs).sum())
    return float(signs.sum() / counted) if counted else None


def _signs(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """sign(x_i − x_j), (N, N)."""
    return np.sign(numbers[:, None] - numbers)

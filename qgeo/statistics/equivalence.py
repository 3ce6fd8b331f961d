"""Equivalence within a margin, several tests at once, and how many replicates decide.

equivalent   the 90% interval lies inside the margin: two one-sided t-tests at 5% (Schuirmann 1987)
holm         p_(i) → max_{j ≤ i} min(1, (m − j + 1) p_(j)): all m tests wrong with probability ≤ α (Holm 1979)
power        of TOST where the arms do not differ, and of the paired t-test where they differ by the margin,
             by the noncentral t with δ = margin √R/σ
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt

import numpy as np
from scipy.special import nctdtr, ndtri, stdtrit  # scipy.stats asks twenty times as long for one number

from qgeo.errors import ShapeError
from qgeo.statistics.means import Interval

ALPHA = 0.05
"""Of every test; TOST at ALPHA is the interval at 1 − 2 ALPHA."""

POWER = 0.8
"""Probability with which planned replicates decide."""

_LARGEST_SHIFT = 30.0
"""Of the noncentral t: beyond it every power is 1 to two digits, and SciPy's series may overflow."""


def is_equivalent(ninety: Interval, low: float, high: float) -> bool:
    """Whether a 90% interval lies inside the margin [low, high].

    >>> is_equivalent(Interval(0.01, -0.04, 0.06, 40), -0.0953, 0.0953)
    True
    """
    if ninety.ci_low is None or ninety.ci_high is None:
        return False
    return low <= ninety.ci_low and ninety.ci_high <= high


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p, in the order given: below α together with a family-wise error of at most α.

    >>> holm([0.04, 0.01, 0.03])
    [0.06, 0.03, 0.06]
    """
    ascending = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(ascending))
    factors = np.arange(len(ascending), 0, -1)
    adjusted[ascending] = np.minimum(np.maximum.accumulate(factors * np.asarray(p_values)[ascending]), 1)
    return [float(p) for p in adjusted]


def equivalence_power(replicates: int, sd: float, margin: float) -> float:
    """P(the 90% interval lies inside ±margin) where the true difference is 0, R ≥ 2 replicates.

    2 P(T > t₀.₉₅) − 1 for the noncentral T, right to a percent where it is above one half.

    >>> [round(equivalence_power(40, sd, np.log(1.1)), 2) for sd in (0.195, 0.22, 0.30)]
    [0.84, 0.7, 0.26]
    """
    return max(0.0, 2 * _exceeds(replicates, sd, margin, 1 - ALPHA) - 1)


def difference_power(replicates: int, sd: float, difference: float) -> float:
    """P(the paired t-test at 5% finds a true difference), R ≥ 2 replicates.

    >>> round(difference_power(40, 0.195, np.log(1.1)), 2)
    0.85
    """
    return _exceeds(replicates, sd, abs(difference), 1 - ALPHA / 2)


def replicates_to_decide(sd: float, margin: float, power: float = POWER) -> int:
    """The fewest replicates that decide either way: arms that do not differ are found equivalent, and arms
    that differ by the margin different, each with probability `power`.

    Args:
        sd: standard deviation of one replicate's difference; margin > 0, in the same unit.

    Raises:
        ShapeError: a negative sd, a margin that is not positive, a power outside (0, 1).

    >>> [replicates_to_decide(sd, np.log(1.1)) for sd in (0.19, 0.28, 0.30)]
    [36, 76, 87]
    """
    if not (sd >= 0 and margin > 0 and 0 < power < 1):
        raise ShapeError(f"expected sd ≥ 0, margin > 0 and 0 < power < 1, got {sd}, {margin}, {power}")
    replicates = max(2, ceil(_by_the_normal(sd / margin, power)))  # never too many: t has the wider tails
    while min(equivalence_power(replicates, sd, margin), difference_power(replicates, sd, margin)) < power:
        replicates += 1
    return replicates


def _by_the_normal(spread: float, power: float) -> float:
    """R with the normal in place of t; spread = sd/margin."""
    equivalence = ndtri(1 - ALPHA) + ndtri((1 + power) / 2)
    difference = ndtri(1 - ALPHA / 2) + ndtri(power)
    return float((spread * max(equivalence, difference)) ** 2)


def _exceeds(replicates: int, sd: float, shift: float, level: float) -> float:
    """P(T > the t quantile at `level`), T noncentral t with δ = shift √R/sd."""
    degrees = replicates - 1
    delta = min(shift * sqrt(replicates) / sd, _LARGEST_SHIFT) if sd > 0 else _LARGEST_SHIFT
    return float(1 - nctdtr(degrees, delta, stdtrit(degrees, level)))

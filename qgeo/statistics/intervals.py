"""Intervals for pairs of arms beside Student's t: bootstrap-t, ratios, probability of improvement.

    bootstrap_t                 x̄ − t*_q s/√n, t* = (x̄* − x̄)/(s*/√n) resampled
    ratio_of_means              {ρ : |ā − ρb̄| ≤ t(n−1) s_{a−ρb}/√n}, Fieller's interval
    probability_of_improvement  P(a_i < b_i) + ½P(a_i = b_i), Wilson's interval

Efron & Tibshirani 1993, chapter 12; Fieller 1954; Agarwal et al. 2021 (arXiv 2108.13264). The unit is the
replicate: a number for each, the mean of its final seeds. A diverged one (None, NaN, infinite) leaves no mean
and no interval, as in `statistics/means.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from qgeo.statistics.means import DRAWS, LEVEL, Floats, Interval, differences, one_axis

Values = Sequence[float | None] | Floats


def bootstrap_t(
    values: Values, generator: np.random.Generator, draws: int = DRAWS, level: float = LEVEL
) -> Interval:
    """Mean with the bootstrap-t interval: resampled means in units of their own standard errors.

    Second-order correct where the t interval is of first order: for skewed values. No interval where a
    resample without spread reaches the quantile, which happens below about five values.

    >>> bootstrap_t([1.0, 2.0, 3.0, 4.0, 5.0, 9.0], np.random.default_rng(0)).mean
    4.0
    """
    runs = one_axis(values)
    if not np.isfinite(runs).all():
        return Interval(None, None, None, runs.size)
    mean = float(runs.mean())
    if runs.size < 2:
        return Interval(mean, None, None, runs.size)
    resampled = runs[generator.integers(0, runs.size, (draws, runs.size))]
    shift, spread = resampled.mean(1) - mean, resampled.std(1, ddof=1)
    beyond = np.where(shift == 0, 0.0, np.copysign(np.inf, shift))  # all alike, and so no standard error
    ratios = np.divide(shift, spread, out=beyond, where=spread > 0)
    tails = [(1 + level) / 2, (1 - level) / 2]
    low, high = mean - np.quantile(ratios, tails, method="inverted_cdf") * runs.std(ddof=1)
    whole = np.isfinite(low) and np.isfinite(high)
    return Interval(mean, float(low) if whole else None, float(high) if whole else None, runs.size)


def ratio_of_means(ours: Values, theirs: Values, level: float = LEVEL) -> Interval:
    """mean(ours)/mean(theirs) of pairs with Fieller's interval, exact for normal pairs.

    With n the pairs, t = t(n−1) and s the covariances, the interval is where

        (b̄² − t²s_bb/n) ρ² − 2 (āb̄ − t²s_ab/n) ρ + ā² − t²s_aa/n ≤ 0,

    bounded exactly if b̄ differs from zero at this level. Where it does not, the set is unbounded (all ρ, or
    all outside an interval): there is no interval then, and nothing may be concluded.

    Raises:
        ShapeError: different numbers of pairs.

    >>> ratio_of_means([4.0, 6.2, 5.0, 5.2], [2.0, 3.0, 2.6, 2.4])
    Interval(mean=2.04, ci_low=1.86..., ci_high=2.20..., n=4)
    """
    if not np.isfinite(differences(ours, theirs)).all():
        return Interval(None, None, None, one_axis(ours).size)
    pairs = np.stack([one_axis(ours), one_axis(theirs)])
    count, (ours_mean, theirs_mean) = pairs.shape[1], pairs.mean(1)
    if theirs_mean == 0:
        return Interval(None, None, None, count)
    ratio = float(ours_mean / theirs_mean)
    ends = _fieller(pairs, level) if count > 1 else None
    return Interval(ratio, None, None, count) if ends is None else Interval(ratio, *ends, count)


def probability_of_improvement(ours: Values, theirs: Values, level: float = LEVEL) -> Interval:
    """P(ours_i < theirs_i) over pairs, ties as halves, with Wilson's score interval.

    >>> probability_of_improvement([1.0, 2.0, 3.0, 4.0], [2.0, 3.0, 4.0, 3.0])
    Interval(mean=0.75, ci_low=0.300..., ci_high=0.954..., n=4)
    """
    gaps = differences(ours, theirs)
    if not np.isfinite(gaps).all():
        return Interval(None, None, None, gaps.size)
    share = float((gaps < 0).mean() + (gaps == 0).mean() / 2)
    quantile = ndtri((1 + level) / 2)
    total = gaps.size + quantile**2
    centre = (gaps.size * share + quantile**2 / 2) / total
    half = quantile / total * np.sqrt(gaps.size * share * (1 - share) + quantile**2 / 4)
    return Interval(share, float(centre - half), float(centre + half), gaps.size)


def paired_p(ours: Values, theirs: Values) -> float | None:
    """Two-sided p of the paired t-test of no difference; None where there is no interval.

    >>> round(paired_p([1.0, 2.0, 3.0], [1.5, 2.4, 3.9]), 4)
    0.0591
    """
    gaps = differences(ours, theirs)
    if gaps.size < 2 or not np.isfinite(gaps).all():
        return None
    error = gaps.std(ddof=1) / np.sqrt(gaps.size)
    if error == 0:  # the statistic is 0/0, or infinite
        return float(gaps[0] == 0)
    return float(2 * stdtr(gaps.size - 1, -abs(gaps.mean()) / error))


def _fieller(pairs: Floats, level: float) -> tuple[float, float] | None:
    """The ends of a bounded interval, from pairs (2, n)."""
    count, means = pairs.shape[1], pairs.mean(1)
    quantile = stdtrit(count - 1, (1 + level) / 2)
    moments = np.outer(means, means) - quantile**2 * np.cov(pairs) / count
    square, linear, constant = moments[1, 1], moments[0, 1], moments[0, 0]
    if square <= 0:
        return None
    root = np.sqrt(max(linear**2 - square * constant, 0.0))
    return float((linear - root) / square), float((linear + root) / square)

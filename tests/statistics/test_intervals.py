"""Intervals of pairs: coverage by simulation, and what has none.

The comment in each test names the planted faults it was seen to fail under.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from qgeo.errors import ShapeError
from qgeo.statistics.intervals import bootstrap_t, paired_p, probability_of_improvement, ratio_of_means
from qgeo.statistics.means import Interval, mean_interval


def coverage(intervals: list[Interval], truth: float) -> float:
    return float(np.mean([i.ci_low <= truth <= i.ci_high for i in intervals]))


def error(repeats: int) -> float:
    """Four standard errors of a coverage of 95%."""
    return 4 * float(np.sqrt(0.95 * 0.05 / repeats))


# --- bootstrap-t ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("replicates", [8, 40])
def test_bootstrap_t_covers_where_values_are_normal(replicates: int):
    # Seen to fail: quantiles exchanged, resampled means without their own standard errors.
    generator, repeats = np.random.default_rng(replicates), 1500
    draws = generator.normal(3.0, 2.0, (repeats, replicates))
    found = coverage([bootstrap_t(row, generator, draws=600) for row in draws], 3.0)
    assert abs(found - 0.95) < error(repeats) + 0.01


def test_bootstrap_t_covers_skewed_values_better_than_t():
    # Seen to fail: quantiles exchanged.
    generator = np.random.default_rng(0)
    draws = generator.lognormal(0, 1, (1500, 20))
    truth = float(np.exp(0.5))
    ours = coverage([bootstrap_t(row, generator, draws=600) for row in draws], truth)
    students = coverage([mean_interval(row) for row in draws], truth)
    assert ours > 0.89 > students + 0.015


def test_bootstrap_t_has_no_interval_of_very_few_values():
    generator = np.random.default_rng(0)
    assert bootstrap_t([1.0, 2.0, 3.0], generator) == Interval(2.0, None, None, 3)
    assert bootstrap_t([1.0], generator) == Interval(1.0, None, None, 1)
    assert bootstrap_t([2.0, 2.0, 2.0], generator) == Interval(2.0, 2.0, 2.0, 3)
    assert bootstrap_t([1.0, None], generator) == Interval(None, None, None, 2)


# --- Fieller ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("replicates", [5, 40])
def test_fieller_covers_at_its_level(replicates: int):
    # Seen to fail: covariances not divided by n, their cross term left out, the normal's quantile.
    generator, repeats = np.random.default_rng(replicates), 3000
    shared = generator.normal(size=(repeats, replicates))
    ours = 0.9 + 0.3 * shared + 0.2 * generator.normal(size=shared.shape)
    theirs = 1.5 + 0.3 * shared + 0.1 * generator.normal(size=shared.shape)
    found = [ratio_of_means(*pair) for pair in zip(ours, theirs, strict=True)]
    assert abs(coverage(found, 0.6) - 0.95) < error(repeats)


def test_fieller_holds_the_ratios_that_a_t_test_does_not_reject():
    generator = np.random.default_rng(1)
    ours, theirs = generator.normal(1.1, 0.2, 9), generator.normal(1.0, 0.2, 9)
    found = ratio_of_means(ours, theirs)
    for end in (found.ci_low, found.ci_high):
        assert_allclose(stats.ttest_1samp(ours - end * theirs, 0).pvalue, 0.05, rtol=1e-9)
    assert found.mean == pytest.approx(ours.mean() / theirs.mean())
    assert found.ci_low < ratio_of_means(ours, theirs, 0.5).ci_low < found.mean


def test_a_ratio_to_what_may_be_zero_has_no_interval():
    # Seen to fail: the roots of the unbounded set given as an interval.
    theirs = np.array([-1.0, 1.0, 0.5, 0.2])
    assert stats.ttest_1samp(theirs, 0).pvalue > 0.05
    found = ratio_of_means([1.0, 1.1, 0.9, 1.0], theirs)
    assert (found.ci_low, found.ci_high, found.n) == (None, None, 4)
    assert ratio_of_means([1.0, 2.0], [-1.0, 1.0]) == Interval(None, None, None, 2)
    assert ratio_of_means([1.0], [2.0]) == Interval(0.5, None, None, 1)
    assert ratio_of_means([1.0, np.nan], [2.0, 1.0]) == Interval(None, None, None, 2)
    with pytest.raises(ShapeError, match="same seeds"):
        ratio_of_means([1.0], [1.0, 2.0])


# --- probability of improvement ---------------------------------------------------------------------------


@pytest.mark.parametrize("wins", [0, 3, 17, 20])
def test_probability_of_improvement_is_wilsons(wins: int):
    # Seen to fail: improvement upwards, the half-width without its z²/4.
    ours = np.where(np.arange(20) < wins, -1.0, 1.0)
    expected = stats.binomtest(wins, 20).proportion_ci(method="wilson")
    found = probability_of_improvement(ours, np.zeros(20))
    assert_allclose([found.mean, found.ci_low, found.ci_high], [wins / 20, *expected], atol=1e-12)


def test_ties_are_half_an_improvement():
    # Seen to fail: ties as none.
    assert probability_of_improvement([1.0, 1.0], [1.0, 1.0]).mean == 0.5
    assert probability_of_improvement([1.0, None], [1.0, 1.0]) == Interval(None, None, None, 2)


# --- paired t ---------------------------------------------------------------------------------------------


def test_paired_p_is_scipys_and_has_its_ends():
    # Seen to fail: 0/0 where all differences are 0.
    generator = np.random.default_rng(2)
    ours, theirs = generator.normal(size=(2, 12))
    assert_allclose(paired_p(ours, theirs), stats.ttest_rel(ours, theirs).pvalue)
    assert paired_p(ours, ours) == 1
    assert paired_p([1.0, 2.0], [0.5, 1.5]) == 0
    assert paired_p([1.0], [0.5]) is None
    assert paired_p([1.0, None], [0.5, 1.0]) is None

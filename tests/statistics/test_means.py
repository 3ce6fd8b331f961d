"""Intervals over seeds: coverage by simulation, and what a diverged run does to them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from qgeo.errors import ShapeError
from qgeo.statistics.means import (
    Interval,
    bootstrap_mean,
    curve_band,
    interquartile_mean,
    mean_interval,
    paired_difference,
    read_difference,
)

DIVERGED = [None, float("nan"), float("inf"), float("-inf")]


def coverage(intervals: list[Interval], truth: float) -> float:
    return float(np.mean([i.ci_low <= truth <= i.ci_high for i in intervals]))


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_t_interval_covers_at_its_level(seeds):
    # Seen to fail with ddof=0, with the normal quantile, and with n in place of n − 1 degrees of freedom.
    repeats = 4000
    draws = np.random.default_rng(seeds).normal(2.0, 0.3, (repeats, seeds))
    found = coverage([mean_interval(row) for row in draws], 2.0)
    assert abs(found - 0.95) < 4 * np.sqrt(0.95 * 0.05 / repeats)


@pytest.mark.parametrize(("seeds", "nominal_at_most"), [(3, 0.80), (5, 0.87)])
def test_percentile_bootstrap_is_too_narrow_with_few_seeds(seeds, nominal_at_most):
    # Why it is not the default; the docstring quotes these coverages.
    generator = np.random.default_rng(seeds)
    draws = generator.normal(size=(600, seeds))
    assert coverage([bootstrap_mean(row, generator, draws=400) for row in draws], 0.0) < nominal_at_most


def test_percentile_bootstrap_covers_with_many_seeds():
    generator = np.random.default_rng(0)
    draws = generator.normal(size=(600, 60))
    assert coverage([bootstrap_mean(row, generator, draws=400) for row in draws], 0.0) > 0.91


def test_t_interval_matches_scipy():
    values = [2.31, 2.40, 2.28, 2.35]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    found = mean_interval(values)
    assert_allclose([found.ci_low, found.ci_high], [expected.low, expected.high], rtol=1e-12)
    assert found.n == 4
    narrower = mean_interval(values, level=0.5)
    assert found.ci_low < narrower.ci_low < narrower.mean < narrower.ci_high < found.ci_high


def test_interquartile_mean_cuts_a_quarter_at_each_end():
    values = [[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 1e6]]
    found = interquartile_mean(values, np.random.default_rng(0))
    assert found.mean == pytest.approx(np.mean([2, 3, 4, 5]))
    assert found.n == 8
    assert found.ci_low <= found.mean <= found.ci_high


def test_interquartile_mean_resamples_inside_strata():
    # Constant strata leave nothing to resample; seen to fail when runs were pooled before resampling.
    found = interquartile_mean([[1.0] * 4, [3.0] * 4], np.random.default_rng(0))
    assert (found.ci_low, found.mean, found.ci_high) == (2.0, 2.0, 2.0)


def test_bootstraps_repeat_with_the_same_generator():
    values = np.random.default_rng(0).normal(size=9)
    for statistic in (bootstrap_mean, lambda v, g: interquartile_mean([v], g)):
        first, second = (statistic(values, np.random.default_rng(7)) for _ in range(2))
        assert first == second
        assert first != statistic(values, np.random.default_rng(8))


def test_pairing_removes_what_seeds_share():
    shared = np.random.default_rng(0).normal(size=10)
    ours, theirs = shared + 0.1, shared
    found = paired_difference(ours, theirs)
    assert_allclose([found.mean, found.ci_low, found.ci_high], 0.1, atol=1e-12)


@pytest.mark.parametrize("diverged", DIVERGED)
def test_a_diverged_run_is_said_and_never_dropped(diverged):
    # Seen to fail when None was filtered out.
    nothing = Interval(None, None, None, 3)
    generator = np.random.default_rng(0)
    assert mean_interval([1.0, diverged, 2.0]) == nothing
    assert paired_difference([1.0, diverged, 2.0], [1.0, 1.0, 1.0]) == nothing
    assert paired_difference([1.0, 1.0, 1.0], [1.0, diverged, 2.0]) == nothing
    assert paired_difference([1.0, diverged, 1.0], [1.0, diverged, 2.0]) == nothing
    assert bootstrap_mean([1.0, diverged, 2.0], generator) == nothing
    assert interquartile_mean([[1.0, diverged, 2.0]], generator) == nothing


def test_one_seed_has_a_mean_and_no_interval():
    generator = np.random.default_rng(0)
    alone = Interval(2.5, None, None, 1)
    assert mean_interval([2.5]) == alone
    assert bootstrap_mean([2.5], generator) == alone
    assert interquartile_mean([[2.5]], generator) == alone
    assert paired_difference([3.0], [0.5]) == alone


def test_band_is_the_interval_at_each_step_and_ends_with_a_diverged_run():
    curves = np.random.default_rng(0).normal(size=(4, 3))
    curves[1, 2] = np.nan
    band = curve_band(curves)
    for step in range(2):
        expected = mean_interval(curves[:, step])
        found = [band.mean[step], band.low[step], band.high[step]]
        assert_allclose(found, [expected.mean, expected.ci_low, expected.ci_high])
    assert np.isnan([band.mean[2], band.low[2], band.high[2]]).all()


def test_band_of_one_seed_has_no_width():
    band = curve_band([[1.0, 2.0]])
    assert_allclose(band.mean, [1, 2])
    assert np.isnan(band.low).all()
    assert np.isnan(band.high).all()


@pytest.mark.parametrize(
    ("low", "high", "reading"),
    [
        (-0.3, -0.1, "lower"),
        (0.1, 0.3, "higher"),
        (-0.3, 0.1, "undecided"),
        (-0.009, 0.009, "none"),
        (0.001, 0.009, "none"),
        (-0.02, 0.005, "undecided"),
        (0.0, 0.3, "undecided"),  # seen to fail: zero taken for excluded where an interval ends at it
        (-0.3, 0.0, "undecided"),
        (-0.01, 0.01, "none"),
        (None, None, "open"),
    ],
)
def test_reading_of_a_difference(low, high, reading):
    assert read_difference(Interval(0.0, low, high, 5), margin=0.01) == reading


@pytest.mark.parametrize("values", [[], [[1.0, 2.0]]])
def test_runs_are_a_row_of_numbers(values):
    with pytest.raises(ShapeError, match="one number per run"):
        mean_interval(values)


def test_unequal_numbers_of_seeds_are_refused():
    with pytest.raises(ShapeError, match="same seeds"):
        paired_difference([1.0, 2.0], [1.0])
    with pytest.raises(ShapeError, match="seeds, steps"):
        curve_band([1.0, 2.0])
    with pytest.raises(ShapeError, match="stratum"):
        interquartile_mean([], np.random.default_rng(0))

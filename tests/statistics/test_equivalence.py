"""Equivalence, Holm's adjustment and power, against simulation and published numbers.

The comment in each test names the planted faults it was seen to fail under.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from qgeo.errors import ShapeError
from qgeo.statistics.equivalence import (
    difference_power,
    equivalence_power,
    holm,
    is_equivalent,
    replicates_to_decide,
)
from qgeo.statistics.means import Interval, mean_interval

MARGIN = float(np.log(1.1))


def share_equivalent(values: np.ndarray, margin: float) -> float:
    """Of rows of replicates, by two one-sided t-tests of SciPy's."""
    above, below = (
        stats.ttest_1samp(values + shift, 0, axis=1, alternative=side).pvalue
        for shift, side in ((margin, "greater"), (-margin, "less"))
    )
    return float((np.maximum(above, below) < 0.05).mean())


def test_tost_is_wrong_in_five_percent_of_cases_at_the_margin():
    # Seen to fail with the 95% interval, and with the 80% one.
    draws = np.random.default_rng(0).normal(MARGIN, 0.2, (4000, 40))
    found = np.mean([is_equivalent(mean_interval(row, 0.9), -MARGIN, MARGIN) for row in draws])
    assert abs(found - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 4000)
    assert found == share_equivalent(draws, MARGIN)


@pytest.mark.parametrize(
    ("low", "high", "equivalent"),
    [(-0.1, 0.1, True), (-0.11, 0.0, False), (0.0, 0.11, False), (0.02, 0.05, True), (None, None, False)],
)
def test_equivalent_is_inside_the_margin(low, high, equivalent: bool):
    assert is_equivalent(Interval(0.0, low, high, 40), -0.1, 0.1) == equivalent


@pytest.mark.parametrize(("sd", "published"), [(0.195, 0.83), (0.22, 0.70), (0.30, 0.27)])
def test_power_of_equivalence_is_simulated_and_published(sd: float, published: float):
    # Seen to fail: the two-sided quantile, one tail alone, sd/√(R−1).
    draws = np.random.default_rng(1).normal(0, sd, (20_000, 40))
    assert abs(share_equivalent(draws, MARGIN) - equivalence_power(40, sd, MARGIN)) < 0.015
    assert abs(published - equivalence_power(40, sd, MARGIN)) < 0.015


def test_power_of_the_paired_test_is_simulated():
    # Seen to fail: the one-sided quantile.
    draws = np.random.default_rng(2).normal(MARGIN, 0.25, (20_000, 40))
    found = (stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05).mean()
    assert abs(found - difference_power(40, 0.25, MARGIN)) < 0.01
    assert difference_power(40, 0.25, -MARGIN) == difference_power(40, 0.25, MARGIN)


@pytest.mark.parametrize("sd", [0.05, 0.19, 0.28, 0.30, 1.0])
def test_replicates_are_the_fewest_that_decide(sd: float):
    # Seen to fail: one power alone, the normal's number returned as it is.
    count = replicates_to_decide(sd, MARGIN)
    powers = [
        min(equivalence_power(n, sd, MARGIN), difference_power(n, sd, MARGIN)) for n in (count, count - 1)
    ]
    assert powers[0] >= 0.8 > powers[1]


def test_replicates_of_the_published_spreads():
    assert [replicates_to_decide(sd, MARGIN) for sd in (0.19, 0.28, 0.30)] == [36, 76, 87]  # 35, 76, 85 seen
    assert replicates_to_decide(0.0, MARGIN) == 2
    assert replicates_to_decide(1e-9, MARGIN) == 2
    assert replicates_to_decide(30.0, MARGIN) > 800_000
    with pytest.raises(ShapeError, match="margin > 0"):
        replicates_to_decide(0.1, 0.0)


def test_holm_is_its_published_example():
    # Seen to fail: Bonferroni, no running maximum, the ascending order returned.
    assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])  # R's p.adjust
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_keeps_the_family_wise_error():
    generator = np.random.default_rng(3)
    families = generator.uniform(size=(4000, 5))
    wrong = np.mean([min(holm(family)) < 0.05 for family in families])
    assert abs(wrong - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 4000)

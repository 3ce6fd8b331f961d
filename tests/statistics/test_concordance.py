"""Kendall's τ within strata against SciPy's and against a count by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import kendalltau

from qgeo.errors import ShapeError
from qgeo.statistics.concordance import stratified_kendall


def test_one_stratum_without_ties_is_kendall_s():
    x, y = np.random.default_rng(0).normal(size=(2, 30))
    assert stratified_kendall(x, y, [0] * 30) == pytest.approx(kendalltau(x, y).statistic)


def test_pairs_of_different_strata_and_ties_count_nothing():
    # Seen to fail: pairs across strata counted; ties in the denominator; the sign of one factor dropped.
    generator = np.random.default_rng(1)
    x, y = generator.integers(0, 4, (2, 40))
    strata = generator.integers(0, 5, 40).tolist()
    kept = [
        np.sign(x[i] - x[j]) * np.sign(y[i] - y[j])
        for i, j in combinations(range(40), 2)
        if strata[i] == strata[j] and x[i] != x[j] and y[i] != y[j]
    ]
    assert stratified_kendall(x, y, strata) == pytest.approx(np.mean(kept))


def test_nothing_to_compare_and_mistakes():
    assert stratified_kendall([1, 1], [2, 3], ["a", "a"]) is None
    with pytest.raises(ShapeError, match=r"strata \(1\), got shapes \(2,\) and \(2,\)"):
        stratified_kendall([1, 2], [1, 2], ["a"])
    with pytest.raises(ShapeError, match="finite numbers"):
        stratified_kendall([1, np.nan], [1, 2], ["a", "a"])

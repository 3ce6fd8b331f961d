"""Parts of an estimate's noise, averaged over contexts by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from qgeo.estimators.estimate import Spread, mean_spread


def spread(quadratic: float, squares: float) -> Spread:
    one = np.ones((1, 1))
    return Spread(plug_in=2 * one, quadratic=quadratic * one, rare=3 * one, squares=np.array([squares]))


def test_the_spread_of_a_mean_is_that_of_independent_parts():
    # Seen to fail: squares weighted by the cubes of the shares.
    mean = mean_spread([spread(1, -4), spread(9, -8)], np.array([0.75, 0.25]))
    assert mean.plug_in.item() == pytest.approx(2 * (9 + 1) / 16)
    assert mean.rare.item() == pytest.approx(3 * (9 + 1) / 16)
    assert mean.quadratic.item() == pytest.approx((9 * 1 + 1 * 9) / 16)
    # Both parts make half of the quadratic variance: the mean of 0.75 · −4 and 0.25 · −8.
    assert_allclose(mean.squares, [-2.5])

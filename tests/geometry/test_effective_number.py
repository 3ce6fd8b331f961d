"""N_eff, and the damping that gives it: against eigenvalues of products and of the filter.

The comment in each test names the planted faults it was seen to fail under.
"""

from __future__ import annotations

import numpy as np
import pytest
from filter_cases import race
from numpy.testing import assert_allclose

from qgeo.geometry.effective_number import damping_with, effective_directions
from qgeo.geometry.filter import spectral_filter


def test_effective_directions_count_on_the_range_of_f_c():
    # Seen to fail: tr in place of its square, M in place of M⁺.
    made = race(2, 16)
    kept = spectral_filter(made.f_c, made.f_q).kept
    assert_allclose(effective_directions(made.f_q, made.f_c), kept.sum() ** 2 / (kept**2).sum(), rtol=1e-8)
    assert_allclose(effective_directions(made.f_c, made.f_c), (kept > 1e-9).sum(), rtol=1e-8)
    assert (kept > 1e-9).sum() < len(made.gradient)  # the last RZ move no outcome
    product = made.f_c @ np.linalg.inv(made.f_c + 0.2 * np.eye(len(made.f_c)))
    expected = np.trace(product) ** 2 / np.trace(product @ product)
    assert_allclose(effective_directions(made.f_c + 0.2 * np.eye(len(made.f_c)), made.f_c), expected)
    assert effective_directions(np.diag([0.0, 1.0]), np.diag([1.0, 0.0])) == 0


@pytest.mark.parametrize("directions", [8.99, 7.0, 5.0])
def test_damping_gives_f_c_the_directions_asked_for(directions: float):
    made = race(2, 16)
    damping = damping_with(directions, made.f_c)
    assert damping is not None
    assert damping > 0
    reached = effective_directions(made.f_c + damping * np.eye(len(made.f_c)), made.f_c)
    assert_allclose(reached, directions, rtol=1e-7)


def test_directions_that_no_damping_reaches_are_none():
    # Seen to fail: a root sought beyond the participation ratio, the null space counted.
    spectrum = np.array([4.0, 2.0, 1.0])
    f_c, least = np.diag([*spectrum, 0.0]), spectrum.sum() ** 2 / (spectrum**2).sum()
    assert damping_with(3, f_c) == 0
    assert damping_with(3.001, f_c) is None
    assert damping_with(least, f_c) is None
    assert damping_with(least - 0.1, f_c) is None
    assert damping_with(least + 1e-4, f_c) > 1e3
    assert damping_with(1, np.zeros((2, 2))) is None

"""Angles between steps, against rotations and against a metric's own square root.

Seen to fail: radians, the metric on one norm only, cosines that are not clipped.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from qgeo.errors import ShapeError
from qgeo.geometry.angles import angles_between


@pytest.mark.parametrize("degrees", [0.0, 1e-3, 30.0, 90.0, 179.0, 180.0])
def test_a_rotation_by_an_angle_has_it_whatever_the_lengths(degrees):
    turned = [np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0.0]
    found = angles_between([[1e-8, 0.0, 0.0], np.multiply(1e5, turned)])
    assert_allclose(found, [[0, degrees], [degrees, 0]], atol=1e-5)


def test_rounding_makes_no_angle_of_what_is_no_number():
    for step in np.random.default_rng(1).normal(size=(50, 7)):
        found = angles_between([step, 3 * step, -0.7 * step])
        assert_allclose(found, [[0, 0, 180], [0, 0, 180], [180, 180, 0]], atol=1e-5)


def test_in_a_metric_they_are_those_of_its_square_root_times_the_steps():
    generator = np.random.default_rng(0)
    root, steps = generator.normal(size=(7, 5)), generator.normal(size=(4, 5))
    assert_allclose(angles_between(steps, root.T @ root), angles_between(steps @ root.T), atol=1e-10)


def test_a_natural_gradient_turns_by_less_than_a_right_angle():
    # cos = gᵀF⁻¹g/√(gᵀF⁻²g · gᵀg)
    f, g = np.diag([1.0, 100.0]), np.array([1.0, 10.0])
    natural = np.linalg.solve(f, g)
    expected = np.degrees(np.arccos(g @ natural / np.linalg.norm(g) / np.linalg.norm(natural)))
    assert_allclose(angles_between([g, natural])[0, 1], expected)
    assert 0 < expected < 90


@pytest.mark.parametrize(
    ("steps", "metric", "message"),
    [
        ([1.0, 2.0], None, r"expected steps \(K, P\) of finite numbers, a row each, got shape \(2,\)"),
        ([[1.0], [np.nan]], None, "of finite numbers"),
        ([[1.0, 0.0], [0.0, 0.0]], None, "expected steps with a length in the metric, got none of step 1"),
        ([[1.0, 0.0], [0.0, 1.0]], np.diag([1.0, 0.0]), "got none of step 1"),
        ([[1.0, 0.0]], np.eye(3), "expected a metric of 2 parameters, got one of 3"),
    ],
)
def test_mistakes(steps, metric, message):
    with pytest.raises(ShapeError, match=message):
        angles_between(steps, metric)

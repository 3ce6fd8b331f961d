"""How much of a step fits: divergences of known shape, quadratic and not.

The comment in each test names the planted faults it was seen to fail under, of: one-sided (the first length
that fits is taken, however short), creep (a fixed factor for the quadratic guess), NaN (read as a
divergence that fits).
"""

from __future__ import annotations

import math

import pytest

from qgeo.optim.trust_region import longest_within

SHAPES = {
    "quadratic": lambda s: 30 * s**2,
    "huge": lambda s: 1e30 * s**2,
    "linear": lambda s: 1e6 * s + s**2,
    "quadratic-then-linear": lambda s: 1e20 * s**2 / (1 + 1e10 * s),
    "saturating": lambda s: 14 * (1 - math.exp(-1e10 * s**2)),
    "steep": lambda s: math.expm1(min(500 * s**2, 700)),
    "periodic": lambda s: 1 - math.cos(1e4 * s) if s < 0.01 else 2.0,
    "infinite": lambda s: 1e6 * s**2 if s < 1e-7 else math.inf,
    "no-number": lambda s: 30 * s**2 if s < 0.3 else math.nan,
    "infinite-below-one": lambda s: s**2 / 100 if s < 0.8 else math.inf,
}


@pytest.mark.parametrize("limit", [1e-6, 1e-3, 0.1])
@pytest.mark.parametrize("shape", SHAPES)
def test_length_uses_the_region_and_stays_inside(shape, limit):
    # Seen to fail under one-sided, NaN.
    divergence = SHAPES[shape]
    length = longest_within(limit, divergence)
    assert 0 < length <= 1
    at_a_cliff = not divergence(1.01 * length) <= limit
    assert divergence(length) <= limit
    assert divergence(length) >= limit / 2 or at_a_cliff


def test_whole_step_is_taken_where_it_fits():
    calls = []
    assert longest_within(0.1, lambda s: calls.append(s) or 0.01 * s) == 1.0
    assert calls == [1.0]


def test_quadratic_step_takes_two_looks():
    # Seen to fail under creep.
    calls = []
    longest_within(1e-3, lambda s: calls.append(s) or 40 * s**2)
    assert len(calls) == 2


@pytest.mark.parametrize("value", [math.nan, math.inf, 1.0])
def test_nothing_fits(value):
    assert longest_within(0.1, lambda s: value) == 0.0  # noqa: ARG005


def test_search_ends():
    calls = []
    longest_within(1e-300, lambda s: calls.append(s) or 1e300 * s)
    assert len(calls) <= 60

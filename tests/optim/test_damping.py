"""Damping: the rule of Levenberg and Marquardt as a table, the relative one by its formula, their limits.

The comment in each test names the planted faults it was seen to fail under, of: direction (grow and shrink
exchanged), NaN (a NaN counted as a good step), limits (not kept), sum (tr F for tr F / P).
"""

from __future__ import annotations

import math

import pytest
import torch
from numpy.testing import assert_allclose

from qgeo.errors import ConfigurationError
from qgeo.geometry.operators import DenseMatrix, DiagonalMatrix, GramMatrix
from qgeo.optim.damping import LevenbergMarquardt, RelativeDamping

RULE = LevenbergMarquardt(initial=1.0, shrink=0.5, smallest=0.1, largest=10.0)

CASES = {
    # actual, predicted → what becomes of λ = 1
    "as-predicted": (-1.0, -1.0, 0.5),
    "better": (-3.0, -1.0, 0.5),
    "just-above-three-quarters": (-0.76, -1.0, 0.5),
    "three-quarters": (-0.75, -1.0, 1.0),
    "half": (-0.5, -1.0, 1.0),
    "one-quarter": (-0.25, -1.0, 1.0),
    "just-below-one-quarter": (-0.24, -1.0, 2.0),
    "nothing": (0.0, -1.0, 2.0),
    "worse": (1.0, -1.0, 2.0),
    "nan": (math.nan, -1.0, 2.0),
    "infinite": (math.inf, -1.0, 2.0),
    "model-sees-no-progress": (-1.0, 0.0, 2.0),
    "model-sees-harm": (-1.0, 1.0, 2.0),
    "model-is-nan": (-1.0, math.nan, 2.0),
}


@pytest.mark.parametrize("case", CASES)
def test_damping_follows_the_ratio(case):
    # Seen to fail under direction, NaN.
    actual, predicted, expected = CASES[case]
    assert_allclose(RULE.adapted(1.0, actual, predicted), expected)


def test_damping_shrinks_to_two_thirds_where_nothing_else_is_said():
    # Seen to fail: 1/3.
    assert_allclose(LevenbergMarquardt().adapted(1.0, -1.0, -1.0), 2 / 3)


def test_damping_stays_within_its_limits():
    # Seen to fail under limits.
    good, bad = 1.0, 1.0
    for _ in range(10):
        good, bad = RULE.adapted(good, -1.0, -1.0), RULE.adapted(bad, 1.0, -1.0)
    assert (good, bad) == (0.1, 10.0)


@pytest.mark.parametrize(
    "options",
    [
        {"shrink": 1.0},
        {"shrink": 0.0},
        {"initial": 0.0},
        {"smallest": 0.0},
        {"initial": 1e5},
        {"smallest": 1.0},
        {"initial": math.nan},
    ],
    ids=str,
)
def test_rule_that_cannot_work_is_refused(options):
    with pytest.raises(ConfigurationError, match="shrink"):
        LevenbergMarquardt(**options)


MATRICES = {
    "dense": DenseMatrix(torch.diag(torch.tensor([1.0, 2.0, 6.0]))),
    "gram": GramMatrix(torch.tensor([[1.0, 2.0, 2.0]]), scale=2.0),
    "diagonal": DiagonalMatrix(torch.tensor([0.0, 0.0])),
    "empty": DiagonalMatrix(torch.zeros(0)),
}


@pytest.mark.parametrize(("name", "mean"), [("dense", 3.0), ("gram", 6.0), ("diagonal", 0.0), ("empty", 0.0)])
def test_relative_damping_is_a_part_of_the_mean_eigenvalue(name, mean):
    # Seen to fail under sum.
    assert_allclose(RelativeDamping(0.1).of(MATRICES[name]), 0.1 * mean)


@pytest.mark.parametrize("factor", [-0.1, math.nan])
def test_relative_damping_below_zero_is_refused(factor):
    with pytest.raises(ConfigurationError, match=str(factor)):
        RelativeDamping(factor)

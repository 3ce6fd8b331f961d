"""The effective dimension, against its formula written with a determinant per θ and per n.

The comment in each test names the planted faults it was seen to fail under.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from qgeo.errors import ConfigurationError, ShapeError
from qgeo.geometry.effective_dimension import effective_dimension, normalised_fishers

OBSERVATIONS = [20, 1000, 10**6]


def drawn(parameters: int, rank: int, thetas: int = 7) -> np.ndarray:
    """(T, P, P) matrices of a rank, of very different sizes."""
    generator = np.random.default_rng(parameters)
    roots = generator.normal(size=(thetas, parameters, rank)) * generator.uniform(0.1, 3, size=(thetas, 1, 1))
    return roots @ roots.mT


def by_determinants(fishers: np.ndarray, n: float, gamma: float) -> float:
    kappa = gamma * n / (2 * math.pi * math.log(n))
    size, trace = fishers.shape[1], np.mean([np.trace(f) for f in fishers])
    roots = [math.sqrt(np.linalg.det(np.eye(size) + kappa * size / trace * f)) for f in fishers]
    return 2 * math.log(sum(roots) / len(roots)) / math.log(kappa)


@pytest.mark.parametrize("gamma", [1.0, 0.999])
@pytest.mark.parametrize("rank", [2, 5])
def test_it_is_its_formula(rank: int, gamma: float):
    # Seen to fail: log n in base 10, 2π left out, γ left out, the sum over θ for the mean, the mean of logs
    # for the log of the mean, each F over its own trace, det for √det.
    fishers = drawn(5, rank)
    expected = [by_determinants(fishers, n, gamma) for n in OBSERVATIONS]
    assert_allclose(effective_dimension(fishers, OBSERVATIONS, gamma=gamma), expected, rtol=1e-9)


def test_one_number_of_observations_is_one():
    fishers = drawn(4, 4)
    assert_allclose(effective_dimension(fishers, 500), [by_determinants(fishers, 500, 1.0)])


def test_units_do_not_matter():
    # Seen to fail: F itself in place of F̂.
    fishers = drawn(5, 3)
    assert_allclose(effective_dimension(4 * fishers, 1000), effective_dimension(fishers, 1000))
    assert_allclose(np.trace(normalised_fishers(fishers), axis1=1, axis2=2).mean(), 5)


def test_large_n_counts_the_rank_and_nothing_overflows():
    # Seen to fail: exp of log-volumes of 900 parameters; eigenvalues that are rounding counted.
    assert_allclose(effective_dimension(drawn(5, 2), 1e300), 2, atol=0.02)
    wide = np.broadcast_to(np.eye(900), (3, 900, 900))
    kappa = 1e6 / (2 * math.pi * math.log(1e6))
    assert_allclose(effective_dimension(wide, 1e6), 900 * math.log(1 + kappa) / math.log(kappa))


@pytest.mark.parametrize("given", [[[1.0]], np.ones((2, 3, 4)), np.zeros((0, 2, 2)), [[[np.nan]]]])
def test_what_is_no_stack_of_matrices_is_said(given):
    with pytest.raises(ShapeError, match=r"\(T, P, P\) of finite numbers"):
        effective_dimension(given, 1000)


def test_what_is_no_information_matrix_is_said():
    # Seen to fail: negative eigenvalues cut off.
    with pytest.raises(ShapeError, match="positive mean trace, got 0"):
        effective_dimension(np.zeros((2, 3, 3)), 1000)
    with pytest.raises(ShapeError, match=r"positive semidefinite.*got an eigenvalue -1 of F̂"):
        effective_dimension([np.diag([3.0, -1.0])], 1000)
    assert_allclose(effective_dimension([np.diag([1.0, -1e-16])], 1e300), 1, atol=0.01)


@pytest.mark.parametrize(("n", "shown"), [(18, "18"), (1.1, "1.1"), (1, "1"), (-5, "-5"), (np.nan, "nan")])
def test_where_it_is_not_defined_is_said(n: float, shown: str):
    # Seen to fail: n of 1.1, where n/log n is large again.
    with pytest.raises(ConfigurationError, match=f"at least 19 at γ = 1, got {shown} at γ = 1"):
        effective_dimension(drawn(2, 2), [1000, n])


@pytest.mark.parametrize("gamma", [0, -1.0, 1.5, np.nan, "1"])
def test_gamma_is_a_share(gamma):
    with pytest.raises(ConfigurationError, match="gamma"):
        effective_dimension(drawn(2, 2), 1000, gamma=gamma)
    with pytest.raises(ConfigurationError, match=r"got 1000 at γ = 0\.01"):
        effective_dimension(drawn(2, 2), 1000, gamma=0.01)

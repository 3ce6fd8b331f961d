"""The largest second-order rise, against its Lagrangian dual.

    max over |x|² ≤ r² of bᵀx + ½ xᵀAx  =  min over μ ≥ max(0, λ_max A) of ½ μr² + ½ bᵀ(μ − A)⁻¹b

The comment in each test names the planted faults it was seen to fail under, of: twice (δᵀFδ ≤ 4ε), first
order (H left out), short (the hard case not filled), out (null space of F kept), active (the constraint taken
as active always).
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar

from qgeo.errors import ConfigurationError, ShapeError
from qgeo.geometry.sharpness import sharpest_step

GENERATOR = np.random.default_rng(0)
Q = np.linalg.qr(GENERATOR.normal(size=(5, 5)))[0]


def in_basis(*eigenvalues: float) -> np.ndarray:
    return (Q * np.array(eigenvalues)) @ Q.T


GENERIC = Q @ np.array([0.3, -0.2, 0.5, 0.1, -0.4])
CASES = {
    "indefinite": (in_basis(3, 1, 0.5, -1, -2), in_basis(1, 2, 3, 4, 5), GENERIC),
    "no-gradient": (in_basis(3, 1, 0.5, -1, -2), in_basis(1, 2, 3, 4, 5), np.zeros(5)),
    "hard": (in_basis(3, 1, 0.5, -1, -2), np.eye(5), Q @ np.array([0, 0.01, 0, 0.02, 0])),
    "nearly-hard": (in_basis(3, 1, 0.5, -1, -2), np.eye(5), Q @ np.array([1e-13, 0.01, 0, 0.02, 0])),
    "hard-and-far": (in_basis(3, 2.9, 0.5, -1, -2), np.eye(5), Q @ np.array([0, 5.0, 0, 2.0, 0])),
    "a-maximum-within": (in_basis(-9, -8, -7, -6, -5), np.eye(5), 0.01 * GENERIC),
    "a-maximum-beyond": (in_basis(-9, -8, -7, -6, -5), np.eye(5), 10 * GENERIC),
    "flat": (np.zeros((5, 5)), np.eye(5), GENERIC),
    "degenerate": (np.eye(5), in_basis(1, 2, 3, 4, 5), 1e-17 * GENERIC),
    "singular-fisher": (in_basis(3, 1, 0.5, 7, 9), in_basis(1, 2, 3, 0, 0), GENERIC),
}


def dual(hessian, fisher, gradient, epsilon) -> float:
    spectrum, vectors = np.linalg.eigh(fisher)
    kept = spectrum > 1e-9
    whitening = vectors[:, kept] / np.sqrt(spectrum[kept])
    a, b = whitening.T @ hessian @ whitening, whitening.T @ gradient
    top = max(0.0, np.linalg.eigvalsh(a)[-1])

    def bound(log_shift: float) -> float:
        mu = top + np.exp(log_shift)
        return mu * epsilon + b @ np.linalg.solve(mu * np.eye(len(a)) - a, b) / 2

    grid = np.linspace(-30, 10, 400)
    best = grid[np.argmin([bound(u) for u in grid])]
    found = minimize_scalar(
        bound, bounds=(best - 0.2, best + 0.2), method="bounded", options={"xatol": 1e-10}
    )
    return float(found.fun)


@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 4.0])
@pytest.mark.parametrize("name", CASES)
def test_rise_is_the_dual_bound_and_the_step_attains_it(name, epsilon):
    # Seen to fail under twice, first order, short, out, active.
    hessian, fisher, gradient = CASES[name]
    found = sharpest_step(hessian, fisher, gradient, epsilon)
    assert_allclose(found.rise, dual(hessian, fisher, gradient, epsilon), rtol=1e-7, atol=1e-12)
    attained = gradient @ found.step + found.step @ hessian @ found.step / 2
    assert_allclose(found.rise, attained, rtol=1e-9, atol=1e-15)
    assert found.step @ fisher @ found.step / 2 <= epsilon * (1 + 1e-9)


def test_nothing_goes_into_the_null_space():
    # Seen to fail under out.
    found = sharpest_step(*CASES["singular-fisher"], 0.1)
    assert_allclose(Q[:, 3:].T @ found.step, 0, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_another_parametrization_has_the_same_rise(name):
    hessian, fisher, gradient = CASES[name]
    turn = np.random.default_rng(1).normal(size=(5, 5)) + 3 * np.eye(5)
    turned = sharpest_step(turn.T @ hessian @ turn, turn.T @ fisher @ turn, turn.T @ gradient, 0.05)
    if name != "singular-fisher":  # a range of F turns with the parameters, H's part outside does not
        assert_allclose(turned.rise, sharpest_step(hessian, fisher, gradient, 0.05).rise, rtol=1e-7)


@pytest.mark.parametrize(
    "fisher", [in_basis(1, 2, 3, 4, 5), in_basis(1e-6, 2, 3, 0, 0)], ids=["full", "singular"]
)
def test_at_a_well_specified_minimum_it_is_epsilon(fisher):
    # Seen to fail under twice, first order, short.
    assert_allclose(sharpest_step(fisher, fisher, np.zeros(5), 0.02).rise, 0.02, rtol=1e-9)


def test_a_model_that_nothing_moves_has_none():
    found = sharpest_step(np.eye(2), np.zeros((2, 2)), np.zeros(2), 0.1)
    assert (found.rise, found.step.tolist()) == (0.0, [0.0, 0.0])


def test_mistakes():
    with pytest.raises(ConfigurationError, match="expected epsilon > 0, a finite number, got 0"):
        sharpest_step(np.eye(2), np.eye(2), np.zeros(2), 0)
    with pytest.raises(
        ShapeError, match=r"expected H and g of the size of F \(2, 2\), got \(3, 3\) and \(2,\)"
    ):
        sharpest_step(np.eye(3), np.eye(2), np.zeros(2), 0.1)

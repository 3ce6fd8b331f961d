"""What every estimator shares: rows and a Jacobian, weights, and the mistakes it explains."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from cases import A
from estimators.runs import circuit_of, generic_pair, shared_pair, values_of
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.primitives import StatevectorSampler
from qiskit_aer import AerSimulator

from qgeo.errors import CircuitError, ConfigurationError, QGeoError, ShapeError
from qgeo.estimators.block_diagonal import BlockDiagonalQFI
from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.lin_comb import LinCombQFI
from qgeo.estimators.methods import METHODS, methods_with
from qgeo.estimators.mixed_state import MixedStateQFI
from qgeo.estimators.random_measurement import RandomMeasurementQFI
from qgeo.estimators.running_average import RunningAverage
from qgeo.estimators.spsa import SPSAQFI
from qgeo.estimators.stein import SteinQFI

WITH_DRAWS = methods_with(lambda each: each.has_draws)

# --- rows and a Jacobian --------------------------------------------------------------------------

FULL = ("lin-comb", "mid-circuit", "parameter-shift")
SHARE = np.array([0.2, 0.5, 0.3])
JACOBIAN = np.random.default_rng(1).normal(size=(3, 2, 4))
ROWS = np.random.default_rng(2).uniform(-3, 3, (3, 2))


def mean_of(matrix_of, jacobian=None, weights=None) -> np.ndarray:
    """Σ_x w_x J(x)ᵀ F(x) J(x), written out."""
    weights = np.full(3, 1 / 3) if weights is None else weights
    jacobian = np.broadcast_to(np.eye(2), (3, 2, 2)) if jacobian is None else jacobian
    return sum(
        w * j.T @ matrix_of(shared_pair(), row) @ j for w, j, row in zip(weights, jacobian, ROWS, strict=True)
    )


OPTIONS = {
    "rows": {},
    "weights": {"weights": SHARE},
    "jacobian": {"jacobian": JACOBIAN},
    "both": {"jacobian": JACOBIAN, "weights": SHARE},
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("method", [*FULL, "sampled-cfi", "mixed-state"])
def test_the_mean_over_rows_is_pulled_back(method, options):
    # Seen to fail when weights were ignored; the first row's Jacobian served all.
    estimator = MixedStateQFI() if method == "mixed-state" else METHODS[method]()
    matrix_of = reference.cfim if method == "sampled-cfi" else reference.qfim
    result = estimator.estimate_mean(shared_pair(), ROWS, shots=None, **OPTIONS[options])
    assert_allclose(result.matrix, mean_of(matrix_of, **OPTIONS[options]), rtol=0, atol=1e-8)


def test_blocks_stay_blocks_of_the_circuits_own_angles():
    generator = np.random.default_rng(4)
    rows, jacobian = generator.uniform(-3, 3, (2, 4)), generator.normal(size=(2, 4, 3))
    blocks = np.equal.outer([0, 0, 1, 2], [0, 0, 1, 2])
    pairs = zip(rows, jacobian, strict=True)
    expected = sum(j.T @ (blocks * reference.qfim(generic_pair(), row)) @ j / 2 for row, j in pairs)
    result = BlockDiagonalQFI().estimate_mean(generic_pair(), rows, shots=None, jacobian=jacobian)
    assert_allclose(result.matrix, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", WITH_DRAWS)
def test_the_same_draws_are_pulled_back(method):
    def estimate(**options):
        estimator = METHODS[method](generator=np.random.default_rng(3), draws=3)
        return estimator.estimate_mean(shared_pair(), ROWS[:1], shots=None, **options).matrix

    pullback = JACOBIAN[:1]
    expected = pullback[0].T @ estimate() @ pullback[0]
    assert_allclose(estimate(jacobian=pullback), expected, rtol=0, atol=1e-10)


def test_another_circuit_is_not_taken_for_the_last_one():
    # Seen to fail when the first circuit's plan was kept for good.
    estimator, circuit = LinCombQFI(), circuit_of(1, ("ry", A, 0))
    first = estimator.estimate(circuit, [0.3], shots=None)
    circuit.ry(A, 0)  # the same object, changed
    second = estimator.estimate(circuit, [0.3], shots=None)
    assert (first.matrix.item(), second.matrix.item()) == pytest.approx((1, 4))


# --- mistakes -------------------------------------------------------------------------------------

EVERY = {name: METHODS[name]() for name in METHODS}
pair, at = generic_pair(), values_of(generic_pair())

SHAPES = {
    "too-few": ([0.1, 0.2, 0.3], r"expected 4 values for a, b, c, d, got an array of shape \(3,\)"),
    "a-matrix": ([[0.1, 0.2, 0.3, 0.4]], r"got an array of shape \(1, 4\)"),
    "nan": ([0.1, np.nan, 0.3, 0.4], "finite|NaN|nan"),
    "infinite": ([0.1, np.inf, 0.3, 0.4], "finite|inf"),
    "complex": ([0.1, 1j, 0.3, 0.4], "expected real numbers as values"),
    "words": (["a", "b", "c", "d"], "expected real numbers as values"),
}


@pytest.mark.parametrize("what", SHAPES)
@pytest.mark.parametrize("method", METHODS)
def test_wrong_values_are_refused(method, what):
    values, message = SHAPES[what]
    with pytest.raises(ShapeError, match=message):
        EVERY[method].estimate(pair, values, shots=None)


@pytest.mark.parametrize("shots", [0, 1, -3, 2.5, "many", np.nan], ids=str)
@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("spsa", "stein")])
def test_wrong_shots_are_refused(method, shots):
    # Seen to fail when one shot was enough.
    with pytest.raises(ConfigurationError, match=rf"at least 2 shots per circuit.* or None .*, got {shots}"):
        EVERY[method].estimate(pair, at, shots=shots)


@pytest.mark.parametrize("shots", [0, -3, 2.5, "many", np.nan], ids=str)
@pytest.mark.parametrize("method", ["spsa", "stein"])
def test_one_shot_is_enough_for_random_directions_but_not_fewer(method, shots):
    assert METHODS[method](draws=2).estimate(pair, at, shots=1).shots == {"spsa": 8, "stein": 4}[method]
    with pytest.raises(ConfigurationError, match=rf"at least 1 shots .* got {shots}"):
        EVERY[method].estimate(pair, at, shots=shots)


class OldSampler:
    """Shaped like the primitives that Qiskit removed."""

    run_options = None

    def run(self, circuits, parameter_values):
        raise NotImplementedError


@pytest.mark.parametrize("sampler", [OldSampler(), "aer", 3], ids=["v1", "a-name", "a-number"])
@pytest.mark.parametrize("method", METHODS)
def test_what_is_no_sampler_is_refused(method, sampler):
    expected = f"expected a Qiskit V2 sampler .* got {type(sampler).__name__}"
    with pytest.raises(ConfigurationError, match=expected):
        METHODS[method](sampler)


def one(message, error, call):
    return pytest.param(call, error, message, id=message[:40])


WIDE = circuit_of(21, ("h", 0), ("ry", A, 20))
MISTAKES = [
    one("expected shots for a circuit of 21 qubits", CircuitError, lambda: exact(WIDE)),
    one("expected a method among lin-comb, ", ConfigurationError, lambda: METHODS["qfi"]()),
    one("expected draws ≥ 2, got 1", ConfigurationError, lambda: SPSAQFI(draws=1)),
    one("expected draws ≥ 2, got 1", ConfigurationError, lambda: RandomMeasurementQFI(draws=1)),
    one("expected a spread > 0, a finite number, got 0", ConfigurationError, lambda: SteinQFI(spread=0)),
    one("expected draws to be an integer", ConfigurationError, lambda: SPSAQFI(draws="x")),
    one("expected a numpy Generator as gen", ConfigurationError, lambda: LinCombQFI(generator=5)),
    one("bases among haar, clifford, local", ConfigurationError, lambda: RandomMeasurementQFI(bases="z")),
    one("a memory from 0 to 1, got 2", ConfigurationError, lambda: RunningAverage(LinCombQFI(), memory=2)),
    one("a confidence level between 0 and 1, got 95", ConfigurationError, lambda: level(95)),
    one("shape (B, 4), got (4,)", ShapeError, lambda: mean(at)),
    one("shape (B, 4), got (0, 4)", ShapeError, lambda: mean(np.zeros((0, 4)))),
    one("shape (B, 4), got (2, 3)", ShapeError, lambda: mean(np.zeros((2, 3)))),
    one("expected 1 weights ≥ 0 with sum 1", ShapeError, lambda: mean(at[None], np.array([0.5]))),
    one("expected 1 weights ≥ 0", ShapeError, lambda: mean(at[None], np.array([0.5, 0.5]))),
    one("expected 2 weights ≥ 0", ShapeError, lambda: mean(at + np.zeros((2, 1)), np.array([2.0, -1]))),
]


def exact(circuit: QuantumCircuit):
    return BlockDiagonalQFI().estimate(circuit, [0.3], shots=None)


def level(number: float):
    return FisherEstimate(np.eye(1), np.eye(1), 1, 1).interval(number)


def mean(values, weights=None):
    return LinCombQFI().estimate_mean(pair, values, shots=None, weights=weights)


@pytest.mark.parametrize(("call", "error", "message"), MISTAKES)
def test_mistakes_are_explained(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
    assert isinstance(caught.value, QGeoError)


def test_a_sampler_that_cannot_measure_midway_says_so_itself():
    with pytest.raises(Exception, match="mid-circuit measurement"):
        METHODS["mid-circuit"](StatevectorSampler()).estimate(pair, at, shots=10)


class NoSampler:
    """Has a `run`, as a backend has, and is none."""

    def run(self, *_):
        raise AssertionError


@pytest.mark.parametrize("wrong", [NoSampler(), AerSimulator()], ids=["duck", "backend"])
def test_a_backend_is_no_sampler(wrong):
    with pytest.raises(ConfigurationError, match="expected a Qiskit V2 sampler"):
        METHODS["lin-comb"](wrong)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "jacobian",
    [np.ones((1, 4, 2)), np.ones((2, 3, 2)), np.full((2, 4, 2), np.nan), np.ones((2, 4))],
    ids=["rows", "width", "nan", "flat"],
)
def test_wrong_jacobians_are_refused(method, jacobian):
    # Seen to fail: one row's Jacobian is broadcast over two.
    with pytest.raises(ShapeError, match="Jacobian"):
        METHODS[method]().estimate_mean(generic_pair(), np.zeros((2, 4)), shots=None, jacobian=jacobian)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_no_circuit_and_shots_that_are_no_number(method):
    with pytest.raises(CircuitError, match="expected a QuantumCircuit, got str"):
        METHODS[method]().estimate("circuit", [], shots=None)
    with pytest.raises(ConfigurationError, match="shots per circuit, or None"):
        METHODS[method]().estimate(generic_pair(), np.zeros(4), shots=True)
    with pytest.raises(ShapeError, match="weights"):
        METHODS[method]().estimate_mean(
            generic_pair(), np.zeros((2, 4)), shots=None, weights=np.array([np.nan, 1.0])
        )

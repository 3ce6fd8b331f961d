"""Named repairs, and the running average."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from cases import A
from estimators.runs import ACCEPTED, circuit_of, generic_pair, values_of, with_drawn_shots
from numpy.testing import assert_allclose

from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.estimator import FisherEstimator
from qgeo.estimators.lin_comb import LinCombQFI
from qgeo.estimators.repair import bounded, generator_gaps, nearest_positive_semidefinite, shrunk
from qgeo.estimators.running_average import RunningAverage


def noisy(seed: int, size: int = 4) -> tuple[np.ndarray, FisherEstimate]:
    """A positive semidefinite F, and F plus symmetric noise."""
    generator = np.random.default_rng(seed)
    half = generator.normal(size=(size, size // 2))
    noise = generator.normal(size=(size, size))
    exact = half @ half.T
    return exact, FisherEstimate(exact + noise + noise.T, np.full((size, size), 1.4), 10, 100)


@pytest.mark.parametrize("seed", range(30))
def test_projection_is_never_further_away(seed):
    exact, raw = noisy(seed)
    repaired = nearest_positive_semidefinite(raw)
    assert np.linalg.eigvalsh(repaired.matrix).min() > -1e-12
    assert np.linalg.norm(repaired.matrix - exact) <= np.linalg.norm(raw.matrix - exact) + 1e-12
    again = nearest_positive_semidefinite(repaired)
    assert_allclose(again.matrix, repaired.matrix, rtol=0, atol=1e-12)
    assert again.metadata["repairs"] == ["nearest positive semidefinite"] * 2


def test_projection_is_nearest_among_positive_matrices():
    # Seen to fail when absolute eigenvalues were taken.
    _, raw = noisy(1)
    generator = np.random.default_rng(2)
    best = nearest_positive_semidefinite(raw).matrix
    for _ in range(200):
        step = generator.normal(size=(4, 4)) * 0.1
        other = (best + step) @ np.linalg.pinv(best, hermitian=True) @ (best + step).T
        assert np.linalg.norm(other - raw.matrix) >= np.linalg.norm(best - raw.matrix) - 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_shrinkage_moves_off_diagonal_entries_alone(seed):
    # Seen to fail when standard errors were not squared.
    _, raw = noisy(seed)
    off = ~np.eye(4, dtype=bool)
    weight = min(1, (raw.stderr[off] ** 2).sum() / (raw.matrix[off] ** 2).sum())
    result = shrunk(raw)
    assert_allclose(result.matrix, np.where(off, (1 - weight) * raw.matrix, raw.matrix))
    assert (result.stderr == raw.stderr).all()
    assert result.metadata["repairs"] == [f"shrunk by {weight:.3g}"]


@pytest.mark.parametrize(("matrix", "stderr"), [(np.eye(2), 1.0), (np.ones((2, 2)), 0.0)], ids=str)
def test_shrinkage_leaves_what_is_certain_or_diagonal(matrix, stderr):
    raw = FisherEstimate(matrix, np.full((2, 2), stderr), 1, 1)
    assert (shrunk(raw).matrix == matrix).all()


SMALL = [case for case in ACCEPTED if case.circuit.num_qubits < 5]


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_bounds_never_change_an_exact_matrix(case):
    # Seen to fail when the gap was that of the largest term.
    exact = 4 * reference.qgt_of(*case.vectors).real
    raw = FisherEstimate(exact, np.zeros_like(exact), 0, 0)
    result = bounded(raw, generator_gaps(case.circuit, case.values)).matrix
    assert_allclose(result, exact, rtol=0, atol=1e-11 * max(1, np.abs(exact).max(initial=0)))


def test_bounds_are_reached_and_clip_what_is_beyond():
    circuit = circuit_of(2, ("h", 0), ("cx", 0, 1), ("rz", A, 0), ("rz", A, 1))
    gaps = generator_gaps(circuit, [0.3])
    assert_allclose(gaps**2, reference.qfim(circuit, [0.3])[0])
    raw = FisherEstimate(np.array([[5.0, -3.0], [-3.0, -0.1]]), np.zeros((2, 2)), 0, 0)
    assert_allclose(bounded(raw, np.array([2.0, 1.0])).matrix, [[4, -2], [-2, 0]])


# --- running average ------------------------------------------------------------------------------


class Listed(FisherEstimator):
    """An estimator that gives listed numbers, with standard error 1."""

    def __init__(self, *numbers: float) -> None:
        self.numbers = list(numbers)

    def at_points(self, *_) -> FisherEstimate:
        return FisherEstimate(
            np.full((1, 1), self.numbers.pop(0)), np.ones((1, 1)), 2, 20, resolution=np.ones((1, 1))
        )


AVERAGES = {  # memory: the averages of 1, 3, 8, 4, and the last standard error
    1.0: ([1, 2, 4, 4], np.sqrt(1 / 4)),
    0.0: ([1, 3, 8, 4], 1.0),
    0.6: ([1, 2, 4.4, 4.24], np.sqrt(0.6**2 * (0.6**2 / 2 + 0.4**2) + 0.4**2)),
}


@pytest.mark.parametrize("memory", AVERAGES)
def test_running_average(memory):
    # Seen to fail when the memory was ignored; standard errors were added linearly; the resolution of the
    # second estimate was taken alone.
    expected, error = AVERAGES[memory]
    average = RunningAverage(Listed(1, 3, 8, 4), memory=memory)
    result = [average.estimate(circuit_of(1, ("ry", A, 0)), [0.1], shots=10) for _ in range(4)]
    assert_allclose([each.matrix.item() for each in result], expected)
    assert result[-1].stderr.item() == pytest.approx(error)
    assert result[-1].resolution.item() == pytest.approx(error)
    assert (result[-1].circuits, result[-1].shots) == (2, 20)


def test_running_average_of_shots_comes_closer():
    circuit, values = generic_pair(), values_of(generic_pair())
    average = RunningAverage(with_drawn_shots(LinCombQFI(), seed=1))
    result = [average.estimate(circuit, values, shots=100) for _ in range(200)]
    scores = (result[-1].matrix - reference.qfim(circuit, values)) / result[-1].stderr
    assert np.abs(scores).max() < 4
    assert np.linalg.norm(result[-1].stderr) == pytest.approx(
        np.linalg.norm(result[0].stderr) / np.sqrt(200), rel=0.1
    )

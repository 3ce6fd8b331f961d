"""Running on V2 samplers: what they receive, in how many jobs, and that any of them gives F."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from cases import A, B, C, D
from estimators.runs import (
    Counting,
    Zeros,
    circuit_of,
    generic_pair,
    shared_pair,
    three_repetitions,
    values_of,
)
from qiskit.circuit import ParameterVector
from qiskit.primitives import BackendSamplerV2, StatevectorSampler
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2

from qgeo.circuit.paulis import from_label
from qgeo.estimators.allocation import VarianceWeighted
from qgeo.estimators.block_diagonal import BlockDiagonalQFI
from qgeo.estimators.execution import CircuitTask, Executor
from qgeo.estimators.experiments import append_rotation, empty_circuit
from qgeo.estimators.lin_comb import LinCombQFI
from qgeo.estimators.methods import METHODS, methods_with
from qgeo.estimators.parameter_shift import ParameterShiftQFI

WITH_DRAWS = methods_with(lambda each: each.has_draws)

# --- what a primitive receives --------------------------------------------------------------------

COSTS = {  # of one point of generic_pair (4 terms in 3 layers): jobs, bound circuits
    "lin-comb": (1, 3 + 2 * 2 + 1),
    "mid-circuit": (1, 3 + 2 * 2 + 1),
    "parameter-shift": (1, 4 * 6 + 4),
    "block-diagonal": (1, 3),
    "diagonal": (1, 3),
    "spsa": (1, 4 * 5),
    "stein": (1, 2 * 5),
    "random-measurement": (1, 5 * (1 + 2 * 4)),
    "sampled-cfi": (1, 1 + 2 * 4),
}


@pytest.mark.parametrize("inner", [Zeros(), SamplerV2(seed=1)], ids=["zeros", "aer"])
@pytest.mark.parametrize("method", METHODS)
def test_costs_are_what_the_sampler_received(method, inner):
    jobs, circuits = COSTS[method]
    spy = Counting(inner)
    options = {"draws": 5} if method in WITH_DRAWS else {}
    result = METHODS[method](spy, **options).estimate(generic_pair(), values_of(generic_pair()), shots=8)
    assert (spy.circuits, spy.shots) == (result.circuits, result.shots) == (circuits, 8 * circuits)
    assert spy.jobs == jobs


BIG = {"lin-comb": 66, "mid-circuit": 66, "block-diagonal": 6, "diagonal": 6, "parameter-shift": 4 * 276 + 24}


@pytest.mark.parametrize("method", BIG)
def test_costs_of_24_parameters_on_four_qubits(method):
    spy, circuit = Counting(Zeros()), three_repetitions()
    result = METHODS[method](spy).estimate(circuit, values_of(circuit), shots=2)
    assert spy.circuits == result.circuits == BIG[method]
    assert result.metadata["distinct_circuits"] == BIG[method]
    assert (spy.shots, spy.jobs) == (result.shots, 1) == (2 * BIG[method], 1)


@pytest.mark.parametrize("method", METHODS)
def test_costs_of_three_rows(method):
    # Seen to fail when rows of a circuit without parameters were counted one by one.
    spy, rows = Counting(Zeros()), np.random.default_rng(1).normal(size=(3, 4))
    options = {"draws": 2} if method in WITH_DRAWS else {}
    result = METHODS[method](spy, **options).estimate_mean(generic_pair(), rows, shots=5)
    assert (spy.circuits, spy.shots) == (result.circuits, result.shots)


def test_rows_of_a_circuit_without_parameters_run_as_one():
    spy, circuit = Counting(Zeros()), circuit_of(1, ("h", 0), ("rz", A, 0))
    result = BlockDiagonalQFI(spy).estimate_mean(circuit, np.ones((3, 1)), shots=5)
    assert (spy.circuits, spy.shots) == (result.circuits, result.shots) == (1, 15)


def test_progress_is_told_and_changes_nothing():
    steps: list[tuple[int, int]] = []
    spy, circuit = Counting(Zeros()), generic_pair()
    estimator = ParameterShiftQFI(spy, progress=lambda done, total: steps.append((done, total)))
    result = estimator.estimate_mean(circuit, np.random.default_rng(1).normal(size=(6, 4)), shots=5)
    assert spy.jobs == len(steps) == 3
    assert steps[-1] == (6 * 28, 6 * 28)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert (spy.circuits, spy.shots) == (result.circuits, result.shots) == (6 * 28, 6 * 28 * 5)


def test_the_answers_of_small_jobs_are_put_together_in_order():
    # Seen to fail when rows of a job were reversed.
    angle = ParameterVector("angle", 1)
    circuits = [empty_circuit(1), empty_circuit(1)]
    for circuit in circuits:
        append_rotation(circuit, from_label("X"), angle[0])
        circuit.measure(0, 0)
    flips = np.random.default_rng(1).integers(0, 2, (2, 150))
    executor = Executor(StatevectorSampler(seed=np.random.default_rng(2)), progress=lambda *_: None)
    tasks = [CircuitTask(c, np.pi * row[:, None], 3) for c, row in zip(circuits, flips, strict=True)]
    result, _ = executor.run(tasks)
    assert [[row.bits.item() for row in rows] for rows in result] == flips.astype(bool).tolist()


def test_shots_that_differ_by_circuit_are_counted():
    spy = Counting(SamplerV2(seed=1))
    estimator = LinCombQFI(spy, allocation=VarianceWeighted())
    result = estimator.estimate(generic_pair(), values_of(generic_pair()), shots=200)
    assert (spy.circuits, spy.shots, spy.jobs) == (result.circuits, result.shots, 2)
    assert result.shots == 200 * 8


# --- any sampler gives F --------------------------------------------------------------------------

SAMPLERS = {
    "statevector": lambda: StatevectorSampler(seed=np.random.default_rng(1)),
    "aer": lambda: SamplerV2(seed=2),
    "backend": lambda: BackendSamplerV2(backend=AerSimulator(seed_simulator=3)),
    "default": lambda: None,
}
UNBIASED = ("lin-comb", "mid-circuit", "parameter-shift", "block-diagonal", "diagonal", "sampled-cfi")


def expected_of(method: str, circuit, values) -> np.ndarray:
    if method == "sampled-cfi":
        return reference.cfim(circuit, values)
    kept = {"block-diagonal": np.equal.outer([0, 0, 1, 2], [0, 0, 1, 2]), "diagonal": np.eye(4)}
    return reference.qfim(circuit, values) * kept.get(method, 1)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("method", UNBIASED)
def test_every_sampler_gives_the_matrix_within_its_error_bars(method, sampler):
    if (method, sampler) == ("mid-circuit", "statevector"):
        pytest.skip("Qiskit's statevector sampler does not measure in mid-circuit")
    circuit, values = generic_pair(), values_of(generic_pair())
    estimator = METHODS[method](SAMPLERS[sampler](), generator=np.random.default_rng(4))
    result = estimator.estimate(circuit, values, shots=4000)
    error = result.matrix - expected_of(method, circuit, values)
    uncertain = expected_of(method, circuit, values) != 0
    assert np.abs(error[uncertain] / result.stderr[uncertain]).max() < 3.6
    assert np.abs(error[~uncertain]).max(initial=0) == 0


def test_angles_meet_their_terms_where_a_later_one_moved_back():
    # Seen to fail when columns of angles were taken in the order of names: a circuit lacks elements between.
    first = (("h", 2), ("t", 2), ("rx", 0.8, 0), ("ry", A, 0), ("cx", 0, 1), ("rx", B, 0))
    circuit = circuit_of(3, *first, ("ry", D, 2), ("cx", 2, 1), ("rz", C, 1))
    values = np.array([0.4, 1.3, -0.9, -0.6])
    result = LinCombQFI(SamplerV2(seed=6)).estimate(circuit, values, shots=4000)
    error, varies = result.matrix - reference.qfim(circuit, values), result.stderr > 0
    assert np.abs(error[varies] / result.stderr[varies]).max() < 4
    assert np.abs(error[~varies]).max(initial=0) < 1e-9


def test_the_default_sampler_never_repeats_itself_but_a_generator_does():
    # Seen to fail when Aer's seed was always 1.
    def estimate(estimator):
        return estimator.estimate(shared_pair(), values_of(shared_pair()), shots=50).matrix

    estimator = LinCombQFI(generator=np.random.default_rng(1))
    first, second = estimate(estimator), estimate(estimator)
    assert np.abs(first - second).max() > 0
    assert (first == estimate(LinCombQFI(generator=np.random.default_rng(1)))).all()

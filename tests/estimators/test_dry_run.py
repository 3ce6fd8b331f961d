"""A dry run notes what a sampler would be asked for, to the circuit, the binding and the shot."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.primitives import BaseSamplerV2
from qiskit_aer.primitives import SamplerV2

from qgeo.estimators.derivatives import measured_probabilities, shifted_derivatives
from qgeo.estimators.dry_run import DryRun, wanted
from qgeo.estimators.execution import Executor
from qgeo.estimators.methods import METHODS
from qgeo.estimators.pauli_circuit import pauli_circuit


class Spy(BaseSamplerV2):
    """Aer, counting what it is asked for."""

    def __init__(self):
        self.calls = []

    def run(self, pubs, *, shots=None):
        job = list(pubs)
        sizes = [np.prod(values.shape[:-1]) if values is not None else 1 for _, values, _ in job]
        self.calls.append([(int(size), of_pub) for size, (_, _, of_pub) in zip(sizes, job, strict=True)])
        return SamplerV2(seed=1).run(job, shots=shots)


def a_circuit() -> QuantumCircuit:
    theta = ParameterVector("t", 4)
    circuit = QuantumCircuit(2)
    circuit.ry(theta[0], 0)
    circuit.ry(theta[1], 1)
    circuit.cx(0, 1)
    circuit.rz(theta[2], 1)
    circuit.rx(theta[3], 0)
    return circuit


def noted(dry: DryRun) -> list[list[tuple[int, int]]]:
    return [[(each.bindings, each.shots) for each in call] for call in dry.calls]


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_noted_as_it_runs(method, rows):
    # Seen to fail: a circuit without parameters noted with a binding per row; a call left out.
    values, dry, spy = np.random.default_rng(1).uniform(-1, 1, (rows, 4)), DryRun(), Spy()
    costs = []
    for sampler in (dry, spy):
        estimator = METHODS[method](sampler, generator=np.random.default_rng(0))
        if hasattr(estimator, "draws"):
            estimator.draws = 3
        estimate = estimator.estimate_mean(a_circuit(), values, shots=7)
        costs.append((estimate.circuits, estimate.shots))
    assert noted(dry) == spy.calls
    assert (
        costs[0]
        == costs[1]
        == (
            sum(bindings for call in spy.calls for bindings, _ in call),
            sum(bindings * shots for call in spy.calls for bindings, shots in call),
        )
    )


def test_many_shots_cost_nothing():
    source, dry = pauli_circuit(a_circuit()), DryRun()
    angles = source.angles(np.zeros((100, 4)))
    estimate, _ = measured_probabilities(source, Executor(dry), angles, 10_000_000)
    slopes, _ = shifted_derivatives(source, Executor(dry), angles, 10_000_000)
    assert sum(each.executions for call in dry.calls for each in call) == 900 * 10_000_000
    assert (estimate.values[:, 0] == 1).all()
    assert not slopes.values.any()


def test_more_contexts_are_more_rows():
    free, fixed = a_circuit(), QuantumCircuit(1)
    assert [
        (each.bindings, each.shots) for each in (wanted(free, 2, 5).times(3), wanted(fixed, 2, 5).times(3))
    ] == [
        (6, 5),
        (1, 30),
    ]

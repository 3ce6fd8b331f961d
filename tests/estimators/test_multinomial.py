"""Shots drawn from exact probabilities: the distribution of noise-free Aer, its costs.

The comment in each test names the planted faults it was seen to fail under, of: reversed (columns of the
angles read backwards), bits (read from the wrong end), once (one draw for all rows).
"""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import ParameterVector
from scipy.stats import chi2_contingency

from qgeo.errors import ConfigurationError
from qgeo.estimators.execution import CircuitTask, Executor
from qgeo.estimators.experiments import REGISTER
from qgeo.estimators.multinomial import MultinomialSampler

SHOTS = 4000
ANGLES = np.array([[0.3, 1.1, -0.7], [2.0, 0.1, 0.9]])


def measured(kind: str) -> QuantumCircuit:
    """Three qubits, two or three of them read, one of them in mid-circuit where the kind says so."""
    theta, register = ParameterVector("θ", 3), ClassicalRegister(2, REGISTER)
    circuit = QuantumCircuit(QuantumRegister(3), register)
    for qubit in range(3):
        circuit.ry(theta[2 - qubit], qubit)
    circuit.cx(0, 1)
    if kind == "mid-circuit":
        circuit.measure(1, 0)
        circuit.h(1)
        circuit.measure(1, 1)
    else:
        circuit.measure([2, 0], [0, 1])
    return circuit


def tables(executor: Executor, circuit: QuantumCircuit) -> np.ndarray:
    """(rows, 4) counts of the two bits."""
    (rows,), _ = executor.run([CircuitTask(circuit, ANGLES, SHOTS)])
    table = np.zeros((len(ANGLES), 4))
    for row, outcomes in zip(table, rows, strict=True):
        np.add.at(row, outcomes.bits @ [1, 2], outcomes.weights * outcomes.shots)
    return table


@pytest.mark.parametrize("kind", ["end", "mid-circuit"])
def test_counts_are_distributed_as_those_of_aer(kind):
    # Seen to fail under reversed, bits.
    circuit = measured(kind)
    ours = tables(Executor(MultinomialSampler(np.random.default_rng(1))), circuit)
    aers = tables(Executor(generator=np.random.default_rng(2)), circuit)
    for pair in zip(ours, aers, strict=True):
        together = np.array(pair)
        assert chi2_contingency(together[:, together.sum(0) > 0]).pvalue > 1e-3


def test_rows_and_runs_are_drawn_by_themselves():
    # Seen to fail under once.
    circuit, sampler = measured("end"), MultinomialSampler(np.random.default_rng(0))
    same = np.repeat(ANGLES[:1], 2, axis=0)
    first, second = sampler.outcomes(circuit, same, SHOTS)
    again, _ = sampler.outcomes(circuit, same, SHOTS)
    assert not np.array_equal(first.weights, second.weights)
    assert not np.array_equal(first.weights, again.weights)
    repeated = MultinomialSampler(np.random.default_rng(0)).outcomes(circuit, same, SHOTS)
    assert np.array_equal(repeated[0].weights, first.weights)
    assert first.shots == SHOTS
    assert first.weights.sum() == pytest.approx(1)


def test_costs_are_those_of_a_simulator():
    circuit = measured("end")
    task = CircuitTask(circuit, ANGLES, SHOTS)
    costs = [Executor(sampler).run([task])[1] for sampler in (MultinomialSampler(), None)]
    assert costs[0] == costs[1]


def test_there_are_no_readout_errors_to_mitigate():
    with pytest.raises(ConfigurationError, match="leave mitigate_readout out"):
        Executor(MultinomialSampler(), mitigate_readout=True)

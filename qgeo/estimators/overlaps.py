"""Overlaps f(θ, θ') = |⟨ψ(θ)|ψ(θ')⟩|² by compute and uncompute.

    f = P(0…0) after U†(θ) U(θ')|0…0⟩,        f(θ, θ + v) = 1 − ¼ vᵀF_Q v + O(v³):    F_Q = −2 ∂∂f

Every method that reads F_Q from this Hessian (parameter shift, SPSA, Stein) differs only in where it asks
for f.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

from qgeo.estimators.execution import CircuitTask, Cost, Executor
from qgeo.estimators.experiments import append_columns, append_rotation, empty_circuit
from qgeo.estimators.outcomes import Outcomes
from qgeo.estimators.pauli_circuit import FixedGates, PauliCircuit

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OverlapExperiment:
    """A circuit with the angles of U in columns 0 … K−1 and the negated angles of U† in K … 2K−1."""

    source: PauliCircuit
    circuit: QuantumCircuit


@dataclass(frozen=True, eq=False)
class Overlaps:
    """f, the measured variance of each, (B, M) both, and the shots behind each (inf: exact)."""

    values: Floats
    variances: Floats
    shots: float
    cost: Cost

    @property
    def rare(self) -> float:
        """1/s²: what one shot could change, squared; all there is where f is measured as 0 or 1."""
        return float(self.shots**-2.0)


def overlap_experiment(source: PauliCircuit) -> OverlapExperiment:
    """U(θ') then U†(θ), all qubits measured."""
    terms, qubits = source.num_terms, range(source.num_qubits)
    angles = ParameterVector("angle", 2 * terms)
    circuit = empty_circuit(source.num_qubits)
    append_columns(circuit, source, 0, len(source.columns), list(angles)[:terms])
    for column in reversed(source.columns):
        if isinstance(column, FixedGates):
            for gate in reversed(column.gates):
                circuit.append(gate.operation.inverse(), gate.qubits)
        else:
            for term in reversed(column.terms):
                append_rotation(circuit, source.terms[term], angles[terms + term])
    circuit.measure(qubits, qubits)
    return OverlapExperiment(source, circuit)


def overlaps(
    experiment: OverlapExperiment, executor: Executor, angles: Floats, shifted: Floats, shots: int | None
) -> Overlaps:
    """f at angles (B, K) and shifted (B, M, K): values and variances (B, M)."""
    rows = np.concatenate([shifted, np.broadcast_to(-angles[:, None], shifted.shape)], -1)
    flat = rows.reshape(-1, rows.shape[-1])
    (results,), cost = executor.run([CircuitTask(experiment.circuit, flat, shots)])
    values = np.array([_all_zero(outcome) for outcome in results]).reshape(shifted.shape[:2])
    if shots is None:
        values = np.minimum(values, 1)  # rounding: F_kk = 1 − f is not negative
    each = np.inf if shots is None else float(shots)
    return Overlaps(values, np.maximum(values * (1 - values), 0) / each, each, cost)


def _all_zero(outcome: Outcomes) -> float:
    return float(outcome.weights[~outcome.bits.any(axis=1)].sum())

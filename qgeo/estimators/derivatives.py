"""Derivatives of a circuit's outcome probabilities from shots: by parameter shift and by linear combination.

    shift     ∂_k p(y) = ½ [p(y; a + s_k) − p(y; a − s_k)],  s = π/2          two circuits per term
    ancilla   ∂_k p(y) = E[σ 1(y)],  σ = ±1 the ancilla read in Y              one circuit per term

(Schuld et al. 2019, arXiv 1811.11184.) Both are sums over experiments r of c_r E_r[σ 1(y)], so that a
gradient, a Fisher matrix and their errors need only two tables: the signed and the plain frequencies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qgeo.errors import CircuitError
from qgeo.estimators.execution import CircuitTask, Cost, Executor
from qgeo.estimators.experiments import (
    angle_vector,
    append_columns,
    append_controlled,
    column_of_layer,
    empty_circuit,
)
from qgeo.estimators.outcomes import Outcomes
from qgeo.estimators.pauli_circuit import PauliCircuit

Floats = NDArray[np.float64]

WIDEST = 12
"""Most qubits whose 2ⁿ probabilities are held as a table."""


@dataclass(frozen=True, eq=False)
class Probabilities:
    """Frequencies p̂ (B, 2ⁿ) of outcomes, and the shots behind each row (inf: exact)."""

    values: Floats
    shots: float


@dataclass(frozen=True, eq=False)
class Derivatives:
    """∂p/∂a of every term, as R signed experiments each.

    Attributes:
        signed: (B, K, R, 2ⁿ): c_r E_r[σ 1(y)]; plain: the same with c_r² E_r[1(y)].
        shots: behind every experiment; coefficient: |c_r|, the same for all.
    """

    signed: Floats
    plain: Floats
    shots: float
    coefficient: float

    @property
    def values(self) -> Floats:
        """∂_k p(y), (B, K, 2ⁿ)."""
        return np.asarray(self.signed.sum(-2))

    @property
    def totals(self) -> Floats:
        """Σ_r |c_r| E_r[1(y)] = ½ p(y) + 2|∂_kψ_y|², (B, K, 2ⁿ)."""
        return np.asarray(self.plain.sum(-2) / self.coefficient)

    def at(self, rows: int | NDArray[np.int64]) -> Derivatives:
        """At some of the rows; for one row without the first axis."""
        return replace(self, signed=self.signed[rows], plain=self.plain[rows])


@dataclass(frozen=True)
class DerivativeRule:
    """A way to measure derivatives: its tasks at angles (B, K), and how their outcomes are read.

    Called with (source, executor, angles, shots) it runs them itself.
    """

    name: str
    tasks: Callable[[PauliCircuit, Floats, int | None], list[CircuitTask]]
    read: Callable[[PauliCircuit, int, list[list[Outcomes]], int | None], Derivatives]

    def __call__(
        self, source: PauliCircuit, executor: Executor, angles: Floats, shots: int | None
    ) -> tuple[Derivatives, Cost]:
        results, cost = executor.run(self.tasks(source, angles, shots))
        return self.read(source, len(angles), results, shots), cost


def state_task(source: PauliCircuit, angles: Floats, shots: int | None) -> CircuitTask:
    """The circuit itself at angles (B, K)."""
    return CircuitTask(state_circuit(source), angles, shots)


def read_probabilities(source: PauliCircuit, outcomes: list[Outcomes], shots: int | None) -> Probabilities:
    """p̂ from the outcomes of `state_task`."""
    table = np.array([_table(outcome, source.num_qubits) for outcome in outcomes])
    return Probabilities(table, np.inf if shots is None else shots)


def measured_probabilities(
    source: PauliCircuit, executor: Executor, angles: Floats, shots: int | None
) -> tuple[Probabilities, Cost]:
    """p̂ at angles (B, K)."""
    (results,), cost = executor.run([state_task(source, angles, shots)])
    return read_probabilities(source, results, shots), cost


def _shift_tasks(source: PauliCircuit, angles: Floats, shots: int | None) -> list[CircuitTask]:
    """2K bindings of one circuit per row."""
    terms = source.num_terms
    if not terms:
        return []
    shifts = np.pi / 2 * np.stack([np.eye(terms), -np.eye(terms)], axis=1)
    return [state_task(source, (angles[:, None, None] + shifts).reshape(-1, terms), shots)]


def _read_shifts(
    source: PauliCircuit, count: int, results: list[list[Outcomes]], shots: int | None
) -> Derivatives:
    if not source.num_terms:
        return _no_terms(source, count, shots)
    table = np.array([_table(outcome, source.num_qubits) for outcome in results[0]])
    pairs = table.reshape(count, source.num_terms, 2, -1)
    signs = np.array([0.5, -0.5])[:, None]
    return Derivatives(signs * pairs, pairs / 4, np.inf if shots is None else shots, 0.5)


def _ancilla_tasks(source: PauliCircuit, angles: Floats, shots: int | None) -> list[CircuitTask]:
    return [CircuitTask(_ancilla_circuit(source, term), angles, shots) for term in range(source.num_terms)]


def _read_ancilla(
    source: PauliCircuit, count: int, results: list[list[Outcomes]], shots: int | None
) -> Derivatives:
    if not source.num_terms:
        return _no_terms(source, count, shots)
    tables = np.array([[_table(outcome, source.num_qubits + 1) for outcome in rows] for rows in results])
    up, down = np.split(tables.transpose(1, 0, 2), 2, axis=-1)  # the ancilla is the most significant bit
    shots_each = np.inf if shots is None else shots
    return Derivatives((up - down)[:, :, None], (up + down)[:, :, None], shots_each, 1.0)


shifted_derivatives = DerivativeRule("shift", _shift_tasks, _read_shifts)
"""The two-term rule for every Pauli term: 2K bindings of one circuit per row."""

ancilla_derivatives = DerivativeRule("ancilla", _ancilla_tasks, _read_ancilla)
"""One circuit with an ancilla for every Pauli term: K circuits per row."""


def check_width(source: PauliCircuit, widest: int = WIDEST) -> None:
    """
    Raises:
        CircuitError: more qubits than `widest`.
    """
    if source.num_qubits > widest:
        raise CircuitError(
            f"expected at most {widest} qubits for a table of outcome probabilities, got {source.num_qubits}"
        )


@lru_cache(maxsize=64)
def state_circuit(source: PauliCircuit) -> QuantumCircuit:
    """The whole circuit, all qubits measured.

    Raises:
        CircuitError: too many qubits for a table of probabilities.
    """
    check_width(source)
    circuit = empty_circuit(source.num_qubits)
    append_columns(circuit, source, 0, len(source.columns), angle_vector(source))
    circuit.measure(range(source.num_qubits), range(source.num_qubits))
    return circuit


@lru_cache(maxsize=1024)
def _ancilla_circuit(source: PauliCircuit, term: int) -> QuantumCircuit:
    ancilla, angles = source.num_qubits, angle_vector(source)
    circuit = empty_circuit(source.num_qubits + 1)
    after = 1 + column_of_layer(source, source.layer_of_term[term])
    append_columns(circuit, source, 0, after, angles)
    circuit.h(ancilla)
    append_controlled(circuit, source.terms[term], ancilla)
    append_columns(circuit, source, after, len(source.columns), angles)
    circuit.sdg(ancilla)
    circuit.h(ancilla)
    circuit.measure(range(ancilla + 1), range(ancilla + 1))
    return circuit


def _table(outcome: Outcomes, num_bits: int) -> Floats:
    codes = outcome.bits @ (1 << np.arange(num_bits))
    return np.asarray(np.bincount(codes, weights=outcome.weights, minlength=2**num_bits), dtype=float)


def _no_terms(source: PauliCircuit, count: int, shots: int | None) -> Derivatives:
    nothing = np.zeros((count, 0, 1, 2**source.num_qubits))
    return Derivatives(nothing, nothing, np.inf if shots is None else shots, 1.0)

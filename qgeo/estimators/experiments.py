"""Experiments: the measured circuits of the estimators, and what their bits mean.

    layer experiment      everything before layer J, then the basis that reads all its P_j at once
    ancilla experiment    after layer I an ancilla in |+⟩ controls P_i, then on to layer J:
                          ⟨X ⊗ P_j⟩ = Re⟨P_i P_j⟩, and ⟨Y ⊗ P_j⟩ = −Im 4Q_ij for the earlier i
    mid-circuit           after layer I P_i is measured, m_i = ±1, then on to layer J:
                          E[m_i m_j] = Re⟨P_i P_j⟩

A layer's own rotations commute with what is read there, so they are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import ParameterVector

from qgeo.circuit.paulis import Term, letter, qubits_of
from qgeo.estimators.basis import Bits, read_basis
from qgeo.estimators.pauli_circuit import FixedGates, Layer, PauliCircuit

REGISTER = "outcome"


@dataclass(frozen=True, eq=False)
class Experiment:
    """A circuit with measurements, and R readings ±1 made of its classical bits.

    Attributes:
        circuit: its parameters are elements of one vector; element k is the angle of term k.
        masks: (R, C) bool; signs: (R,): reading r of an outcome is signs[r] · Π_{bits in mask r} (−1)^bit.
    """

    circuit: QuantumCircuit
    masks: Bits
    signs: NDArray[np.float64]

    def readings(self, bits: Bits) -> NDArray[np.float64]:
        """Outcomes (S, C) → readings (S, R)."""
        parity = (bits.astype(np.int32) @ self.masks.T.astype(np.int32)) & 1
        return self.signs * (1.0 - 2.0 * parity)


def layer_experiment(source: PauliCircuit, layer: int, idle: int) -> Experiment:
    """Reads every P_j of a layer: ⟨P_j⟩ and ⟨P_j P_k⟩; `idle` qubits more than the source has do nothing."""
    circuit = empty_circuit(source.num_qubits + idle, source.num_qubits)
    append_columns(circuit, source, 0, column_of_layer(source, layer), angle_vector(source))
    return _read(circuit, source, layer, [], 1.0)


def ancilla_experiment(source: PauliCircuit, term: int, layer: int, *, imaginary: bool = False) -> Experiment:
    """Reads X ⊗ P_j (or Y ⊗ P_j) for every term j of a later layer; the ancilla is qubit n."""
    angles, ancilla = angle_vector(source), source.num_qubits
    circuit = empty_circuit(source.num_qubits + 1)
    after = 1 + column_of_layer(source, source.layer_of_term[term])
    append_columns(circuit, source, 0, after, angles)
    circuit.h(ancilla)
    append_controlled(circuit, source.terms[term], ancilla)
    append_columns(circuit, source, after, column_of_layer(source, layer), angles)
    if imaginary:
        circuit.sdg(ancilla)
    circuit.h(ancilla)
    circuit.measure(ancilla, ancilla)
    return _read(circuit, source, layer, [ancilla], 1.0)


def mid_circuit_experiment(source: PauliCircuit, term: int, layer: int) -> Experiment:
    """Reads m_i m_j for every term j of a later layer; P_i, the term's, is measured on the way (bit n)."""
    angles, bit = angle_vector(source), source.num_qubits
    circuit = empty_circuit(source.num_qubits, source.num_qubits + 1)
    after = 1 + column_of_layer(source, source.layer_of_term[term])
    append_columns(circuit, source, 0, after, angles)
    sign = _append_measurement(circuit, source.terms[term], bit)
    append_columns(circuit, source, after, column_of_layer(source, layer), angles)
    return _read(circuit, source, layer, [bit], sign)


def angle_vector(source: PauliCircuit) -> ParameterVector:
    """Symbols for the angles of all terms."""
    return ParameterVector("angle", source.num_terms)


def empty_circuit(num_qubits: int, num_bits: int | None = None) -> QuantumCircuit:
    """Qubits in |0⟩ and a classical register for outcomes."""
    bits = num_qubits if num_bits is None else num_bits
    return QuantumCircuit(QuantumRegister(num_qubits, "q"), ClassicalRegister(bits, REGISTER))


def append_columns(circuit: QuantumCircuit, source: PauliCircuit, start: int, stop: int, angles: Any) -> None:
    """Append columns start … stop−1; `angles` holds the angle of every term, symbols or numbers."""
    for column in source.columns[start:stop]:
        if isinstance(column, FixedGates):
            for gate in column.gates:
                circuit.append(gate.operation, gate.qubits)
        else:
            for term in column.terms:
                append_rotation(circuit, source.terms[term], angles[term])


def append_rotation(circuit: QuantumCircuit, string: Term, angle: Any) -> None:
    """exp(−i angle P/2) as a standard gate on one or two qubits, else through a ladder of cx."""
    support = qubits_of(string.x | string.z)
    letters = "".join(letter(string, qubit) for qubit in support)
    native = {"X": "rx", "Y": "ry", "Z": "rz", "XX": "rxx", "YY": "ryy", "ZZ": "rzz", "ZX": "rzx"}
    if letters in native:
        getattr(circuit, native[letters])(angle, *support)
    elif letters == "XZ":
        circuit.rzx(angle, *reversed(support))
    else:
        sign, undo = _append_parity(circuit, string)
        circuit.rz(sign * angle, support[-1])
        circuit.compose(undo, inplace=True)


def append_controlled(circuit: QuantumCircuit, string: Term, control: int) -> None:
    """The Pauli string, controlled by one qubit."""
    for qubit in qubits_of(string.x | string.z):
        getattr(circuit, "c" + letter(string, qubit).lower())(control, qubit)


def _append_measurement(circuit: QuantumCircuit, string: Term, bit: int) -> float:
    """Measure a Pauli string without disturbing what commutes with it; the sign of the reading."""
    sign, undo = _append_parity(circuit, string)
    circuit.measure(qubits_of(string.x | string.z)[-1], bit)
    circuit.compose(undo, inplace=True)
    return sign


def _append_parity(circuit: QuantumCircuit, string: Term) -> tuple[float, QuantumCircuit]:
    """Bring the string to ±Z on its last qubit: the sign, and the circuit that brings it back."""
    basis = read_basis([string], circuit.num_qubits)
    forth = basis.circuit
    for qubit, following in pairwise(qubits_of(string.x | string.z)):
        forth.cx(qubit, following)
    circuit.compose(forth, inplace=True)
    return float(basis.signs[0]), forth.inverse()


def _read(
    circuit: QuantumCircuit, source: PauliCircuit, layer: int, extra: list[int], sign: float
) -> Experiment:
    """Measure the layer's strings; bits in `extra` multiply every reading, and so does `sign`."""
    basis = read_basis([source.terms[term] for term in source.layers[layer].terms], source.num_qubits)
    circuit.compose(basis.circuit, range(source.num_qubits), inplace=True)
    masks = np.zeros((len(basis.masks), circuit.num_clbits), dtype=bool)
    masks[:, : source.num_qubits] = basis.masks
    for qubit in np.flatnonzero(masks.any(axis=0)).tolist():
        circuit.measure(qubit, qubit)
    masks[:, extra] = True
    return Experiment(circuit, masks, sign * basis.signs)


def column_of_layer(source: PauliCircuit, layer: int) -> int:
    """Position of a layer among the columns."""
    return [position for position, column in enumerate(source.columns) if isinstance(column, Layer)][layer]

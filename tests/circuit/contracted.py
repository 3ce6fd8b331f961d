"""F_Q and F_C of circuits too wide for the reference's 2ⁿ × 2ⁿ matrices.

Gates and their derivatives are the reference's; here they are contracted into the state and its tangents,
kept as tensors of shape (2, …, 2).
"""

from __future__ import annotations

import numpy as np
import reference
from qiskit import QuantumCircuit

WIDEST_DENSE = 5
"""Up to here the reference itself takes less than a second."""


def applied(matrix: np.ndarray, qubits: list[int], states: np.ndarray) -> np.ndarray:
    """A gate, its first qubit the least significant, on states of shape (B, 2ⁿ)."""
    num_qubits, width = states.shape[1].bit_length() - 1, len(qubits)
    axes = [num_qubits - qubit for qubit in reversed(qubits)]
    tensor = states.reshape(-1, *(2,) * num_qubits)
    moved = np.tensordot(matrix.reshape((2,) * (2 * width)), tensor, axes=(range(width, 2 * width), axes))
    return np.moveaxis(moved, range(width), axes).reshape(states.shape)


def state_and_tangents(circuit: QuantumCircuit, values) -> tuple[np.ndarray, np.ndarray]:
    """ψ, shape (2ⁿ,), and ∂ψ, shape (P, 2ⁿ), of a circuit whose global phase is a number."""
    bound = reference.bind(circuit.parameters, values)
    row = {parameter: 1 + i for i, parameter in enumerate(circuit.parameters)}
    rows = np.zeros((1 + len(row), 2**circuit.num_qubits), dtype=complex)
    rows[0, 0] = np.exp(1j * float(circuit.global_phase))
    for instruction in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
        matrix, derivatives = reference.unitary(instruction.operation, bound)
        before = rows[:1]
        rows = applied(matrix, qubits, rows)
        for parameter, derivative in derivatives.items():
            rows[row[parameter]] += applied(derivative, qubits, before)[0]
    return rows[0], rows[1:]


def qfim(circuit: QuantumCircuit, values) -> np.ndarray:
    """F_Q, by the reference where it is quick."""
    if circuit.num_qubits <= WIDEST_DENSE:
        return reference.qfim(circuit, values)
    return 4 * reference.qgt_of(*state_and_tangents(circuit, values)).real


def cfim(circuit: QuantumCircuit, values) -> np.ndarray:
    """F_C of all qubits, by the reference where it is quick."""
    if circuit.num_qubits <= WIDEST_DENSE:
        return reference.cfim(circuit, values)
    return reference.cfim_of(*state_and_tangents(circuit, values))

"""Where a transpiled circuit keeps its own qubits: their places among the physical ones.

    qubit i of the circuit as it was written  ↔  physical qubit logical_qubits(circuit)[i] at its end

Routing may end a circuit elsewhere than it began: outcomes are read at the end.
"""

from __future__ import annotations

from qiskit import QuantumCircuit


def logical_qubits(circuit: QuantumCircuit) -> list[int]:
    """Index of the qubit that holds each of the circuit's own qubits at its end; 0, 1, … before transpiling.

    >>> logical_qubits(QuantumCircuit(3))
    [0, 1, 2]
    """
    if circuit.layout is None:
        return list(range(circuit.num_qubits))
    return list(circuit.layout.final_index_layout(filter_ancillas=True))


def is_laid_out(circuit: QuantumCircuit) -> bool:
    """Whether its own qubits are not simply its first ones, in order and without others beside them."""
    return logical_qubits(circuit) != list(range(circuit.num_qubits))

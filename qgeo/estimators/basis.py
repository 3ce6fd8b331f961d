"""The basis in which commuting Pauli strings are all read at once.

    C P_l C† = ± Z…Z   for every string P_l:   m_l = ± Π (−1)^bit

Strings that agree qubit by qubit need one-qubit gates only; others a Clifford circuit, found by elimination.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.quantum_info import PauliList

Bits = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ReadBasis:
    """A Clifford circuit on n qubits, after which string l is `signs[l]` times Z on the qubits of `masks[l]`.

    masks: (L, n) bool; signs: (L,) ±1.
    """

    circuit: QuantumCircuit
    masks: Bits
    signs: NDArray[np.float64]


def read_basis(strings: PauliList) -> ReadBasis:
    """A basis for commuting strings (without phases).

    >>> basis = read_basis(PauliList(["XX", "YY"]))
    >>> basis.masks.tolist(), basis.signs.tolist()
    ([[True, False], [True, True]], [1.0, -1.0])
    """
    circuit = _one_qubit_gates(strings) if _agree_on_every_qubit(strings) else _clifford(strings)
    read = strings.evolve(circuit, frame="s")
    return ReadBasis(circuit, read.z.copy(), 1.0 - read.phase)


def _agree_on_every_qubit(strings: PauliList) -> bool:
    letters = strings.x + 2 * strings.z
    wanted = letters.max(axis=0)
    return bool(np.all((letters == 0) | (letters == wanted)))


def _one_qubit_gates(strings: PauliList) -> QuantumCircuit:
    circuit = QuantumCircuit(strings.num_qubits)
    for qubit in np.flatnonzero(strings.x.any(axis=0)).tolist():
        if strings.z[:, qubit].any():
            circuit.sdg(qubit)
        circuit.h(qubit)
    return circuit


def _clifford(strings: PauliList) -> QuantumCircuit:
    """Turn one string after the other into a single X, and that into Z (Aaronson and Gottesman 2004)."""
    circuit = QuantumCircuit(strings.num_qubits)
    left = strings
    while left.x.any():
        row = int(np.flatnonzero(left.x.any(axis=1))[0])
        step = _one_string(left.x[row], left.z[row])
        circuit.compose(step, inplace=True)
        left = left.evolve(step, frame="s")
    return circuit


def _one_string(x: Bits, z: Bits) -> QuantumCircuit:
    """Maps the string to Z on one qubit, and moves no X onto a qubit that the string leaves alone."""
    circuit = QuantumCircuit(len(x))
    pivot, *others = np.flatnonzero(x).tolist()
    phases = z.copy()
    for qubit in others:
        circuit.cx(pivot, qubit)
        phases[pivot] ^= phases[qubit]
    for qubit in np.flatnonzero(phases).tolist():
        if qubit == pivot:
            circuit.sdg(pivot)
        else:
            circuit.cz(pivot, qubit)
    circuit.h(pivot)
    return circuit

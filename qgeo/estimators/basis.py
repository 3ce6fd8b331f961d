"""The basis in which commuting Pauli strings are all read at once.

    C P_l C† = ± Z…Z   for every string P_l:   m_l = ± Π (−1)^bit

Strings that agree qubit by qubit need one-qubit gates only; others a Clifford circuit, found by elimination.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qgeo.circuit.paulis import Term, after_cx, after_cz, after_h, after_sdg, qubits_of

Bits = NDArray[np.bool_]
Gate = tuple[str, tuple[int, ...]]
"""A Clifford gate's name and its qubits."""

_AFTER: dict[str, Callable[..., Term]] = {"h": after_h, "sdg": after_sdg, "cx": after_cx, "cz": after_cz}


@dataclass(frozen=True, eq=False)
class ReadBasis:
    """A Clifford circuit on n qubits, after which string l is `signs[l]` times Z on the qubits of `masks[l]`.

    masks: (L, n) bool; signs: (L,) ±1.
    """

    circuit: QuantumCircuit
    masks: Bits
    signs: NDArray[np.float64]


def read_basis(strings: Sequence[Term], num_qubits: int) -> ReadBasis:
    """A basis for commuting strings, whatever their weights.

    >>> basis = read_basis([Term(0b11, 0), Term(0b11, 0b11)], 2)  # XX, YY
    >>> basis.masks.tolist(), basis.signs.tolist()
    ([[True, False], [True, True]], [1.0, -1.0])
    """
    plain = [string._replace(weight=1.0) for string in strings]
    gates = _one_qubit_gates(plain) if _agree_on_every_qubit(plain) else _clifford(plain)
    circuit = QuantumCircuit(num_qubits)
    for name, qubits in gates:
        getattr(circuit, name)(*qubits)
    read = [_after(string, gates) for string in plain]
    masks = [[bool(z >> qubit & 1) for qubit in range(num_qubits)] for _, z, _ in read]
    return ReadBasis(circuit, np.array(masks), np.array([sign for *_, sign in read]))


def _after(string: Term, gates: Sequence[Gate]) -> Term:
    """C P C†."""
    for name, qubits in gates:
        string = _AFTER[name](string, *qubits)
    return string


def _agree_on_every_qubit(strings: Sequence[Term]) -> bool:
    """Whether no two have different letters on a qubit, apart from I."""
    x, z = _union(string.x for string in strings), _union(string.z for string in strings)
    return all((string.x | string.z) & (x ^ string.x | z ^ string.z) == 0 for string in strings)


def _union(masks: Iterable[int]) -> int:
    return reduce(or_, masks, 0)


def _one_qubit_gates(strings: Sequence[Term]) -> list[Gate]:
    """X and Y brought to Z, qubit by qubit."""
    gates: list[Gate] = []
    with_z = _union(string.z for string in strings)
    for qubit in qubits_of(_union(string.x for string in strings)):
        gates += [("sdg", (qubit,))] if with_z >> qubit & 1 else []
        gates.append(("h", (qubit,)))
    return gates


def _clifford(strings: Sequence[Term]) -> list[Gate]:
    """One string after the other becomes a single X, and that Z (Aaronson and Gottesman 2004)."""
    gates: list[Gate] = []
    left = list(strings)
    while (string := next((string for string in left if string.x), None)) is not None:
        step = _to_one_z(string)
        gates += step
        left = [_after(string, step) for string in left]
    return gates


def _to_one_z(string: Term) -> list[Gate]:
    """Maps the string to Z on one qubit, and moves no X onto a qubit that the string leaves alone."""
    pivot, *others = qubits_of(string.x)
    gates: list[Gate] = [("cx", (pivot, qubit)) for qubit in others]
    phases = _after(string, gates).z
    gates += [("cz", (pivot, qubit)) if qubit != pivot else ("sdg", (pivot,)) for qubit in qubits_of(phases)]
    return [*gates, ("h", (pivot,))]

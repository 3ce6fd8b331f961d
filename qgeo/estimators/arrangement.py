"""Columns: commuting Pauli rotations in layers, fixed gates between them.

Everything stands in the first column that it can move back to: a rotation passes what it commutes with, a
fixed gate what it shares no qubit with. A rotation joins a layer that it commutes with as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.quantum_info import Pauli, PauliList

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FixedGate:
    """A gate without free parameters on `qubits`."""

    operation: Any
    qubits: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class PauliRotation:
    """Σ_k weights[k] · strings[k] on `qubits` as the generator of one gate: commuting terms, one angle."""

    strings: PauliList
    weights: Floats
    qubits: tuple[int, ...]
    angle: Any


@dataclass(frozen=True)
class Layer:
    """Terms (indices) that commute and meet no other gate between them."""

    terms: tuple[int, ...]


@dataclass(frozen=True)
class FixedGates:
    """Fixed gates between layers, in order."""

    gates: tuple[FixedGate, ...]


@dataclass
class _Column:
    """A layer, or fixed gates, while columns are still growing."""

    members: list[Any] = field(default_factory=list)  # term indices, or fixed gates
    strings: list[Pauli] = field(default_factory=list)
    qubits: set[int] = field(default_factory=set)

    def frozen(self) -> Layer | FixedGates:
        return Layer(tuple(self.members)) if self.strings else FixedGates(tuple(self.members))

    def commutes(self, strings: list[Pauli], qubits: set[int]) -> bool:
        """Whether strings on `qubits` may pass this column."""
        if not qubits & self.qubits:
            return True
        if not (self.strings and strings):  # a fixed gate on the same qubit
            return False
        return all(own.commutes(other) for own in self.strings for other in strings)


class Arrangement:
    """Columns of layers and fixed gates; everything stands in the first column that it can move back to."""

    def __init__(self, num_qubits: int) -> None:
        self.num_qubits = num_qubits
        self.columns: list[_Column] = []
        self.rotations: list[PauliRotation] = []
        self.gate_of_term: list[int] = []
        self._labels: list[Pauli] = []

    def paulis(self) -> PauliList:
        return PauliList(self._labels) if self._labels else PauliList(["I" * self.num_qubits])[:0]

    def place(self, item: PauliRotation | FixedGate) -> None:
        if isinstance(item, FixedGate):
            column = self._column_for([], set(item.qubits))
            column.members.append(item)
            column.qubits |= set(item.qubits)
        elif len(item.strings):
            self._place_rotation(item)

    def _place_rotation(self, rotation: PauliRotation) -> None:
        strings = [_spread(string, rotation.qubits, self.num_qubits) for string in rotation.strings]
        qubits = {q for string in strings for q in np.flatnonzero(string.x | string.z).tolist()}
        column = self._column_for(strings, qubits)
        first = len(self.gate_of_term)
        column.members += range(first, first + len(strings))
        self.gate_of_term += [len(self.rotations)] * len(strings)
        column.strings += strings
        column.qubits |= qubits
        self._labels += strings
        self.rotations.append(rotation)

    def _column_for(self, strings: list[Pauli], qubits: set[int]) -> _Column:
        found = None
        for column in reversed(self.columns):
            same_kind, passes = bool(column.strings) == bool(strings), column.commutes(strings, qubits)
            if same_kind and (passes or not strings):
                found = column
            if not passes:
                break
        if found is None:
            found = _Column()
            self.columns.append(found)
        return found


def _spread(string: Pauli, qubits: tuple[int, ...], num_qubits: int) -> Pauli:
    x, z = np.zeros(num_qubits, dtype=bool), np.zeros(num_qubits, dtype=bool)
    x[list(qubits)], z[list(qubits)] = string.x, string.z
    return Pauli((z, x))

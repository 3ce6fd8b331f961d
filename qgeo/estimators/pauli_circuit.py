"""PauliCircuit: a circuit as rotations about Pauli strings and fixed gates, as it can be measured.

    U(θ) = … F₂ R_k(a_k) … F₁ R_1(a_1)|0⟩,     R_k(a) = exp(−i a P_k/2),     a_k = a_k(θ)

A gate whose generator has several eigenvalue gaps (crx, cp, …) is a product of commuting Pauli rotations,
its *terms*. With ∂_kψ = −(i/2) P_k(t_k) ψ the quantum Fisher information of the terms is

    F_kl = Re⟨P_k P_l⟩ − ⟨P_k⟩⟨P_l⟩   (P_k in the Heisenberg picture),      F(θ) = Tᵀ F T,   T = ∂a/∂θ,

so that shared parameters, expressions and multi-gap gates cost nothing but the matrix T, which is known
exactly. Terms that commute and meet no other gate between them form a layer, read by one circuit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit.library import UnitaryGate

from qgeo.circuit.elements import Fixed
from qgeo.circuit.expression import Expression, expression
from qgeo.circuit.layers import Placeable, columns
from qgeo.circuit.measured import measured_qubits, unitary_part
from qgeo.circuit.paulis import Term, all_commute
from qgeo.circuit.unroll import Item, circuit_items
from qgeo.errors import CircuitError
from qgeo.simulate.angles import evaluate_trees

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FixedGate:
    """A gate without free parameters on `qubits`."""

    operation: Any
    qubits: tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """Terms (indices) that commute and meet no other gate between them."""

    terms: tuple[int, ...]


@dataclass(frozen=True)
class FixedGates:
    """Fixed gates between layers, in order."""

    gates: tuple[FixedGate, ...]


@dataclass(frozen=True, eq=False)
class PauliCircuit:
    """A circuit in columns of layers and fixed gates.

    Attributes:
        num_qubits: n; parameters: names in `circuit.parameters` order, P of them.
        terms: the K strings and their weights; columns: what acts on |0…0⟩, first to last.
        gate_angles: one expression per parameterized gate; gate_of_term: (K,) the gate of each term:
            a_k = weight of term k · angle of gate_of_term[k].
        measured: qubits that the circuit reads at its end, ascending; None where it does not say.
    """

    num_qubits: int
    parameters: tuple[str, ...]
    terms: tuple[Term, ...]
    columns: tuple[Layer | FixedGates, ...]
    gate_angles: tuple[Expression, ...]
    gate_of_term: NDArray[np.int64]
    measured: tuple[int, ...] | None = None

    @property
    def num_terms(self) -> int:
        return len(self.terms)

    @cached_property
    def weights(self) -> Floats:
        """(K,)."""
        return np.array([term.weight for term in self.terms], dtype=float)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        return tuple(column for column in self.columns if isinstance(column, Layer))

    @cached_property
    def layer_of_term(self) -> dict[int, int]:
        return {term: number for number, layer in enumerate(self.layers) for term in layer.terms}

    def angles(self, values: Floats) -> Floats:
        """(B, K) angles of the terms at `values` (B, P)."""
        gates = np.empty((len(values), len(self.gate_angles)))
        for gate, angle in enumerate(self.gate_angles):
            gates[:, gate] = _value(angle, values)
        return gates[:, self.gate_of_term] * self.weights

    def jacobian(self, values: Floats) -> Floats:
        """T = ∂a/∂θ at `values` (B, P): (B, K, P)."""
        slopes = np.zeros((len(values), len(self.gate_angles), len(self.parameters)))
        for gate, angle in enumerate(self.gate_angles):
            for column, slope in zip(angle.columns, angle.derivatives, strict=True):
                slopes[:, gate, column] = slope if isinstance(slope, float) else _tree(slope, values)
        return slopes[:, self.gate_of_term] * self.weights[:, None]

    def gaps(self, values: Floats) -> Floats:
        """(B, P) upper bounds Σ_k |∂a_k/∂θ_i| on the largest eigenvalue gap of every parameter's generator,
        Σ_k T_ki P_k/2 with eigenvalues within ±½ Σ_k |T_ki|."""
        return np.asarray(np.abs(self.jacobian(values)).sum(1))


def pauli_circuit(circuit: QuantumCircuit) -> PauliCircuit:
    """Read a circuit of unitary gates as Pauli rotations and fixed gates.

    Raises:
        CircuitError: an instruction that is not unitary, or a gate whose generator has Pauli terms that do
            not commute; the message names it and its position.

    >>> from qiskit.circuit import Parameter
    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.h(0), circuit.crx(Parameter("a"), 0, 1)
    >>> from qgeo.circuit.paulis import label
    >>> [label(term, 2) for term in pauli_circuit(circuit).terms]
    ['XI', 'XZ']
    """
    if not isinstance(circuit, QuantumCircuit):
        raise CircuitError(f"expected a QuantumCircuit, got {type(circuit).__name__}")
    names = [parameter.name for parameter in circuit.parameters]
    column_of = {name: column for column, name in enumerate(names)}
    items = list(circuit_items(unitary_part(circuit)))
    placed = [item.placeable() for item in items]
    strings = [_commuting_strings(*pair) for pair in zip(items, placed, strict=True)]
    rotations = [position for position, terms in enumerate(strings) if terms]
    gate_of_term = [gate for gate, position in enumerate(rotations) for _ in strings[position]]
    return PauliCircuit(
        num_qubits=circuit.num_qubits,
        parameters=tuple(names),
        terms=tuple(term for position in rotations for term in strings[position]),
        columns=tuple(_columns(items, placed, strings)),
        gate_angles=tuple(expression(items[position].angle, column_of) for position in rotations),
        gate_of_term=np.array(gate_of_term, dtype=np.int64),
        measured=measured_qubits(circuit),
    )


def _commuting_strings(item: Item, placed: Placeable) -> tuple[Term, ...]:
    strings = placed.strings()
    if not all_commute(strings):
        raise CircuitError(
            f"{item.source}: expected a generator of commuting Pauli terms for an estimate from shots, got "
            "terms that do not commute; decompose() it into Trotter steps first, or use the exact method"
        )
    return strings


def _columns(
    items: list[Item], placed: list[Placeable], strings: list[tuple[Term, ...]]
) -> Iterator[Layer | FixedGates]:
    """Terms are numbered in the order of the items that they belong to."""
    stop = np.cumsum([len(terms) for terms in strings])
    for column in columns(placed):
        if column.is_layer:
            ranges = (range(stop[i] - len(strings[i]), stop[i]) for i in column.items)
            yield Layer(tuple(int(term) for terms in ranges for term in terms))
        else:
            yield FixedGates(tuple(_fixed_gate(items[i]) for i in column.items))


def _fixed_gate(item: Item) -> FixedGate:
    if item.operation is not None:
        return FixedGate(item.operation, item.qubits)
    [element] = item.elements
    assert isinstance(element, Fixed)
    return FixedGate(UnitaryGate(element.matrix), item.qubits)


def _value(angle: Expression, values: Floats) -> Floats:
    if angle.tree is not None:
        return _tree(angle.tree, values)
    slopes = np.array([float(slope) for slope in angle.derivatives])  # type: ignore[arg-type]
    return np.asarray(angle.offset + values[:, list(angle.columns)] @ slopes)


def _tree(tree: Any, values: Floats) -> Floats:
    return evaluate_trees([tree], torch.from_numpy(values))[..., 0].numpy()

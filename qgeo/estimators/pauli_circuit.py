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
from qiskit.circuit import AnnotatedOperation, Barrier, Gate
from qiskit.circuit.library import PauliEvolutionGate, UnitaryGate
from qiskit.quantum_info import Operator, PauliList, SparsePauliOp

from qgeo.circuit.elements import Element, Fixed
from qgeo.circuit.expression import Expression, expression
from qgeo.circuit.gates import gate_elements, sparse_pauli
from qgeo.circuit.unroll import WITHOUT_EFFECT, definition_of, is_symbolic, not_unitary, operation_elements
from qgeo.errors import CircuitError
from qgeo.estimators.arrangement import Arrangement, FixedGate, FixedGates, Layer, PauliRotation
from qgeo.simulate.angles import evaluate_trees

Floats = NDArray[np.float64]

_NEGLIGIBLE = 1e-12


@dataclass(frozen=True, eq=False)
class PauliCircuit:
    """A circuit in columns of layers and fixed gates.

    Attributes:
        num_qubits: n; parameters: names in `circuit.parameters` order, P of them.
        paulis: the K terms on all n qubits, without phase; columns: what acts on |0…0⟩, first to last.
        gate_angles: one expression per parameterized gate; gate_of_term, weights: (K,) the gate of each term
            and its weight: a_k = weights[k] · angle of gate_of_term[k].
    """

    num_qubits: int
    parameters: tuple[str, ...]
    paulis: PauliList
    columns: tuple[Layer | FixedGates, ...]
    gate_angles: tuple[Expression, ...]
    gate_of_term: NDArray[np.int64]
    weights: Floats

    @property
    def num_terms(self) -> int:
        return len(self.gate_of_term)

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
        found = np.zeros((len(values), len(self.gate_angles), len(self.parameters)))
        for gate, angle in enumerate(self.gate_angles):
            for column, slope in zip(angle.columns, angle.derivatives, strict=True):
                found[:, gate, column] = slope if isinstance(slope, float) else _tree(slope, values)
        return found[:, self.gate_of_term] * self.weights[:, None]


def pauli_circuit(circuit: QuantumCircuit) -> PauliCircuit:
    """Read a circuit of unitary gates as Pauli rotations and fixed gates.

    Raises:
        CircuitError: an instruction that is not unitary, or a gate whose generator has Pauli terms that do
            not commute; the message names it and its position.

    >>> from qiskit.circuit import Parameter
    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.h(0), circuit.crx(Parameter("a"), 0, 1)
    >>> pauli_circuit(circuit).paulis.to_labels()
    ['XI', 'XZ']
    """
    if not isinstance(circuit, QuantumCircuit):
        raise CircuitError(f"expected a QuantumCircuit, got {type(circuit).__name__}")
    names = [parameter.name for parameter in circuit.parameters]
    column_of = {name: column for column, name in enumerate(names)}
    arrangement = Arrangement(circuit.num_qubits)
    for item in _items(circuit, tuple(range(circuit.num_qubits))):
        arrangement.place(item)
    return PauliCircuit(
        num_qubits=circuit.num_qubits,
        parameters=tuple(names),
        paulis=arrangement.paulis(),
        columns=tuple(column.frozen() for column in arrangement.columns),
        gate_angles=tuple(expression(rotation.angle, column_of) for rotation in arrangement.rotations),
        gate_of_term=np.array(arrangement.gate_of_term, dtype=np.int64),
        weights=np.array([w for rotation in arrangement.rotations for w in rotation.weights], dtype=float),
    )


def _items(circuit: QuantumCircuit, qubits: tuple[int, ...]) -> Iterator[PauliRotation | FixedGate]:
    for position, instruction in enumerate(circuit.data):
        own = tuple(qubits[circuit.find_bit(qubit).index] for qubit in instruction.qubits)
        try:
            yield from _operation_items(instruction.operation, own)
        except CircuitError as error:
            name = instruction.operation.name
            raise CircuitError(f"instruction {position} ({name!r} on qubits {list(own)}): {error}") from None


def _operation_items(operation: Any, qubits: tuple[int, ...]) -> Iterator[PauliRotation | FixedGate]:
    if isinstance(operation, Barrier):
        return
    if isinstance(operation, WITHOUT_EFFECT):  # no effect but the noise that may be attached to it
        yield FixedGate(operation, qubits)
        return
    if isinstance(operation, PauliEvolutionGate):
        yield from _evolution_items(operation, qubits)
    elif not is_symbolic(operation) and isinstance(operation, Gate):
        yield FixedGate(operation, qubits)
    else:
        yield from _composite_items(operation, qubits)


def _composite_items(operation: Any, qubits: tuple[int, ...]) -> Iterator[PauliRotation | FixedGate]:
    elements, definition = _elements(operation), definition_of(operation)
    if elements is not None:
        for element in elements:
            yield from _element_items(element, tuple(qubits[q] for q in element.qubits))
    elif definition is None:
        raise not_unitary()
    else:
        yield from _items(definition, qubits)


def _elements(operation: Any) -> list[Element] | None:
    if isinstance(operation, AnnotatedOperation):
        return operation_elements(operation)
    return gate_elements(operation, operation_elements) if is_symbolic(operation) else None


def _element_items(element: Element, qubits: tuple[int, ...]) -> Iterator[PauliRotation | FixedGate]:
    if isinstance(element, Fixed):
        if qubits:
            yield FixedGate(UnitaryGate(element.matrix), qubits)
    elif qubits:  # without qubits: a global phase, which no measurement sees
        rounding = _NEGLIGIBLE * float(np.abs(element.generator).max())
        generator = SparsePauliOp.from_operator(Operator(element.generator), atol=rounding)
        yield _rotation(generator, qubits, element.angle)


def _evolution_items(
    gate: PauliEvolutionGate, qubits: tuple[int, ...]
) -> Iterator[PauliRotation | FixedGate]:
    """exp(−i t H): its definition is exact for commuting terms only."""
    operators = gate.operator if isinstance(gate.operator, list) else [gate.operator]
    hamiltonian = sum(map(sparse_pauli, operators[1:]), sparse_pauli(operators[0]))
    if is_symbolic(gate):
        yield _rotation(2 * hamiltonian, qubits, gate.time)
    elif _all_commute(hamiltonian.paulis):
        yield FixedGate(gate, qubits)
    else:
        for element in operation_elements(gate):
            yield from _element_items(element, tuple(qubits[q] for q in element.qubits))


def _rotation(generator: SparsePauliOp, qubits: tuple[int, ...], angle: Any) -> PauliRotation:
    generator = generator.simplify(atol=0, rtol=0)
    if np.abs(generator.coeffs.imag).max(initial=0) > _NEGLIGIBLE:
        raise CircuitError("expected a Hermitian generator, got complex coefficients")
    acts = (generator.paulis.x | generator.paulis.z).any(axis=1)  # the identity only turns the phase
    strings, weights = generator.paulis[acts], generator.coeffs[acts].real
    if len(strings) and not _all_commute(strings):
        raise CircuitError(
            "expected a generator of commuting Pauli terms for an estimate from shots, got terms that do not "
            "commute; decompose() it into Trotter steps first, or use the exact method"
        )
    return PauliRotation(strings, weights, qubits, angle)


def _all_commute(strings: PauliList) -> bool:
    return all(strings.commutes(string).all() for string in strings)


def _value(angle: Expression, values: Floats) -> Floats:
    if angle.tree is not None:
        return _tree(angle.tree, values)
    slopes = np.array([float(slope) for slope in angle.derivatives])  # type: ignore[arg-type]
    return angle.offset + values[:, list(angle.columns)] @ slopes


def _tree(tree: Any, values: Floats) -> Floats:
    return evaluate_trees([tree], torch.from_numpy(values))[..., 0].numpy()

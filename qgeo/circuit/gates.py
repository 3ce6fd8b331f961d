"""From one Qiskit gate to elements: the table of every standard gate with a parameter.

The meaning of a gate is `Operator(gate)`. Gates with several angles are products of rotations, exact and
with their phase: U(θ, φ, λ) = P(φ) RY(θ) P(λ), R(θ, φ) = P(φ) RX(θ) P(−φ). P(φ) is the rotation about
−2|1⟩⟨1|. A controlled gate is its base gate's elements, controlled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from qiskit.circuit import AnnotatedOperation, ControlledGate, library
from qiskit.circuit.annotated_operation import ControlModifier, InverseModifier, PowerModifier
from qiskit.circuit.library import HamiltonianGate, PauliEvolutionGate
from qiskit.quantum_info import SparseObservable, SparsePauliOp

from qgeo.circuit.elements import (
    Element,
    controlled,
    global_phase,
    inverted,
    placed,
    rotation,
    string_rotation,
)
from qgeo.circuit.matrices import Matrix
from qgeo.circuit.paulis import (
    Term,
    all_commute,
    from_label,
    gathered,
    generator_of,
    qubits_of,
    string_matrix,
    support,
)
from qgeo.errors import CircuitError

MAX_DENSE_QUBITS = 10
"""Widest generator kept as a dense matrix: a 1024×1024 eigenproblem, solved once in `compile`."""

MOST_ELEMENTS = 100_000
"""That a power of a gate comes to, chosen: more are no power that anybody means."""

_MAX_PAULI_SUPPORT = 3  # chosen: what a cell with one matrix a context holds (fusion.py); wider is masks

X = np.array([[0, 1], [1, 0]], dtype=complex)
Y = np.array([[0, -1j], [1j, 0]])
Z = np.diag([1.0 + 0j, -1])
ONE = np.diag([0j, 1])

Angles = Sequence[Any]


def _about(generator: Matrix) -> Callable[[Angles], list[Element]]:
    qubits = tuple(range(len(generator).bit_length() - 1))
    return lambda angles: [rotation(generator, qubits, angles[0])]


def _phase(angle: Any) -> Element:
    return rotation(-2 * ONE, (0,), angle)


def _u(angles: Angles) -> list[Element]:
    """U(θ, φ, λ), or e^{iγ} U(θ, φ, λ), the base of a CU gate."""
    theta, phi, lam, *gamma = angles
    return [_phase(lam), rotation(Y, (0,), theta), _phase(phi), *map(global_phase, gamma)]


def _u2(angles: Angles) -> list[Element]:
    return _u([np.pi / 2, *angles])


def _r(angles: Angles) -> list[Element]:
    theta, phi = angles
    return [_phase(-1 * phi), rotation(X, (0,), theta), _phase(phi)]


ROTATIONS: dict[type, Callable[[Angles], list[Element]]] = {
    library.RXGate: _about(X),
    library.RYGate: _about(Y),
    library.RZGate: _about(Z),
    library.PhaseGate: _about(-2 * ONE),
    library.U1Gate: _about(-2 * ONE),
    library.RXXGate: _about(np.kron(X, X)),
    library.RYYGate: _about(np.kron(Y, Y)),
    library.RZZGate: _about(np.kron(Z, Z)),
    library.RZXGate: _about(np.kron(X, Z)),  # Z on the first qubit, the least significant one
    library.RGate: _r,
    library.UGate: _u,
    library.U3Gate: _u,
    library.U2Gate: _u2,
    library.GlobalPhaseGate: lambda angles: [global_phase(angles[0])],
}
"""Kind of gate → elements on qubits 0, 1, …, as a function of its angles. By class: a name means nothing."""


def gate_elements(gate: Any, unroll: Callable[[Any], list[Element]]) -> list[Element] | None:
    """Elements of a parameterized gate on its own qubits 0, 1, …, or None where only its definition helps.

    Args:
        gate: a Qiskit gate with at least one free parameter, or a `PauliEvolutionGate`.
        unroll: how to read an inner gate (of a controlled or annotated one).

    Raises:
        CircuitError: a non-integer power, a non-Hermitian or too wide evolution.
    """
    if isinstance(gate, PauliEvolutionGate):
        return evolution_elements(hamiltonian_terms(gate), gate.time)
    if isinstance(gate, HamiltonianGate):
        matrix, time = gate.params
        return [rotation(2 * np.asarray(matrix, dtype=complex), tuple(range(gate.num_qubits)), time)]
    if isinstance(gate, AnnotatedOperation):
        return _annotated(gate, unroll)
    if isinstance(gate, ControlledGate):
        return _controlled_gate(gate, unroll)
    known = ROTATIONS.get(_kind(gate))
    return None if known is None else known(gate.params)


def _kind(gate: Any) -> type:
    return getattr(gate, "base_class", type(gate))


def _controlled_gate(gate: ControlledGate, unroll: Callable[[Any], list[Element]]) -> list[Element] | None:
    base = gate.base_gate
    if gate.num_qubits > MAX_DENSE_QUBITS or gate.num_qubits != gate.num_ctrl_qubits + base.num_qubits:
        return None
    known = ROTATIONS.get(_kind(base))  # the controlled gate's own angles: those of CU hold one more
    elements = unroll(base) if known is None else known(gate.params)
    return _under_controls(elements, gate.num_ctrl_qubits, gate.ctrl_state)


def _under_controls(elements: list[Element], num_controls: int, state: int) -> list[Element]:
    num_qubits = 1 + max((q for element in elements for q in element.qubits), default=-1)
    if num_controls + num_qubits > MAX_DENSE_QUBITS:
        raise CircuitError(
            f"expected a controlled gate on at most {MAX_DENSE_QUBITS} qubits, got "
            f"{num_controls + num_qubits}; decompose() it first"
        )
    targets = tuple(range(num_controls, num_controls + num_qubits))
    return controlled(placed(elements, targets), tuple(range(num_controls)), state)


def _annotated(gate: AnnotatedOperation, unroll: Callable[[Any], list[Element]]) -> list[Element]:
    elements = unroll(gate.base_op)
    for modifier in gate.modifiers:
        if isinstance(modifier, ControlModifier):
            elements = _under_controls(elements, modifier.num_ctrl_qubits, modifier.ctrl_state)
        elif isinstance(modifier, InverseModifier):
            elements = inverted(elements)
        elif isinstance(modifier, PowerModifier):
            elements = _power(elements, modifier.power)
    return elements


def _power(elements: list[Element], power: float) -> list[Element]:
    if power != int(power):
        raise CircuitError(
            f"expected an integer power of a parameterized gate, got {power}; scale its angle instead"
        )
    if abs(power) * max(1, len(elements)) > MOST_ELEMENTS:
        raise CircuitError(
            f"expected a power of a parameterized gate that comes to at most {MOST_ELEMENTS:,} rotations and "
            f"fixed gates, got the power {power}; scale its angle instead"
        )
    return (elements if power >= 0 else inverted(elements)) * abs(int(power))


def evolved_hamiltonian(gate: PauliEvolutionGate) -> SparsePauliOp:
    """H of exp(−i t H), each string once.

    Raises:
        CircuitError: it is not Hermitian.
    """
    operators = gate.operator if isinstance(gate.operator, list) else [gate.operator]
    hamiltonian = sum(map(sparse_pauli, operators[1:]), sparse_pauli(operators[0])).simplify(atol=0, rtol=0)
    if np.abs(hamiltonian.coeffs.imag).max(initial=0) > 1e-12:
        raise CircuitError("expected a Hermitian operator in a PauliEvolutionGate, got complex coefficients")
    return hamiltonian


def hamiltonian_terms(gate: PauliEvolutionGate) -> list[Term]:
    """The strings of H of exp(−i t H), on the gate's qubits 0, 1, … Errors: see `evolved_hamiltonian`."""
    hamiltonian = evolved_hamiltonian(gate)
    labelled = zip(hamiltonian.paulis.to_labels(), hamiltonian.coeffs.real.tolist(), strict=True)
    return [from_label(text)._replace(weight=weight) for text, weight in labelled]


def evolution_elements(terms: list[Term], time: Any) -> list[Element]:
    """exp(−i t H) by the strings of H.

    Raises:
        CircuitError: they do not commute and act on too many qubits.
    """
    if not all_commute(terms):
        return [_dense_evolution(terms, time)]
    return [element for term in terms for element in _pauli_rotation(term, term.weight * 2 * time)]


def sparse_pauli(operator: Any) -> SparsePauliOp:
    """A Pauli, a SparseObservable or a SparsePauliOp as the last."""
    if isinstance(operator, SparseObservable):
        return SparsePauliOp.from_sparse_observable(operator)
    return operator if isinstance(operator, SparsePauliOp) else SparsePauliOp(operator)


def _dense_evolution(terms: list[Term], time: Any) -> Element:
    qubits = tuple(qubits_of(support(terms)))
    if len(qubits) > MAX_DENSE_QUBITS:
        raise CircuitError(
            f"expected a PauliEvolutionGate of non-commuting terms on at most {MAX_DENSE_QUBITS} qubits, "
            f"got {len(qubits)}; decompose() it into Trotter steps first"
        )
    on_support = (term._replace(x=gathered(term.x, qubits), z=gathered(term.z, qubits)) for term in terms)
    return rotation(2 * generator_of(on_support, len(qubits)), qubits, time)


def _pauli_rotation(term: Term, angle: Any) -> list[Element]:
    """exp(−i angle P/2) for a Pauli string, whatever its weight."""
    qubits = tuple(qubits_of(term.x | term.z))
    if not qubits:
        return [global_phase(-0.5 * angle)]
    if len(qubits) > _MAX_PAULI_SUPPORT:
        return string_rotation(term._replace(weight=1.0), angle)
    string = Term(gathered(term.x, qubits), gathered(term.z, qubits))
    return [rotation(string_matrix(string, len(qubits)).dense(), qubits, angle)]

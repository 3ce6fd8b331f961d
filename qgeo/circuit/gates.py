"""From one Qiskit gate to elements: the table of every standard gate with a parameter.

The meaning of a gate is `Operator(gate)`. Gates with several angles are products of rotations, exact and
with their phase: U(θ, φ, λ) = P(φ) RY(θ) P(λ), R(θ, φ) = P(φ) RX(θ) P(−φ). P(φ) is the rotation about
−2|1⟩⟨1|. A controlled gate is its base gate's elements, controlled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from qiskit.circuit import AnnotatedOperation, ControlledGate, library
from qiskit.circuit.annotated_operation import ControlModifier, InverseModifier, PowerModifier
from qiskit.circuit.library import HamiltonianGate, PauliEvolutionGate
from qiskit.quantum_info import SparseObservable, SparsePauliOp

from qgeo.circuit.elements import (
    Element,
    Fixed,
    Matrix,
    controlled,
    embedded,
    global_phase,
    inverted,
    placed,
    rotation,
)
from qgeo.errors import CircuitError

MAX_DENSE_QUBITS = 10
"""Widest generator kept as a dense matrix: a 1024×1024 eigenproblem, solved once in `compile`."""

_MAX_PAULI_SUPPORT = 3

X = np.array([[0, 1], [1, 0]], dtype=complex)
Y = np.array([[0, -1j], [1j, 0]])
Z = np.diag([1.0 + 0j, -1])
ONE = np.diag([0j, 1])
_PAULI = {"I": np.eye(2, dtype=complex), "X": X, "Y": Y, "Z": Z}

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
        return _evolution(gate)
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


def _evolution(gate: PauliEvolutionGate) -> list[Element]:
    hamiltonian = evolved_hamiltonian(gate)
    if len(hamiltonian.group_commuting()) > 1:
        return [_dense_evolution(hamiltonian, gate.time)]
    labelled = zip(hamiltonian.paulis.to_labels(), hamiltonian.coeffs.real, strict=True)
    return [
        element for label, weight in labelled for element in _pauli_rotation(label, weight * 2 * gate.time)
    ]


def sparse_pauli(operator: Any) -> SparsePauliOp:
    """A Pauli, a SparseObservable or a SparsePauliOp as the last."""
    if isinstance(operator, SparseObservable):
        return SparsePauliOp.from_sparse_observable(operator)
    return operator if isinstance(operator, SparsePauliOp) else SparsePauliOp(operator)


def _dense_evolution(hamiltonian: SparsePauliOp, time: Any) -> Element:
    acts = hamiltonian.paulis.x | hamiltonian.paulis.z
    support = [qubit for qubit in range(hamiltonian.num_qubits) if acts[:, qubit].any()]
    if len(support) > MAX_DENSE_QUBITS:
        raise CircuitError(
            f"expected a PauliEvolutionGate of non-commuting terms on at most {MAX_DENSE_QUBITS} qubits, "
            f"got {len(support)}; decompose() it into Trotter steps first"
        )
    labels = hamiltonian.paulis.to_labels()
    on_support = ["".join(label[-1 - qubit] for qubit in reversed(support)) for label in labels]
    reduced = SparsePauliOp(on_support, hamiltonian.coeffs)
    return rotation(2 * reduced.to_matrix(), tuple(support), time)


def _pauli_rotation(label: str, angle: Any) -> list[Element]:
    """exp(−i angle P/2) for a Pauli label (leftmost letter on the highest qubit)."""
    support = [(q, letter) for q, letter in enumerate(reversed(label)) if letter != "I"]
    if not support:
        return [global_phase(-0.5 * angle)]
    if len(support) > _MAX_PAULI_SUPPORT:
        return _laddered(support, angle)
    generator = np.ones((1, 1), dtype=complex)
    for _, letter in support:
        generator = np.kron(_PAULI[letter], generator)
    return [rotation(generator, tuple(q for q, _ in support), angle)]


def _laddered(support: list[tuple[int, str]], angle: Any) -> list[Element]:
    """A wide Pauli rotation as C† RZ C: C turns letters into Z and collects the parity in the last qubit."""
    to_z = {"X": np.array([[1, 1], [1, -1]]) / np.sqrt(2), "Y": np.array([[1, -1j], [1, 1j]]) / np.sqrt(2)}
    cx = embedded(X, (1,), 2) @ np.kron(np.eye(2), ONE) + np.kron(np.eye(2), np.eye(2) - ONE)
    bases: list[Element] = [Fixed(to_z[letter] + 0j, (q,)) for q, letter in support if letter != "Z"]
    ladder: list[Element] = [Fixed(cx, (a, b)) for (a, _), (b, _) in pairwise(support)]
    clifford = [*bases, *ladder]
    return [*clifford, rotation(Z, (support[-1][0],), angle), *inverted(clifford)]

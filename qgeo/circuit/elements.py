"""Elements: what a circuit is once Qiskit's gate names are gone.

    Rotation         U(a) = exp(−i a G / 2)      G Hermitian, a the angle (a parameter expression)
    StringRotation   U(a) = exp(−i a w P / 2)    P a Pauli string of any width, w its weight
    Fixed            U                           any unitary

Every parameterized gate is a short product of rotations; controls, inverses and integer powers act on
elements, so that a gate is described once and its controlled, inverted and annotated forms follow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from qgeo.circuit.matrices import Matrix
from qgeo.circuit.paulis import Term, letter, pauli_terms, qubits_of, spread

_Z = np.diag([1.0 + 0j, -1])
_CX = np.eye(4, dtype=complex)[[0, 3, 2, 1]]  # its control is the first qubit
_TO_Z = {"X": np.array([[1, 1], [1, -1]]) / np.sqrt(2) + 0j, "Y": np.array([[1, -1j], [1, 1j]]) / np.sqrt(2)}


@dataclass(frozen=True, eq=False)
class Rotation:
    """exp(−i angle generator / 2) on `qubits`, the first of them the least significant bit of the matrix.

    No qubits and a 1×1 generator make a global phase.
    """

    generator: Matrix
    qubits: tuple[int, ...]
    angle: Any  # a Qiskit ParameterExpression while compiling, an index into its angles in a Program


@dataclass(frozen=True, eq=False)
class StringRotation:
    """exp(−i angle w P / 2) for a Pauli string P, not the identity, and its weight w: masks, no matrix."""

    term: Term
    angle: Any  # as that of a Rotation

    @cached_property
    def qubits(self) -> tuple[int, ...]:
        """The qubits that the string acts on, ascending."""
        return tuple(qubits_of(self.term.x | self.term.z))


@dataclass(frozen=True, eq=False)
class Fixed:
    """A unitary without parameters on `qubits`, the first of them the least significant bit of the matrix."""

    matrix: Matrix
    qubits: tuple[int, ...]


AnyRotation = Rotation | StringRotation
"""Elements with an angle."""

Element = AnyRotation | Fixed


@dataclass(frozen=True, eq=False)
class Placed:
    """An element of a Program, and whether its angle depends on data."""

    element: Element
    per_context: bool

    @property
    def angle(self) -> int | None:
        """The index of its angle in the program; None for a fixed one."""
        return None if isinstance(self.element, Fixed) else self.element.angle

    @property
    def qubits(self) -> tuple[int, ...]:
        return self.element.qubits


def rotation_terms(element: AnyRotation) -> tuple[Term, ...]:
    """The Pauli strings of a rotation's generator on the circuit's qubits, with their weights.

    exp(−i a G / 2) with G = Σ_t w_t P_t is Π_t exp(−i a w_t P_t / 2) where the strings commute.

    >>> rotation_terms(Rotation(np.diag([1, -1, -1, 1]), (3, 1), 0))  # Z₁Z₃
    (Term(x=0, z=10, weight=1.0),)
    >>> rotation_terms(StringRotation(Term(0b1011, 0b0110), 0))
    (Term(x=11, z=6, weight=1.0),)
    """
    if isinstance(element, StringRotation):
        return (element.term,)
    return pauli_terms(element.generator, element.qubits)


# --- elements of a gate ---------------------------------------------------------------------------


def rotation(generator: Matrix, qubits: tuple[int, ...], angle: Any) -> Element:
    """The rotation, or the fixed unitary it already is when its angle is a number."""
    if getattr(angle, "parameters", None):
        return Rotation(generator, qubits, angle)
    spectrum, basis = np.linalg.eigh(generator)
    return Fixed((basis * np.exp(-0.5j * float(angle) * spectrum)) @ basis.conj().T, qubits)


def string_rotation(term: Term, angle: Any) -> list[Element]:
    """The rotation about a string, or the fixed unitaries it already is when its angle is a number."""
    element = StringRotation(term, angle)
    if getattr(angle, "parameters", None):
        return [element]
    pieces = laddered(element)
    return [rotation(p.generator, p.qubits, angle) if isinstance(p, Rotation) else p for p in pieces]


def global_phase(angle: Any) -> Element:
    """exp(i angle): a rotation about −2 on no qubits."""
    return rotation(np.array([[-2.0 + 0j]]), (), angle)


def laddered(element: Element) -> list[Element]:
    """The rotation about a string as C† RZ C, on two qubits at most; any other element as it is.

    C turns letters into Z and collects the parity in the last qubit.
    """
    if not isinstance(element, StringRotation):
        return [element]
    term, qubits = element.term, element.qubits
    bases: list[Element] = [Fixed(_TO_Z[letter(term, q)], (q,)) for q in qubits_of(term.x)]
    ladder: list[Element] = [Fixed(_CX, pair) for pair in pairwise(qubits)]
    clifford = [*bases, *ladder]
    return [*clifford, Rotation(term.weight * _Z, qubits[-1:], element.angle), *inverted(clifford)]


# --- controls, inverses, places -------------------------------------------------------------------


def controlled(elements: list[Element], controls: tuple[int, ...], state: int) -> list[Element]:
    """The same elements, acting only where the control qubits read `state`; strings on their ladders."""
    projector = np.zeros((2 ** len(controls),) * 2, dtype=complex)
    projector[state, state] = 1
    pieces = (piece for element in elements for piece in laddered(element))
    return [_control(piece, controls, projector) for piece in pieces]


def _control(element: Element, controls: tuple[int, ...], projector: Matrix) -> Element:
    assert not isinstance(element, StringRotation)
    qubits = controls + element.qubits
    if isinstance(element, Rotation):
        return Rotation(np.kron(element.generator, projector), qubits, element.angle)
    idle = np.eye(len(projector)) - projector
    return Fixed(np.kron(np.eye(len(element.matrix)), idle) + np.kron(element.matrix, projector), qubits)


def inverted(elements: list[Element]) -> list[Element]:
    """The inverse: reversed order, opposite angles."""
    return [_invert(element) for element in reversed(elements)]


def _invert(element: Element) -> Element:
    if isinstance(element, Fixed):
        return Fixed(element.matrix.conj().T, element.qubits)
    return replace(element, angle=-1 * element.angle)


def placed(elements: list[Element], qubits: tuple[int, ...]) -> list[Element]:
    """The same elements with their qubit numbers read as positions in `qubits`."""
    return [_on(element, qubits) for element in elements]


def _on(element: Element, qubits: tuple[int, ...]) -> Element:
    if isinstance(element, StringRotation):
        x, z, weight = element.term
        return StringRotation(Term(spread(x, qubits), spread(z, qubits), weight), element.angle)
    return replace(element, qubits=tuple(qubits[q] for q in element.qubits))

"""A program as rotations about Pauli strings, with its Clifford gates carried behind them.

    R_P(a) C = C R_{C†PC}(a),     C†PC = ± another string    for every Clifford gate C: H, S, SX, CX, ECR, …

A rotation about the other string costs the same, so that Clifford gates cost nothing until the circuit's
end: their product is applied there once, and not at all where tangents meet in the middle. Only in front of a
dense matrix, which is no rotation about a few strings, are they applied earlier.
"""

from __future__ import annotations

import cmath
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import isclose

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import schur

from qgeo.circuit.clifford import Tableau, clifford_images
from qgeo.circuit.clifford_form import global_phase, normal_form
from qgeo.circuit.elements import Fixed, Placed, StringRotation, rotation_terms
from qgeo.circuit.expression import Expression
from qgeo.circuit.matrices import Matrix
from qgeo.circuit.monomial import MonomialMatrix
from qgeo.circuit.paulis import Term, all_commute, commute, gathered, pauli_terms, spread
from qgeo.circuit.program import Program
from qgeo.simulate.compiled.layout import MOST_MASKS
from qgeo.simulate.compiled.pieces import FIXED, DenseRotation, Piece, rotations_about

MOST_TERMS = 1024
"""Most strings of a generator: a rotation under ten controls."""

_ONE_ROUNDING = 2.3e-16
"""Of a quotient of two slopes: their angles agree to it, or are not multiples of each other."""


@dataclass(eq=False)
class Carried:
    """Pieces of a program while they are listed.

    Attributes:
        pieces: first to last; waiting: the Clifford gates that are still to be applied behind them.
        phase: what all of it is multiplied by.
        angle, terms: a rotation that neighbours by a multiple of its angle may still join.
    """

    num_qubits: int
    angles: tuple[Expression, ...] = ()
    pieces: list[Piece] = field(default_factory=list)
    gates: list[tuple[Matrix, tuple[int, ...]]] = field(default_factory=list)
    phase: complex = 1.0
    angle: int = FIXED
    terms: list[Term] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.waiting = Tableau.identity(self.num_qubits)

    def add_rotation(self, angle: int, terms: Sequence[Term]) -> None:
        """A rotation about commuting strings, in front of what waits."""
        pulled = [self.waiting.pulled_back(term) for term in terms]
        multiple = self._multiple(angle)
        if multiple is None or not self._join(pulled):
            self.close_rotation()
            self.angle, multiple = angle, 1.0
        self.terms += [Term(x, z, multiple * weight) for x, z, weight in pulled]

    def _multiple(self, angle: int) -> float | None:
        """The angle in units of that of the last rotation, where it is a multiple of it."""
        if FIXED in (angle, self.angle):
            return 1.0 if angle == self.angle else None
        return multiple_of(self.angles[angle], self.angles[self.angle])

    def _join(self, terms: Sequence[Term]) -> bool:
        """Whether all of them commute with those of the last rotation, and are not too many together."""
        together = len(terms) + len(self.terms) <= MOST_TERMS
        return together and all(commute(one, other) for one in terms for other in self.terms)

    def close_rotation(self) -> None:
        """List the last rotation, which none may join any longer."""
        self.pieces += rotations_about(self.angle, self.terms)
        self.angle, self.terms = FIXED, []

    def add_clifford(self, matrix: Matrix, images: tuple[Term, ...], qubits: tuple[int, ...]) -> None:
        """Wait with it, behind what waits already."""
        self.waiting.append(images, qubits)
        self.gates.append((matrix, qubits))

    def add_dense(self, piece: DenseRotation) -> None:
        self.close_rotation()
        self.apply_waiting()
        self.pieces.append(piece)

    def applied(self) -> Carried:
        """The same with nothing waiting."""
        copy = Carried(self.num_qubits, self.angles, list(self.pieces), list(self.gates), self.phase)
        copy.waiting = self.waiting
        copy.apply_waiting()
        return copy

    def apply_waiting(self) -> None:
        """Clifford gates that wait, as two monomial matrices with rotations by π/2 between them."""
        if self.gates:
            form = normal_form(self.waiting)
            self.phase *= global_phase(self.gates, self.num_qubits, form)
            self.pieces += [
                *_unless_identity(form.first),
                *_quarters(form.turned),
                *_unless_identity(form.last),
            ]
        self.waiting, self.gates = Tableau.identity(self.num_qubits), []


def _quarters(qubits: Sequence[int]) -> list[Piece]:
    """RY(π/2) on each of them."""
    ys = [Term(1 << qubit, 1 << qubit, np.pi / 2) for qubit in qubits]
    return [piece for y in ys for piece in rotations_about(FIXED, [y])]


def _unless_identity(matrix: MonomialMatrix) -> list[Piece]:
    return [] if matrix.is_identity else [matrix]


def carried(program: Program) -> Carried | None:
    """The program in pieces, Clifford gates behind the last of them waiting, or None where a generator is
    neither a sum of commuting strings nor on a few qubits."""
    pieces = Carried(program.num_qubits, program.angles)
    if all(_added(pieces, placed) for placed in program.elements):
        pieces.close_rotation()
        return pieces
    return None


def multiple_of(angle: Expression, unit: Expression) -> float | None:
    """m where angle = m · unit for all values of their parameters, of affine angles; else None.

    >>> half, whole = (Expression((3,), (slope,), 0.0, None) for slope in (0.5, 1.0))
    >>> multiple_of(half, whole), multiple_of(half, Expression((2,), (1.0,), 0.0, None))
    (0.5, None)
    """
    if angle is unit:
        return 1.0
    if angle.columns != unit.columns or angle.tree is not None or unit.tree is not None:
        return None
    pairs = [*zip(angle.derivatives, unit.derivatives, strict=True), (angle.offset, unit.offset)]
    numbers = [(a, b) for a, b in pairs if isinstance(a, float) and isinstance(b, float)]
    if len(numbers) < len(pairs) or not numbers[0][1]:
        return None
    multiple = numbers[0][0] / numbers[0][1]
    return multiple if all(isclose(a, multiple * b, rel_tol=_ONE_ROUNDING) for a, b in numbers) else None


def _added(pieces: Carried, placed: Placed) -> bool:
    """Whether an element is something that the compiled sweeps take, and is then listed."""
    element = placed.element
    if isinstance(element, Fixed):
        return _fixed_added(pieces, element)
    assert placed.angle is not None
    terms = rotation_terms(element)
    if len(terms) <= MOST_TERMS and all_commute(terms):
        pieces.add_rotation(placed.angle, terms)
        return True
    if isinstance(element, StringRotation) or len(element.qubits) > MOST_MASKS:
        return False
    spectrum, vectors = np.linalg.eigh(element.generator)
    pieces.add_dense(
        DenseRotation(placed.angle, element.qubits, _flips(terms, element.qubits), vectors, spectrum)
    )
    return True


def _flips(terms: Sequence[Term], qubits: tuple[int, ...]) -> tuple[int, ...]:
    """What products of the strings flip, by positions in `qubits`."""
    flips = {0}
    for term in terms:
        flips |= {flip ^ gathered(term.x, qubits) for flip in flips}
    return tuple(sorted(flips))


def _fixed_added(pieces: Carried, element: Fixed) -> bool:
    if len(element.qubits) > MOST_MASKS:
        return False
    images = clifford_images(element.matrix)
    if images is not None:
        pieces.add_clifford(element.matrix, images, element.qubits)
        return True
    written = _written(np.asarray(element.matrix, dtype=complex).tobytes(), len(element.matrix))
    for terms in written.rotations:
        pieces.add_rotation(FIXED, [_spread(term, element.qubits) for term in terms])
    if not written.rotations:
        everything = tuple(range(len(element.matrix)))
        pieces.add_dense(DenseRotation(FIXED, element.qubits, everything, written.vectors, written.spectrum))
    return True


def _spread(term: Term, qubits: tuple[int, ...]) -> Term:
    return Term(spread(term.x, qubits), spread(term.z, qubits), term.weight)


# --- fixed unitaries ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Written:
    """A unitary U = exp(−i G/2), by the eigenvectors and eigenvalues of G, and as a product of rotations
    about commuting strings, first to last, where it was found to be one."""

    vectors: Matrix
    spectrum: NDArray[np.float64]
    rotations: tuple[tuple[Term, ...], ...]


@lru_cache(maxsize=1024)
def _written(matrix: bytes, dimension: int) -> _Written:
    unitary = np.frombuffer(matrix, dtype=complex).reshape(dimension, dimension)
    triangle, vectors = schur(unitary, output="complex")
    spectrum = -2 * np.angle(np.diag(triangle))
    terms = pauli_terms((vectors * spectrum) @ vectors.conj().T, tuple(range(dimension.bit_length() - 1)))
    if all_commute(terms):
        return _Written(vectors, spectrum, (terms,))
    return _Written(vectors, spectrum, _euler_rotations(unitary) if dimension == 2 else ())


def _euler_rotations(unitary: Matrix) -> tuple[tuple[Term, ...], ...]:
    """e^{iα} RZ(β) RY(γ) RZ(δ) of a matrix on one qubit; the phase is a rotation about −2.

    The phase of an entry that is nearly 0 is rounding. Each sum below is read off one entry alone, so that it
    moves that entry and its like, and no other.
    """
    gamma = 2 * np.arctan2(abs(unitary[1, 0]), abs(unitary[0, 0]))
    alpha = cmath.phase(unitary[0, 0] * unitary[1, 1] - unitary[0, 1] * unitary[1, 0]) / 2
    total = 2 * (cmath.phase(unitary[1, 1]) - alpha)  # β + δ
    difference = 2 * (cmath.phase(unitary[1, 0]) - alpha)  # β − δ
    beta, delta = (total + difference) / 2, (total - difference) / 2
    return (Term(0, 1, delta),), (Term(1, 1, gamma),), (Term(0, 1, beta), Term(0, 0, -2 * alpha))

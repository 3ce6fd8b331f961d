"""A program as operations of the compiled engine: Pauli rotations, monomial matrices, dense fixed unitaries.

    exp(−i a G/2) = Π_t exp(−i a w_t P_t/2)      for a generator G = Σ_t w_t P_t of commuting Pauli strings
    R W = W (W†RW),   W†PW = ± another string    where W is a monomial Clifford matrix (CX, CZ, SWAP, S, X, …)

A rotation about the other string costs the same, so that monomial matrices are carried behind the rotations
until one is no Clifford, and done once, instead of on every tangent. Numbers only, made once per program.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from qgeo.circuit.elements import Matrix
from qgeo.circuit.monomial import NEGLIGIBLE, MonomialMatrix, identity, is_monomial, on_qubits
from qgeo.circuit.paulis import Term, all_commute, commute, conjugated, pauli_terms, spread
from qgeo.circuit.program import Block, Factor, FixedFactor, Program
from qgeo.simulate.compiled.layout import (
    AMPLITUDE_BYTES,
    DENSE,
    MONOMIAL,
    ROTATION,
    Ints,
    KernelStep,
    Operation,
    table,
)

MOST_TABLE_BYTES = 2**25
"""Of all tables of phases: a circuit of very many layers goes through the later ones rotation by rotation.
Chosen, not measured."""

WIDEST_GENERATOR = 4
"""Most qubits of a generator: a rotation under k controls has 2ᵏ strings, and one matrix is cheaper then.
Chosen by counting: 2⁴ strings take about as many products as a matrix on four qubits."""


@dataclass(frozen=True, eq=False)
class Operations:
    """Operations and steps as tables, to be read by the sweeps.

    Attributes:
        table: a row `Operation` each; numbers, indices: the pools that it points into.
        steps: a row `KernelStep` each, with table of phases −1 where there is none.
    """

    table: Ints
    numbers: NDArray[np.float64]
    indices: Ints
    steps: Ints

    @cached_property
    def num_phases(self) -> int:
        return int(self.steps[:, 2].max(initial=-1)) + 1

    @cached_property
    def addresses(self) -> tuple[int, ...]:
        """Of the arrays, as `circuit` has them; numpy takes a microsecond to make each."""
        return tuple(part.ctypes.data for part in (self.table, self.steps, self.numbers, self.indices))

    @cached_property
    def angles_of_step(self) -> tuple[tuple[int, ...], ...]:
        """The angles of its rotations."""
        rows = [Operation(*row) for row in self.table.tolist()]
        return tuple(
            tuple(row.angle for row in rows[first : last + 1] if row.kind == ROTATION)
            for first, last, _ in self.steps.tolist()
        )


def _is_diagonal(row: Operation) -> bool:
    """Whether it is a rotation about a string of Zs: it only changes phases."""
    return row.kind == ROTATION and row.x == 0


def _with_diagonal_together(rows: list[Operation]) -> list[Operation]:
    """Diagonal rotations as late as what follows commutes with them: beside others of their kind."""
    ordered: list[Operation] = []
    waiting: list[Operation] = []
    for row in rows:
        if _is_diagonal(row):
            waiting.append(row)
            continue
        if row.kind != ROTATION or not all(_commute(row, diagonal) for diagonal in waiting):
            ordered, waiting = ordered + waiting, []
        ordered.append(row)
    return ordered + waiting


def _commute(first: Operation, second: Operation) -> bool:
    return commute(Term(first.x, first.z), Term(second.x, second.z))


def _steps(rows: list[Operation], dimension: int) -> list[KernelStep]:
    """Neighbouring diagonal rotations as one, with a table while tables fit; all else alone."""
    steps: list[KernelStep] = []
    tables = start = 0
    for diagonal, run in groupby(rows, key=_is_diagonal):
        stop = start + len(list(run))
        if diagonal and stop - start > 1:
            has_table = (tables + 1) * dimension * AMPLITUDE_BYTES <= MOST_TABLE_BYTES
            steps.append(KernelStep(start, stop - 1, tables if has_table else -1))
            tables += has_table
        else:
            steps += [KernelStep(i, i, -1) for i in range(start, stop)]
        start = stop
    return steps


def operations_of(program: Program) -> Operations | None:
    """The program as operations, or None where a generator is wide or its Pauli strings do not commute."""
    writer = _Writer(program.num_qubits)
    for block in program.blocks:
        if isinstance(block, MonomialMatrix):
            writer.add_monomial(block)
        elif not _add_block(writer, block):
            return None
    return writer.finished()


def _add_block(writer: _Writer, block: Block) -> bool:
    return all(_add_factor(writer, factor, block.qubits) for factor in block.factors)


def _add_factor(writer: _Writer, factor: Factor, qubits: tuple[int, ...]) -> bool:
    """Whether it is a fixed matrix or a product of a few Pauli rotations, which are then added."""
    if isinstance(factor, FixedFactor):
        for matrix, on in tensor_factors(factor.matrix, qubits):
            _add_fixed(writer, matrix, on)
        return True
    if len(factor.positions) > WIDEST_GENERATOR:
        return False
    terms = pauli_terms(factor.generator, tuple(qubits[position] for position in factor.positions))
    if not all_commute(terms):
        return False
    for term in terms:
        writer.add_rotation(factor.angle, term)
    return True


def tensor_factors(matrix: Matrix, qubits: tuple[int, ...]) -> list[tuple[Matrix, tuple[int, ...]]]:
    """Matrices on disjoint qubits whose product is the unitary: one qubit each, where it can be split off."""
    for slot in range(len(qubits) if len(qubits) > 1 else 0):
        axes = matrix.reshape((2,) * (2 * len(qubits)))  # the last axis of each side is the first qubit
        row, column = len(qubits) - 1 - slot, 2 * len(qubits) - 1 - slot
        flat = np.moveaxis(axes, (row, column), (0, 1)).reshape(4, -1)
        left, weights, right = np.linalg.svd(flat, full_matrices=False)
        if weights[1] < NEGLIGIBLE * weights[0]:
            factor = _without_rounding(left[:, 0].reshape(2, 2) * 2**0.5)  # a unitary
            rest = _without_rounding(right[0].reshape(len(matrix) // 2, -1) * (weights[0] / 2**0.5))
            return [(factor, (qubits[slot],)), *tensor_factors(rest, qubits[:slot] + qubits[slot + 1 :])]
    return [(matrix, qubits)]


def _without_rounding(matrix: Matrix) -> Matrix:
    """Entries 0, ±1, ±i exactly, as before the factors were taken: their rounding would add up over gates."""
    nearest = np.round(matrix)
    return np.where(np.abs(matrix - nearest) < NEGLIGIBLE, nearest, matrix)


def _add_fixed(writer: _Writer, matrix: Matrix, qubits: tuple[int, ...]) -> None:
    """A unitary on some qubits."""
    if is_monomial(matrix):
        writer.add_monomial(on_qubits(matrix, qubits, writer.num_qubits))
        return
    offsets = np.array([spread(k, qubits) for k in range(len(matrix))])
    rest = np.array([k for k in range(writer.dimension) if not k & offsets[-1]])
    writer.add_dense(matrix, offsets, rest)


@dataclass(eq=False)
class _Writer:
    """Operations while they are listed; `waiting` is the monomial matrix still to be done behind them."""

    num_qubits: int
    rows: list[Operation] = field(default_factory=list)
    numbers: list[float] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.waiting = identity(self.num_qubits)

    @property
    def dimension(self) -> int:
        return 1 << self.num_qubits

    def add_rotation(self, angle: int, term: Term) -> None:
        """exp(−i a w P/2), in front of the matrix that waits if that is a Clifford for P, else behind it."""
        in_front = conjugated(term, self.waiting)
        if in_front is None:
            self._write_monomial()
            in_front = term
        x, z, weight = in_front
        self._add(ROTATION, angle=angle, x=x, z=z)
        self.numbers.append(weight)

    def add_monomial(self, matrix: MonomialMatrix) -> None:
        """Wait with it, behind what waits already."""
        self.waiting = matrix.after(self.waiting)

    def add_dense(self, matrix: Matrix, offsets: NDArray[np.int64], rest: NDArray[np.int64]) -> None:
        """(D, D) on the amplitudes rest + offsets, and its adjoint."""
        self._write_monomial()
        self._add(DENSE, size=len(matrix))
        self.numbers.extend(_interleaved(matrix) + _interleaved(matrix.conj().T))
        self.indices.extend(offsets.tolist() + rest.tolist())

    def finished(self) -> Operations:
        """Everything listed, the matrix that waits last, in steps."""
        self._write_monomial()
        rows = _with_diagonal_together(self.rows)
        return Operations(
            table(Operation, rows),
            np.array(self.numbers, dtype=np.float64),
            np.array(self.indices, dtype=np.int32),
            table(KernelStep, _steps(rows, self.dimension)),
        )

    def _write_monomial(self) -> None:
        """The matrix that is waiting, and its inverse."""
        forth = self.waiting
        if forth.is_identity:
            return
        back, self.waiting = forth.inverse(), identity(self.num_qubits)
        self._add(MONOMIAL, size=int(not forth.is_permutation))
        self.numbers.extend(_interleaved(forth.phase) + _interleaved(back.phase))
        self.indices.extend(forth.source.tolist() + back.source.tolist())

    def _add(self, kind: int, *, angle: int = 0, x: int = 0, z: int = 0, size: int = 0) -> None:
        self.rows.append(Operation(kind, angle, x, z, size, len(self.numbers), len(self.indices)))


def _interleaved(numbers: Matrix) -> list[float]:
    return np.ascontiguousarray(numbers, dtype=complex).view(np.float64).ravel().tolist()

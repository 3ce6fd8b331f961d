"""A program's pieces as the tables that the compiled sweeps read. Numbers only, made once per program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgeo.circuit.matrices import Matrix
from qgeo.circuit.monomial import MonomialMatrix
from qgeo.simulate.compiled.carried import Carried
from qgeo.simulate.compiled.layout import (
    DENSE,
    MONOMIAL,
    ROTATION,
    Ints,
    KernelStep,
    Operation,
    table,
)
from qgeo.simulate.compiled.pieces import FIXED, DenseRotation, Piece, StringsRotation

MOST_TABLE_BYTES = 2**27
"""Of all tables of phases: a circuit of very many layers goes through the later ones rotation by rotation.
Chosen, not measured."""

_AMPLITUDE_BYTES = 16


@dataclass(frozen=True, eq=False)
class Operations:
    """Operations and steps as tables, to be read by the sweeps.

    Attributes:
        table: a row `Operation` each; numbers, indices: the pools that it points into.
        steps: a row `KernelStep` each, with table of phases −1 where there is none.
        num_vectors: registers that are computed from the angles.
        start: the amplitude of |0…0⟩ in the beginning: the circuit's phase.
    """

    table: Ints
    numbers: NDArray[np.float64]
    indices: Ints
    steps: Ints
    num_vectors: int
    start: complex

    @cached_property
    def count(self) -> int:
        return len(self.table)

    @cached_property
    def num_phases(self) -> int:
        return int(self.steps[:, 2].max(initial=-1)) + 1

    @cached_property
    def addresses(self) -> tuple[int, ...]:
        """Of the arrays, as `circuit` has them; numpy takes a microsecond to make each."""
        return tuple(part.ctypes.data for part in (self.table, self.steps, self.numbers, self.indices))

    @cached_property
    def angles_of_step(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """(operation, angle) of every operation that has an angle."""
        angles = self.table[:, 1].tolist()
        return tuple(
            tuple((i, angles[i]) for i in range(first, last + 1) if angles[i] != FIXED)
            for first, last, _ in self.steps.tolist()
        )


def operations_of(pieces: Carried, *, dimension: int) -> Operations:
    """The pieces as tables, 2ⁿ = `dimension`; Clifford gates that wait behind them are left out."""
    ordered = _with_diagonal_together(pieces.pieces)
    writer = _Writer()
    for piece in ordered:
        writer.add(piece)
    return Operations(
        table(Operation, writer.rows),
        writer.numbers.joined(),
        writer.indices.joined(),
        table(KernelStep, _steps(ordered, dimension)),
        writer.num_vectors,
        complex(pieces.phase),
    )


def _is_diagonal(piece: Piece) -> bool:
    """Whether it is a rotation about strings of Zs: it only changes phases."""
    return isinstance(piece, StringsRotation) and piece.x == 0


def _with_diagonal_together(pieces: Sequence[Piece]) -> list[Piece]:
    """Diagonal rotations beside others of their kind: as late as what follows commutes with them, then back
    to the last ones before them that can be reached."""
    return [piece for run in _joined(_delayed(pieces)) for piece in run]


def _delayed(pieces: Sequence[Piece]) -> list[Piece]:
    """Each diagonal rotation in front of the first piece that it does not commute with."""
    ordered: list[Piece] = []
    waiting: list[StringsRotation] = []
    for piece in pieces:
        if isinstance(piece, StringsRotation) and piece.x == 0:
            waiting.append(piece)
            continue
        stays = [isinstance(piece, StringsRotation) and _commute(piece, diagonal) for diagonal in waiting]
        ordered += [diagonal for diagonal, stay in zip(waiting, stays, strict=True) if not stay]
        waiting = [diagonal for diagonal, stay in zip(waiting, stays, strict=True) if stay]
        ordered.append(piece)
    return ordered + waiting


def _joined(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Runs of diagonal rotations, and other pieces alone; a run joins the one before it if it commutes with
    all that stands between them."""
    runs: list[list[Piece]] = []
    last = -1  # the run of diagonal rotations that the next one may join
    for diagonal, group in groupby(pieces, key=_is_diagonal):
        run = list(group)
        if not diagonal:
            runs += [[piece] for piece in run]
        elif last >= 0 and _reaches(run, runs[last + 1 :]):
            runs[last] += run
        else:
            last = len(runs)
            runs.append(run)
    return runs


def _reaches(run: Sequence[Piece], between: Sequence[Sequence[Piece]]) -> bool:
    return all(
        isinstance(other, StringsRotation)
        and isinstance(diagonal, StringsRotation)
        and _commute(other, diagonal)
        for [other] in between
        for diagonal in run
    )


def _commute(rotation: StringsRotation, diagonal: StringsRotation) -> bool:
    """Whether no mask of the diagonal rotation sees what the other one flips."""
    return all((rotation.x & mask).bit_count() % 2 == 0 for mask in diagonal.masks)


def _steps(pieces: Sequence[Piece], dimension: int) -> list[KernelStep]:
    """Neighbouring diagonal rotations as one, with a table while tables fit; all else alone."""
    steps: list[KernelStep] = []
    tables = start = 0
    for diagonal, run in groupby(pieces, key=_is_diagonal):
        stop = start + len(list(run))
        if diagonal and stop - start > 1:
            has_table = (tables + 1) * dimension * _AMPLITUDE_BYTES <= MOST_TABLE_BYTES
            steps.append(KernelStep(start, stop - 1, tables if has_table else -1))
            tables += has_table
        else:
            steps += [KernelStep(i, i, -1) for i in range(start, stop)]
        start = stop
    return steps


@dataclass(eq=False)
class _Writer:
    """Operations and their pools while they are listed."""

    rows: list[Operation] = field(default_factory=list)
    numbers: _Pool = field(default_factory=lambda: _Pool(np.float64))
    indices: _Pool = field(default_factory=lambda: _Pool(np.int32))
    num_vectors: int = 0

    def add(self, piece: Piece) -> None:
        if isinstance(piece, StringsRotation):
            self._add_rotation(piece)
        elif isinstance(piece, DenseRotation):
            self._add_dense(piece)
        else:
            self._add_monomial(piece)

    def _add_rotation(self, rotation: StringsRotation) -> None:
        """A cosine, a sine and a rate for every variant."""
        row = self._row(
            ROTATION, rotation.angle, x=rotation.x, num_masks=len(rotation.masks), real=rotation.real
        )
        self._write(row, rotation.masks, rotation.entries, 3 << len(rotation.masks))

    def _add_dense(self, rotation: DenseRotation) -> None:
        """Two registers, real and imaginary parts, for every flip and variant of U, U† and −iG/2."""
        size, flips = len(rotation.qubits), rotation.flips
        numbers = np.concatenate([_interleaved(rotation.vectors), rotation.spectrum])
        row = self._row(DENSE, rotation.angle, num_masks=size, x=len(flips))
        masks = [1 << qubit for qubit in rotation.qubits]
        self._write(row, [*masks, *flips], numbers, 3 * len(flips) * (2 << size))

    def _add_monomial(self, forth: MonomialMatrix) -> None:
        """The matrix and its inverse."""
        back = forth.inverse()
        phases = np.concatenate([_interleaved(forth.phase), _interleaved(back.phase)])
        row = self._row(MONOMIAL, FIXED, real=forth.is_permutation)
        self._write(row, np.concatenate([forth.source, back.source]), phases, 0)

    def _row(self, kind: int, angle: int, *, x: int = 0, num_masks: int = 0, real: bool = False) -> Operation:
        pools = self.indices.size, self.numbers.size, self.num_vectors
        return Operation(kind, angle, x, num_masks, int(real), *pools)

    def _write(self, row: Operation, indices: ArrayLike, numbers: ArrayLike, vectors: int) -> None:
        self.rows.append(row)
        self.indices.add(indices)
        self.numbers.add(numbers)
        self.num_vectors += vectors


class _Pool:
    """Numbers of one type, in the order in which they are added."""

    def __init__(self, dtype: type[np.generic]) -> None:
        self._parts: list[NDArray[Any]] = [np.zeros(0, dtype)]
        self.size = 0

    def add(self, numbers: ArrayLike) -> None:
        part = np.asarray(numbers, self._parts[0].dtype)
        self._parts.append(part)
        self.size += len(part)

    def joined(self) -> NDArray[Any]:
        return np.concatenate(self._parts)


def _interleaved(numbers: Matrix) -> NDArray[np.float64]:
    return np.ascontiguousarray(numbers, dtype=complex).view(np.float64).ravel()

"""The dense engine's way of tangents to the frame: insertion points, rows, the chain rule at each of them.

Stages are blocks. A block's tangents are inserted behind it on the way forward, as late as blocks on other
qubits allow, and in front of it on the way back, as early as those allow. Moving R rows through a block on k
qubits costs R·2ᵏ products per amplitude; a monomial matrix, one gather, counts as a block on three qubits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from qgeo.circuit.blocks import Part, rotations_of
from qgeo.circuit.monomial import MonomialMatrix
from qgeo.circuit.program import Program
from qgeo.simulate.meeting import Frame, Inserted, Stage, meeting

_MONOMIAL_COST = 8  # chosen, in products per amplitude


@dataclass(frozen=True)
class AngleSlope:
    """∂a/∂p of one rotation: its place in the block, its angle, and which of the angle's columns p is."""

    rotation: int
    angle: int
    slot: int
    parameter: int  # position among the block's parameters


@dataclass(frozen=True)
class Insertion:
    """The parameters of one block: the first `fresh` get rows of their own, the others add to `rows`.

    `plain` where each rotation's angle is one parameter, in order, with slope 1.
    """

    block: int
    entries: tuple[AngleSlope, ...]
    num_parameters: int
    num_rotations: int
    fresh: int
    rows: tuple[int, ...]
    plain: bool


@dataclass(frozen=True)
class InsertionPoint:
    """A position at which the tangents of some blocks are inserted, all at once."""

    position: int
    insertions: tuple[Insertion, ...]


@dataclass(frozen=True)
class Route:
    """A sweep forward from position 0 to `frame` and one back to it from the last insertion point.

    Attributes:
        forward: insertion points in ascending order; back: in descending order.
        rows_forward, rows_back: how many rows of tangents each sweep makes.
        parameter_of_row: position among the chosen parameters, for all rows.
    """

    frame: int
    forward: tuple[InsertionPoint, ...]
    back: tuple[InsertionPoint, ...]
    rows_forward: int
    rows_back: int
    parameter_of_row: tuple[int, ...]


@lru_cache(maxsize=256)
def tangent_route(program: Program, columns: tuple[int, ...], frame: Frame) -> Route:
    """The route of tangents by `columns`, to meet at the circuit's end or in its middle."""
    stages = _stages(program, frozenset(columns))
    met = meeting(stages, frame)
    place = {column: i for i, column in enumerate(columns)}
    return Route(
        met.frame,
        _points(program, stages, met.ahead),
        _points(program, stages, met.behind),
        len(met.ahead.columns),
        len(met.behind.columns),
        tuple(place[column] for column in met.columns),
    )


def _stages(program: Program, chosen: frozenset[int]) -> list[Stage]:
    blocks = program.blocks
    return [
        Stage(
            tuple((angle, column) for _, angle, _, column in _slopes(program, block, chosen)),
            _latest(blocks, i),
            _earliest(blocks, i),
            _MONOMIAL_COST if isinstance(block, MonomialMatrix) else block.dimension,
        )
        for i, block in enumerate(blocks)
    ]


def _slopes(program: Program, block: Part, chosen: frozenset[int]) -> list[tuple[int, int, int, int]]:
    """(rotation, angle, slot, column) of every ∂a/∂p of a block by the chosen columns."""
    return [
        (rotation, step.angle, slot, column)
        for rotation, step in enumerate(rotations_of(block))
        for slot, column in enumerate(program.angles[step.angle].columns)
        if column in chosen
    ]


def _latest(blocks: Sequence[Part], i: int) -> int:
    """The last position behind a block that only blocks on other qubits lie before."""
    later = range(i + 1, len(blocks))
    return next((j for j in later if _share_qubits(blocks[i], blocks[j])), len(blocks))


def _earliest(blocks: Sequence[Part], i: int) -> int:
    """The first position before a block that only blocks on other qubits lie behind."""
    return 1 + next((j for j in reversed(range(i)) if _share_qubits(blocks[i], blocks[j])), -1)


def _share_qubits(first: Part, second: Part) -> bool:
    if isinstance(first, MonomialMatrix) or isinstance(second, MonomialMatrix):
        return True
    return not set(first.qubits).isdisjoint(second.qubits)


def _points(program: Program, stages: Sequence[Stage], inserted: Inserted) -> tuple[InsertionPoint, ...]:
    row_of = {column: row for row, column in enumerate(inserted.columns)}
    chosen, points, taken = frozenset(row_of), [], 0
    for position, pairs in groupby(inserted.at, key=lambda pair: pair[0]):
        insertions = []
        for _, block in pairs:
            fresh = [column for column in stages[block].columns if row_of[column] >= taken]
            insertions.append(_insertion(program, block, chosen, fresh, row_of))
            taken += len(fresh)
        points.append(InsertionPoint(position, tuple(insertions)))
    return tuple(points)


def _insertion(
    program: Program, block: int, chosen: frozenset[int], fresh: list[int], row_of: dict[int, int]
) -> Insertion:
    """A block's parameters among the chosen ones, those without a row first."""
    slopes = _slopes(program, program.blocks[block], chosen)
    known = [column for column in dict.fromkeys(column for *_, column in slopes) if column not in fresh]
    number = {column: i for i, column in enumerate([*fresh, *known])}
    entries = tuple(
        AngleSlope(rotation, angle, slot, number[column]) for rotation, angle, slot, column in slopes
    )
    count, rows = len(rotations_of(program.blocks[block])), tuple(row_of[column] for column in known)
    return Insertion(block, entries, len(number), count, len(fresh), rows, _is_plain(program, entries, count))


def _is_plain(program: Program, entries: tuple[AngleSlope, ...], num_rotations: int) -> bool:
    in_order = [(entry.rotation, entry.parameter) for entry in entries] == [
        (i, i) for i in range(num_rotations)
    ]
    return in_order and all(program.angles[entry.angle].derivatives == (1.0,) for entry in entries)

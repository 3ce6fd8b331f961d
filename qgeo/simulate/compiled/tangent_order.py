"""In which order the compiled engine's tangents enter, and where.

Stages are steps (`meeting.py`). Rows are numbered as they enter, those from before the frame first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.angle_tables import AngleTable, angle_tables
from qgeo.simulate.compiled.layout import Insertion, Ints, Row, table
from qgeo.simulate.compiled.operations import Operations
from qgeo.simulate.meeting import Frame, Inserted, Stage, meeting

Entries = dict[int, tuple[int, ...]]
"""The wanted columns that each angle depends on."""


@dataclass(frozen=True, eq=False)
class TangentOrder:
    """The order of one kind of sweep; the layout is that of `tangent_order` in `layout.h`.

    Attributes:
        frame: tangents are those in front of this step.
        parameter_of_row: (R,) positions in `columns`.
        rows: a row `Row` each; insertions: an `Insertion` each, in the order of the way.
        forward: how many rows come from before the frame.
        shared, by_context: positions of the entries in the two Jacobians' slopes.
    """

    frame: int
    parameter_of_row: Ints
    rows: Ints
    insertions: Ints
    forward: int
    shared: Tensor
    by_context: Tensor

    @cached_property
    def addresses(self) -> tuple[int, ...]:
        """Of the arrays, as `tangent_order` has them."""
        return tuple(part.ctypes.data for part in (self.rows, self.insertions))


@lru_cache(maxsize=256)
def tangent_order(
    program: Program, operations: Operations, columns: tuple[int, ...], frame: Frame
) -> TangentOrder:
    """The order for tangents by `columns` of a program with these operations."""
    entries = _entries(program, columns)
    stages = _stages(operations, entries)
    met = meeting(stages, frame)
    number = {pair: i for i, pair in enumerate(_pairs(entries, range(len(program.angles))))}
    ways = [
        way for inserted in (met.ahead, met.behind) for way in _ways(operations, stages, inserted, number)
    ]
    stops = np.cumsum([0, *map(len, ways)]).tolist()
    place = {column: i for i, column in enumerate(columns)}
    tables = angle_tables(program, torch.device("cpu"))
    split = program.num_shared_angles
    return TangentOrder(
        met.frame,
        np.array([place[column] for column in met.columns], dtype=np.int32),
        table(Row, [Row(first, last) for first, last in pairwise(stops)]),
        table(Insertion, [insertion for way in ways for insertion in way]),
        len(met.ahead.columns),
        _positions(tables.shared, entries, range(split)),
        _positions(tables.by_context, entries, range(split, len(program.angles))),
    )


def _stages(operations: Operations, entries: Entries) -> list[Stage]:
    """Every step; its tangents are inserted behind it on both ways, and moved back through it."""
    return [
        Stage(
            tuple((angle, column) for _, angle in step for column in entries.get(angle, ())),
            position,
            position,
        )
        for position, step in enumerate(operations.angles_of_step, start=1)
    ]


def _ways(
    operations: Operations, stages: Sequence[Stage], inserted: Inserted, number: dict[tuple[int, int], int]
) -> list[list[Insertion]]:
    """The insertions of each row from one side of the frame, in the order in which they are reached."""
    ways: dict[int, list[Insertion]] = {column: [] for column in inserted.columns}
    for _, step in inserted.at:
        for operation, angle in operations.angles_of_step[step]:
            for column in stages[step].columns:
                if (angle, column) in number:
                    ways[column].append(Insertion(step, operation, number[angle, column]))
    return list(ways.values())


def _entries(program: Program, columns: tuple[int, ...]) -> Entries:
    wanted = frozenset(columns)
    return {
        number: tuple(column for column in angle.columns if column in wanted)
        for number, angle in enumerate(program.angles)
        if not wanted.isdisjoint(angle.columns)
    }


def _pairs(entries: Entries, angles: Iterable[int]) -> list[tuple[int, int]]:
    """(angle, column) of every entry, angle by angle."""
    return [(angle, column) for angle in angles for column in entries.get(angle, ())]


def _positions(table: AngleTable, entries: Entries, angles: range) -> Tensor:
    """Where the entries of some angles, angle by angle, lie among the slopes of their Jacobian."""
    pairs = zip(table.rows.tolist(), table.columns.tolist(), strict=True)
    place = {pair: i for i, pair in enumerate(pairs)}
    return torch.tensor([place[a - angles.start, c] for a, c in _pairs(entries, angles)], dtype=torch.long)

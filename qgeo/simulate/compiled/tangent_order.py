"""In which order the compiled engine's tangents enter, and which of them move together.

Stages are steps (`meeting.py`). Rows are numbered as they enter, those from before the frame first. A bundle
is what moves as one: a row of several contexts, or as many rows of one context as a register has lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.angle_tables import AngleTable, angle_tables
from qgeo.simulate.compiled.layout import Bundle, Ints, table
from qgeo.simulate.meeting import Frame, Inserted, Stage, meeting

Steps = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class TangentOrder:
    """The order of one kind of sweep; the layout is that of `tangent_order` in `layout.h`.

    Attributes:
        frame: tangents are those in front of this step; width: rows of a full bundle.
        parameter_of_row: (R,) positions in `columns`.
        bundles: a row `Bundle` each.
        forward: how many bundles come from before the frame.
        first_entry, row_of_entry: entries of ∂a/∂p by angle, and their rows.
        shared, by_context: positions of the entries in the two Jacobians' slopes.
    """

    frame: int
    width: int
    parameter_of_row: Ints
    bundles: Ints
    forward: int
    first_entry: Ints
    row_of_entry: Ints
    shared: Tensor
    by_context: Tensor

    @cached_property
    def addresses(self) -> tuple[int, ...]:
        """Of the arrays, as `tangent_order` has them."""
        return tuple(part.ctypes.data for part in (self.bundles, self.first_entry, self.row_of_entry))


@lru_cache(maxsize=256)
def tangent_order(
    program: Program, steps: Steps, columns: tuple[int, ...], frame: Frame, width: int
) -> TangentOrder:
    """The order for tangents by `columns`; `steps` has the angles of every step."""
    entries = _entries(program, columns)
    stages = _stages(steps, entries)
    met = meeting(stages, frame)
    ahead, behind = (_rows(stages, inserted) for inserted in (met.ahead, met.behind))
    bundles = _bundles(ahead, 0, width, max) + _bundles(behind, len(ahead), width, min)
    place = {column: i for i, column in enumerate(columns)}
    row = {pair: i for i, each in enumerate([*ahead, *behind]) for pair in each.entries}
    pairs = [[(angle, column) for column in entries.get(angle, ())] for angle in range(len(program.angles))]
    tables = angle_tables(program, torch.device("cpu"))
    split = program.num_shared_angles
    return TangentOrder(
        met.frame,
        width,
        np.array([place[column] for column in met.columns], dtype=np.int32),
        table(Bundle, bundles),
        -(-len(ahead) // width),
        np.cumsum([0, *map(len, pairs)]).astype(np.int32),
        np.array([row.get(pair, -1) for each in pairs for pair in each], dtype=np.int32),
        _positions(tables.shared, entries, range(split)),
        _positions(tables.by_context, entries, range(split, len(program.angles))),
    )


def _stages(steps: Steps, entries: dict[int, tuple[int, ...]]) -> list[Stage]:
    """Every step; its tangents are inserted behind it on both ways, and moved back through it."""
    return [
        Stage(
            tuple((angle, column) for angle in angles for column in entries.get(angle, ())),
            position,
            position,
        )
        for position, angles in enumerate(steps, start=1)
    ]


@dataclass(frozen=True)
class _Row:
    """A column's tangent from one side of the frame: its entries (angle, column), and the steps at which the
    first and the last of them are inserted."""

    entries: tuple[tuple[int, int], ...]
    first_step: int
    last_step: int


def _rows(stages: Sequence[Stage], inserted: Inserted) -> list[_Row]:
    """In the order in which they are inserted."""
    steps_of: dict[int, list[int]] = {column: [] for column in inserted.columns}
    for _, step in inserted.at:
        for column in stages[step].columns:
            steps_of[column].append(step)
    return [
        _Row(
            tuple(entry for step in steps for entry in stages[step].entries if entry[1] == column),
            steps[0],
            steps[-1],
        )
        for column, steps in steps_of.items()
    ]


def _bundles(rows: list[_Row], first: int, width: int, latest: Callable[[list[int]], int]) -> list[Bundle]:
    """Of neighbouring rows: they enter one after the other, so that no lane goes far while it is empty.

    `latest` of some steps on the way to the frame: max in front of it, min behind it.
    """
    members = [(start, rows[start : start + width]) for start in range(0, len(rows), width)]
    return [
        Bundle(first + start, len(bundle), bundle[0].first_step, latest([row.last_step for row in bundle]))
        for start, bundle in members
    ]


def _entries(program: Program, columns: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    """The wanted columns that each angle depends on."""
    wanted = frozenset(columns)
    return {
        number: tuple(column for column in angle.columns if column in wanted)
        for number, angle in enumerate(program.angles)
        if not wanted.isdisjoint(angle.columns)
    }


def _positions(table: AngleTable, entries: dict[int, tuple[int, ...]], angles: range) -> Tensor:
    """Where the entries of some angles, angle by angle, lie among the slopes of their Jacobian."""
    pairs = zip(table.rows.tolist(), table.columns.tolist(), strict=True)
    place = {pair: i for i, pair in enumerate(pairs)}
    wanted = [(a - angles.start, column) for a in angles for column in entries.get(a, ())]
    return torch.tensor([place[pair] for pair in wanted], dtype=torch.long)

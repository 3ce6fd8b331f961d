"""Where tangents meet in the compiled kernel, in which order they enter, and which of them move together.

They meet in front of the frame's step: with as many entries on either side the way there is shortest. Rows
are numbered as they enter, those from before the frame first. A bundle is what moves as one: a row of several
contexts, or as many rows of one context as a register has lanes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.constants import AngleConstants, constants
from qgeo.simulate.plan import Frame

Ints = NDArray[np.int32]
Steps = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class TangentOrder:
    """The order of one kind of sweep; the layout is that of `tangent_order` in `sweeps.c`.

    Attributes:
        frame: tangents are those in front of this step; width: rows of a full bundle.
        parameter_of_row: (R,) positions in `columns`.
        bundles: (bundles, 4) first row, number of rows, the steps at which the first and the last enter.
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


@lru_cache(maxsize=256)
def tangent_order(
    program: Program, steps: Steps, columns: tuple[int, ...], where: Frame, width: int
) -> TangentOrder:
    """The order for tangents by `columns`; `steps` has the angles of every step."""
    entries = _entries(program, columns)
    frame = len(steps) if where == "end" else _middle(steps, entries)
    forth, back = range(frame), range(frame, len(steps))[::-1]
    ahead, behind = (_rows(way, steps, entries) for way in (forth, back))
    bundles = [*_bundles(ahead, forth, 0, width), *_bundles(behind, back, len(ahead), width)]
    row = {(a, one.column): i for i, one in enumerate([*ahead, *behind]) for a in one.angles}
    by_angle = [entries.get(a, ()) for a in range(len(program.angles))]
    place = {column: i for i, column in enumerate(columns)}
    table = constants(program, torch.complex128, torch.device("cpu"))
    split = program.num_shared_angles
    return TangentOrder(
        frame,
        width,
        np.array([place[one.column] for one in (*ahead, *behind)], dtype=np.int32),
        np.array(bundles, dtype=np.int32).reshape(-1, 4),
        -(-len(ahead) // width),
        np.cumsum([0, *map(len, by_angle)]).astype(np.int32),
        np.array(
            [row.get((a, column), -1) for a, own in enumerate(by_angle) for column in own], dtype=np.int32
        ),
        _positions(table.shared, entries, range(split)),
        _positions(table.per_context, entries, range(split, len(program.angles))),
    )


@dataclass(eq=False)
class _Row:
    """A column's tangent from one side of the frame: its angles, and its first and last step on the way."""

    column: int
    angles: set[int]
    enters: int
    leaves: int


def _rows(way: Sequence[int], steps: Steps, entries: dict[int, tuple[int, ...]]) -> list[_Row]:
    """In the order in which they enter; steps are numbered along the way to the frame."""
    found: dict[int, _Row] = {}
    for number, i in enumerate(way):
        for angle, column in _met(steps[i], entries):
            own = found.setdefault(column, _Row(column, set(), number, number))
            own.angles.add(angle)
            own.leaves = number
    return list(found.values())


def _met(angles: tuple[int, ...], entries: dict[int, tuple[int, ...]]) -> list[tuple[int, int]]:
    """The entries of a step's angles, (angle, column)."""
    return [(angle, column) for angle in angles for column in entries.get(angle, ())]


def _bundles(rows: list[_Row], way: Sequence[int], first: int, width: int) -> list[tuple[int, int, int, int]]:
    """Of neighbouring rows: they enter one after the other, so that no lane goes far while it is empty."""
    found = []
    for start in range(0, len(rows), width):
        own = rows[start : start + width]
        enters, leaves = own[0].enters, max(one.leaves for one in own)
        found.append((first + start, len(own), way[enters], way[leaves]))
    return found


def _entries(program: Program, columns: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    """The wanted columns that each angle depends on."""
    wanted = frozenset(columns)
    return {
        number: tuple(column for column in angle.columns if column in wanted)
        for number, angle in enumerate(program.angles)
        if not wanted.isdisjoint(angle.columns)
    }


def _middle(steps: Steps, entries: dict[int, tuple[int, ...]]) -> int:
    """The step of the median entry, or the nearest one in front of which every angle is done or not begun."""
    entering = [i for i, angles in enumerate(steps) for _ in _met(angles, entries)]
    median = entering[len(entering) // 2] if entering else len(steps)
    last = {angle: i for i, angles in enumerate(steps) for angle in angles}
    reached = accumulate(
        (max(map(last.__getitem__, angles), default=-1) for angles in steps), max, initial=-1
    )
    return min((i for i, reach in enumerate(reached) if reach < i), key=lambda i: abs(i - median))


def _positions(table: AngleConstants, entries: dict[int, tuple[int, ...]], angles: range) -> Tensor:
    """Where the entries of some angles, angle by angle, lie among the slopes of their Jacobian."""
    pairs = zip(table.rows.tolist(), table.columns.tolist(), strict=True)
    place = {pair: i for i, pair in enumerate(pairs)}
    wanted = [(a - angles.start, column) for a in angles for column in entries.get(a, ())]
    return torch.tensor([place[pair] for pair in wanted], dtype=torch.long)

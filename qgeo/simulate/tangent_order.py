"""Where tangents meet in the compiled kernel, and which row belongs to which parameter.

In front of the frame's operation: rows of parameters before it are numbered from the first in the order in
which they enter, those of parameters behind it from the last, so that the rows that have entered are always
neighbours. With as many entries on either side the way to the frame is shortest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.constants import AngleConstants, constants
from qgeo.simulate.plan import Frame

Ints = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class TangentOrder:
    """The order of one kind of sweep.

    Attributes:
        frame: tangents are those in front of this operation; parameter_of_row: (R,) positions in `columns`.
        first_entry, row_of_entry: entries of ∂a/∂p by angle, and their rows.
        ahead, behind: (operations,) rows below `ahead` and rows from `behind` on have entered.
        shared, by_context: positions of the entries in the two Jacobians' slopes.
    """

    frame: int
    parameter_of_row: tuple[int, ...]
    first_entry: Ints
    row_of_entry: Ints
    ahead: Ints
    behind: Ints
    shared: Tensor
    by_context: Tensor


@lru_cache(maxsize=256)
def tangent_order(
    program: Program, angles: tuple[int, ...], columns: tuple[int, ...], where: Frame
) -> TangentOrder:
    """The order for tangents by `columns`; `angles` has the angle of every operation, −1 for fixed ones."""
    entries = _entries(program, columns)
    frame = len(angles) if where == "end" else _middle(angles, entries)
    forward: dict[int, int] = {}
    back: dict[int, int] = {}
    row: dict[tuple[int, int], int] = {}
    ahead, behind = [0] * len(angles), [0] * len(angles)
    for i in range(frame):
        for column in entries.get(angles[i], ()):
            row[angles[i], column] = forward.setdefault(column, len(forward))
        ahead[i] = len(forward)
    for i in reversed(range(frame, len(angles))):
        for column in entries.get(angles[i], ()):
            row[angles[i], column] = back.setdefault(column, len(back))
        behind[i] = len(back)
    size = len(forward) + len(back)
    first = {a: i for i, a in reversed(list(enumerate(angles)))}
    numbered = [
        row[a, column] if first[a] < frame else size - 1 - row[a, column]
        for a in range(len(program.angles))
        for column in entries.get(a, ())
    ]
    starts = np.cumsum([0, *(len(entries.get(a, ())) for a in range(len(program.angles)))])
    place = {column: i for i, column in enumerate(columns)}
    table = constants(program, torch.complex128, torch.device("cpu"))
    split = program.num_shared_angles
    return TangentOrder(
        frame,
        tuple(place[column] for column in [*forward, *reversed(back)]),
        starts.astype(np.int32),
        np.array(numbered, dtype=np.int32),
        np.array(ahead, dtype=np.int32),
        np.array([size - count for count in behind], dtype=np.int32),
        _positions(table.shared, entries, range(split)),
        _positions(table.per_context, entries, range(split, len(program.angles))),
    )


def _entries(program: Program, columns: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    """The wanted columns that each angle depends on."""
    wanted = frozenset(columns)
    return {
        number: tuple(column for column in angle.columns if column in wanted)
        for number, angle in enumerate(program.angles)
        if not wanted.isdisjoint(angle.columns)
    }


def _middle(angles: tuple[int, ...], entries: dict[int, tuple[int, ...]]) -> int:
    """The first operation of the median entry's rotation."""
    entering = [i for i, angle in enumerate(angles) for _ in entries.get(angle, ())]
    if not entering:
        return len(angles)
    return angles.index(angles[entering[len(entering) // 2]])


def _positions(table: AngleConstants, entries: dict[int, tuple[int, ...]], angles: range) -> Tensor:
    """Where the entries of some angles, angle by angle, lie among the slopes of their Jacobian."""
    pairs = zip(table.rows.tolist(), table.columns.tolist(), strict=True)
    place = {pair: i for i, pair in enumerate(pairs)}
    wanted = [(a - angles.start, column) for a in angles for column in entries.get(a, ())]
    return torch.tensor([place[pair] for pair in wanted], dtype=torch.long)

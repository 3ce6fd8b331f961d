"""A program's angles as numbers: entries of their Jacobian, the slopes of affine ones, trees of the others.

Made once per program and device; values and inputs never enter, so that a memo of it cannot go stale.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from qgeo.circuit.expression import Tree
from qgeo.circuit.program import Program
from qgeo.simulate.tensors import Index, as_index, index_tensor


@dataclass(frozen=True, eq=False)
class AngleTable:
    """Angles of one kind, and where their Jacobian has entries: (rows[e], columns[e]), affine ones first.

    Attributes:
        offsets: (m,); coefficients: slopes of the affine entries.
        plain: the columns, where every angle is one parameter and nothing else; else None.
        curved_rows, curved: the angles that are not affine and their trees.
        curved_slopes: trees of the remaining entries' slopes.
    """

    rows: Tensor
    columns: Tensor
    coefficients: Tensor
    offsets: Tensor
    plain: Index | None
    curved_rows: Tensor
    curved: tuple[Tree, ...]
    curved_slopes: tuple[Tree, ...]


@dataclass(frozen=True, eq=False)
class AngleTables:
    """Of the angles that all contexts share, and of those with one value a context.

    `trained_with_data`: whether an angle depends on a trainable parameter and on data at once.
    """

    shared: AngleTable
    by_context: AngleTable
    trained_with_data: bool


@lru_cache(maxsize=256)
def angle_tables(program: Program, device: torch.device) -> AngleTables:
    """Tables of a program's angles on a device."""
    first, count = program.num_shared_angles, len(program.angles)
    return AngleTables(
        _table(program, range(first), device),
        _table(program, range(first, count), device),
        any(min(angle.columns) < program.num_parameters for angle in program.angles[first:]),
    )


def _table(program: Program, which: range, device: torch.device) -> AngleTable:
    angles = [program.angles[i] for i in which]
    entries = [
        (row, column, slope)
        for row, angle in enumerate(angles)
        for column, slope in zip(angle.columns, angle.derivatives, strict=True)
    ]
    affine = [entry for entry in entries if angles[entry[0]].tree is None]
    curved = [entry for entry in entries if angles[entry[0]].tree is not None]
    is_plain = all(angle.derivatives == (1.0,) and angle.offset == 0 for angle in angles)
    curved_rows = [row for row, angle in enumerate(angles) if angle.tree is not None]
    return AngleTable(
        rows=index_tensor([row for row, *_ in affine + curved], device),
        columns=index_tensor([column for _, column, _ in affine + curved], device),
        coefficients=torch.tensor([slope for *_, slope in affine], dtype=torch.float64, device=device),
        offsets=torch.tensor([angle.offset for angle in angles], dtype=torch.float64, device=device),
        plain=as_index([column for _, column, _ in entries], device) if is_plain else None,
        curved_rows=index_tensor(curved_rows, device),
        curved=tuple(tree for row in curved_rows if (tree := angles[row].tree) is not None),
        curved_slopes=tuple(slope for *_, slope in curved if not isinstance(slope, float)),
    )

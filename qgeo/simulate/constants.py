"""A program's numbers as tensors, made once per device and data type.

Everything here is constant: eigenbases of generators, fixed matrices, monomial matrices. Values and inputs
never enter, so that a memo of it cannot go stale.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from qgeo.circuit.elements import Matrix
from qgeo.circuit.expression import Tree
from qgeo.circuit.monomial import MonomialMatrix
from qgeo.circuit.program import Block, FixedStep, Program
from qgeo.simulate.groups import GroupConstants, group_constants, grouped_blocks
from qgeo.simulate.tensors import Index, as_index, index_tensor


@dataclass(frozen=True, eq=False)
class BlockConstants:
    """A block is the `member`-th of its `group`; one without rotations is its `fixed` unitary (D, D)."""

    qubits: tuple[int, ...]
    per_context: bool
    group: int = -1
    member: int = -1
    fixed: Tensor | None = None


@dataclass(frozen=True, eq=False)
class MonomialTensors:
    """A monomial matrix on tensors; its phase is None where all are 1."""

    source: Tensor
    phase: Tensor | None


@dataclass(frozen=True, eq=False)
class MonomialConstants:
    """A monomial matrix of the program and its inverse."""

    forth: MonomialTensors
    back: MonomialTensors


@dataclass(frozen=True, eq=False)
class AngleConstants:
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
class Constants:
    blocks: tuple[BlockConstants | MonomialConstants, ...]
    groups: tuple[GroupConstants, ...]
    shared: AngleConstants
    per_context: AngleConstants
    trained_with_data: bool
    """Whether an angle depends on a trainable parameter and on data at once."""


@lru_cache(maxsize=256)
def constants(program: Program, dtype: torch.dtype, device: torch.device) -> Constants:
    """Tensors of a program; `dtype` is the complex type of the states."""
    grouped = grouped_blocks(program.blocks)
    place = {
        own.block: (group, member) for group, all in enumerate(grouped) for member, own in enumerate(all)
    }
    monomials: dict[bytes, MonomialConstants] = {}
    blocks: list[BlockConstants | MonomialConstants] = []
    for block in program.blocks:
        if isinstance(block, MonomialMatrix):
            key = block.source.tobytes() + block.phase.tobytes()
            blocks.append(monomials.get(key) or monomials.setdefault(key, _monomial(block, dtype, device)))
        elif block in place:
            blocks.append(BlockConstants(block.qubits, block.per_context, *place[block]))
        else:
            fixed = torch.as_tensor(_fixed_unitary(block), dtype=dtype, device=device)
            blocks.append(BlockConstants(block.qubits, block.per_context, fixed=fixed))
    first, count = program.num_shared_angles, len(program.angles)
    return Constants(
        tuple(blocks),
        tuple(group_constants(group, first, dtype, device) for group in grouped),
        _angles(program, range(first), device),
        _angles(program, range(first, count), device),
        any(min(angle.columns) < program.num_parameters for angle in program.angles[first:]),
    )


# --- angles ---------------------------------------------------------------------------------------


def _angles(program: Program, which: range, device: torch.device) -> AngleConstants:
    own = [program.angles[i] for i in which]
    entries = [
        (row, column, slope)
        for row, angle in enumerate(own)
        for column, slope in zip(angle.columns, angle.derivatives, strict=True)
    ]
    affine = [entry for entry in entries if own[entry[0]].tree is None]
    curved = [entry for entry in entries if own[entry[0]].tree is not None]
    is_plain = all(angle.derivatives == (1.0,) and angle.offset == 0 for angle in own)
    curved_rows = [row for row, angle in enumerate(own) if angle.tree is not None]
    return AngleConstants(
        rows=index_tensor([row for row, *_ in affine + curved], device),
        columns=index_tensor([column for _, column, _ in affine + curved], device),
        coefficients=torch.tensor([slope for *_, slope in affine], dtype=torch.float64, device=device),
        offsets=torch.tensor([angle.offset for angle in own], dtype=torch.float64, device=device),
        plain=as_index([column for _, column, _ in entries], device) if is_plain else None,
        curved_rows=index_tensor(curved_rows, device),
        curved=tuple(tree for row in curved_rows if (tree := own[row].tree) is not None),
        curved_slopes=tuple(slope for *_, slope in curved if not isinstance(slope, float)),
    )


# --- monomial matrices ----------------------------------------------------------------------------


def _monomial(matrix: MonomialMatrix, dtype: torch.dtype, device: torch.device) -> MonomialConstants:
    return MonomialConstants(
        _tensors(matrix, dtype, device),
        _tensors(matrix.inverse(), dtype, device),
    )


def _tensors(matrix: MonomialMatrix, dtype: torch.dtype, device: torch.device) -> MonomialTensors:
    phase = None if np.all(matrix.phase == 1) else torch.as_tensor(matrix.phase, dtype=dtype, device=device)
    return MonomialTensors(torch.as_tensor(matrix.source, device=device), phase)


# --- blocks ---------------------------------------------------------------------------------------


def _fixed_unitary(block: Block) -> Matrix:
    unitary = np.eye(block.dimension, dtype=complex)
    for step in block.steps:
        assert isinstance(step, FixedStep)
        unitary = step.matrix @ unitary
    return unitary

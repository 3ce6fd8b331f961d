"""A program's blocks as tensors, made once per device and data type.

Everything here is constant: eigenbases of generators, fixed matrices, monomial matrices. Values and inputs
never enter, so that a memo of it cannot go stale.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from qgeo.circuit.blocks import Block, FixedFactor
from qgeo.circuit.matrices import Matrix
from qgeo.circuit.monomial import MonomialMatrix
from qgeo.circuit.program import Program
from qgeo.simulate.dense.groups import GroupConstants, group_constants, grouped_blocks


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
class Constants:
    blocks: tuple[BlockConstants | MonomialConstants, ...]
    groups: tuple[GroupConstants, ...]


@lru_cache(maxsize=256)
def constants(program: Program, dtype: torch.dtype, device: torch.device) -> Constants:
    """Tensors of a program; `dtype` is the complex type of the states."""
    grouped = grouped_blocks(program.blocks)
    place = {
        stepped.block: (group, member)
        for group, members in enumerate(grouped)
        for member, stepped in enumerate(members)
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
    first = program.num_shared_angles
    return Constants(tuple(blocks), tuple(group_constants(group, first, dtype, device) for group in grouped))


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
    for factor in block.factors:
        assert isinstance(factor, FixedFactor)
        unitary = factor.matrix @ unitary
    return unitary

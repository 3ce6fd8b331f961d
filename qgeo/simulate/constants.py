"""A program's numbers as tensors, made once per device and data type.

Everything here is constant: embedded generators, fixed matrices, the affine part of the angles. Values and
inputs never enter, so that a memo of it cannot go stale.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from qgeo.circuit.elements import embedded
from qgeo.circuit.program import Block, FixedStep, Program, Relabelling, RotationStep


@dataclass(frozen=True, eq=False)
class RotationGroup:
    """Rotations of one block that share their generator's size d, so that one product makes them all.

    Attributes:
        spectrum: (m, d) real; basis: (m, d, d): G = basis · diag(spectrum) · basis†.
        angles: (m,) positions in the block's kind of angles (shared, or per context).
        inside: (m, D, D) indices into a flattened d×d matrix; outside: (m, D, D) 1 where embedding keeps
            the entry, else 0.
        slots: (m,) which rotation of the block each one is.
    """

    spectrum: Tensor
    basis: Tensor
    angles: Tensor
    inside: Tensor
    outside: Tensor
    slots: Tensor


@dataclass(frozen=True, eq=False)
class BlockConstants:
    """One block: `order` lists its steps, an index ≥ 0 for a rotation, −1−i for the i-th fixed matrix."""

    qubits: tuple[int, ...]
    dimension: int
    per_context: bool
    order: tuple[int, ...]
    fixed: Tensor
    groups: tuple[RotationGroup, ...]
    half_generators: Tensor
    """(m, D, D): −i G/2, embedded in the block."""
    angles: tuple[int, ...]
    """Indices of the block's rotations into all angles of the program."""


@dataclass(frozen=True, eq=False)
class MapConstants:
    """A relabelling and its inverse: (U ψ)_z = phase_z ψ_{source_z}; phases are None where all are 1."""

    source: Tensor
    phase: Tensor | None
    inverse_source: Tensor
    inverse_phase: Tensor | None


@dataclass(frozen=True, eq=False)
class AngleConstants:
    """a = offset + Σ coefficient · p[column] for affine angles; the others are evaluated from their trees."""

    rows: Tensor
    columns: Tensor
    coefficients: Tensor
    offsets: Tensor


@dataclass(frozen=True, eq=False)
class Constants:
    blocks: tuple[BlockConstants | MapConstants, ...]
    angles: AngleConstants


@lru_cache(maxsize=256)
def constants(program: Program, dtype: torch.dtype, device: torch.device) -> Constants:
    """Tensors of a program; `dtype` is the complex type of the states."""
    real = real_dtype(dtype)
    blocks = tuple(
        _map(block, dtype, device)
        if isinstance(block, Relabelling)
        else _block(block, program, dtype, device)
        for block in program.blocks
    )
    return Constants(blocks, _angles(program, real, device))


def real_dtype(dtype: torch.dtype) -> torch.dtype:
    """float64 for complex128, float32 for complex64."""
    return torch.float32 if dtype == torch.complex64 else torch.float64


def _angles(program: Program, real: torch.dtype, device: torch.device) -> AngleConstants:
    affine = [(row, angle) for row, angle in enumerate(program.angles) if angle.tree is None]
    entries = [
        (row, column, coefficient)
        for row, angle in affine
        for column, coefficient in zip(angle.columns, angle.derivatives, strict=True)
    ]
    rows, columns, coefficients = zip(*entries, strict=True) if entries else ((), (), ())
    return AngleConstants(
        torch.tensor(rows, dtype=torch.long, device=device),
        torch.tensor(columns, dtype=torch.long, device=device),
        torch.tensor(coefficients, dtype=real, device=device),
        torch.tensor([angle.offset for angle in program.angles], dtype=real, device=device),
    )


def _map(block: Relabelling, dtype: torch.dtype, device: torch.device) -> MapConstants:
    back = np.argsort(block.source)
    return MapConstants(
        source=torch.as_tensor(block.source, device=device),
        phase=_phases(block.phase, dtype, device),
        inverse_source=torch.as_tensor(back, device=device),
        inverse_phase=_phases(block.phase.conj()[back], dtype, device),
    )


def _phases(phases: np.ndarray, dtype: torch.dtype, device: torch.device) -> Tensor | None:
    return None if np.all(phases == 1) else torch.as_tensor(phases, dtype=dtype, device=device)


def _block(block: Block, program: Program, dtype: torch.dtype, device: torch.device) -> BlockConstants:
    rotations = block.rotations
    fixed = [step.matrix for step in block.steps if isinstance(step, FixedStep)]
    half = [-0.5j * embedded(r.generator, r.positions, len(block.qubits)) for r in rotations]
    return BlockConstants(
        qubits=block.qubits,
        dimension=block.dimension,
        per_context=block.per_context,
        order=_step_order(block),
        fixed=_stack(fixed, block.dimension, dtype, device),
        groups=_groups(block, program, dtype, device),
        half_generators=_stack(half, block.dimension, dtype, device),
        angles=tuple(rotation.angle for rotation in rotations),
    )


def _step_order(block: Block) -> tuple[int, ...]:
    order, rotations, fixed = [], 0, 0
    for step in block.steps:
        if isinstance(step, FixedStep):
            fixed += 1
            order.append(-fixed)
        else:
            order.append(rotations)
            rotations += 1
    return tuple(order)


def _groups(
    block: Block, program: Program, dtype: torch.dtype, device: torch.device
) -> tuple[RotationGroup, ...]:
    rotations = block.rotations
    sizes = sorted({len(rotation.generator) for rotation in rotations})
    first = program.num_shared_angles if block.per_context else 0
    members = [[slot for slot, r in enumerate(rotations) if len(r.generator) == size] for size in sizes]
    return tuple(_group(block, rotations, slots, first, dtype, device) for slots in members)


def _group(
    block: Block,
    rotations: tuple[RotationStep, ...],
    slots: list[int],
    first_angle: int,
    dtype: torch.dtype,
    device: torch.device,
) -> RotationGroup:
    chosen = [rotations[slot] for slot in slots]
    spectra, bases = zip(*(np.linalg.eigh(rotation.generator) for rotation in chosen), strict=True)
    size = len(chosen[0].generator)
    labels = np.arange(size * size, dtype=float).reshape(size, size) + 1  # 0 marks what embedding leaves out
    placed = np.stack([embedded(labels, r.positions, len(block.qubits)) for r in chosen]).round().astype(int)
    return RotationGroup(
        spectrum=torch.as_tensor(np.stack(spectra), dtype=real_dtype(dtype), device=device),
        basis=torch.as_tensor(np.stack(bases), dtype=dtype, device=device),
        angles=torch.tensor([r.angle - first_angle for r in chosen], device=device),
        inside=torch.as_tensor(np.maximum(placed - 1, 0), device=device),
        outside=torch.as_tensor(placed > 0, dtype=real_dtype(dtype), device=device),
        slots=torch.tensor(slots, device=device),
    )


def _stack(matrices: list[np.ndarray], dimension: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    stacked = np.stack(matrices) if matrices else np.zeros((0, dimension, dimension))
    return torch.as_tensor(stacked, dtype=dtype, device=device)

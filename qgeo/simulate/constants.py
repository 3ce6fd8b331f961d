"""A program's numbers as tensors, made once per device and data type.

Everything here is constant: eigenbases of generators, fixed matrices, index maps. Values and inputs never
enter, so that a memo of it cannot go stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from qgeo.circuit.elements import Matrix, embedded
from qgeo.circuit.expression import Tree
from qgeo.circuit.program import Block, FixedStep, Program, Relabelling, RotationStep


@dataclass(frozen=True, eq=False)
class GroupConstants:
    """g blocks that are the same product of m rotations, on other qubits or at other angles.

    One rotation with the fixed gates next to it is E_r(a) = left_r · diag(exp(−i a spectrum_r/2)) · right_r.

    Attributes:
        spectrum: (m, D) real; left, right: (m, D, D).
        generators: (m, D, D), H_r = −i/2 F_r G_r F_r†, with F_r the fixed gates behind rotation r.
        angles: (m·g,), m-major: positions of the rotations' angles in the block's kind of angles (shared, or
            per context).
    """

    per_context: bool
    num_blocks: int
    spectrum: Tensor
    left: Tensor
    right: Tensor
    generators: Tensor
    angles: Tensor


@dataclass(frozen=True, eq=False)
class BlockConstants:
    """A block is the `member`-th of its `group`; one without rotations is its `fixed` unitary (D, D)."""

    qubits: tuple[int, ...]
    per_context: bool
    group: int = -1
    member: int = -1
    fixed: Tensor | None = None


@dataclass(frozen=True, eq=False)
class MapConstants:
    """A relabelling and its inverse: (U ψ)_z = phase_z ψ_{source_z}; phases are None where all are 1."""

    source: Tensor
    phase: Tensor | None
    inverse_source: Tensor
    inverse_phase: Tensor | None


@dataclass(frozen=True, eq=False)
class AngleConstants:
    """Angles of one kind, and where their Jacobian has entries: (rows[e], columns[e]), affine ones first.

    Attributes:
        offsets: (m,); coefficients: slopes of the affine entries.
        in_order: whether every angle is affine in one parameter, so that rows are 0 … m−1.
        curved_rows, curved: the angles that are not affine and their trees.
        curved_slopes: trees of the remaining entries' slopes.
    """

    rows: Tensor
    columns: Tensor
    coefficients: Tensor
    offsets: Tensor
    in_order: bool
    curved_rows: Tensor
    curved: tuple[Tree, ...]
    curved_slopes: tuple[Tree, ...]


@dataclass(frozen=True, eq=False)
class Constants:
    blocks: tuple[BlockConstants | MapConstants, ...]
    groups: tuple[GroupConstants, ...]
    shared: AngleConstants
    per_context: AngleConstants
    trained_with_data: bool
    """Whether an angle depends on a trainable parameter and on data at once."""


@lru_cache(maxsize=256)
def constants(program: Program, dtype: torch.dtype, device: torch.device) -> Constants:
    """Tensors of a program; `dtype` is the complex type of the states."""
    members = _grouped(program.blocks)
    place = {i: (group, member) for group, ids in enumerate(members) for member, i in enumerate(ids)}
    maps: dict[bytes, MapConstants] = {}
    blocks: list[BlockConstants | MapConstants] = []
    for i, block in enumerate(program.blocks):
        if isinstance(block, Relabelling):
            key = block.source.tobytes() + block.phase.tobytes()
            blocks.append(maps.get(key) or maps.setdefault(key, _map(block, dtype, device)))
        elif i in place:
            blocks.append(BlockConstants(block.qubits, block.per_context, *place[i]))
        else:
            fixed = torch.as_tensor(_fixed_unitary(block), dtype=dtype, device=device)
            blocks.append(BlockConstants(block.qubits, block.per_context, fixed=fixed))
    first, count = program.num_shared_angles, len(program.angles)
    return Constants(
        tuple(blocks),
        tuple(_group([program.blocks[i] for i in ids], first, dtype, device) for ids in members),
        _angles(program, range(first), real_dtype(dtype), device),
        _angles(program, range(first, count), real_dtype(dtype), device),
        any(min(angle.columns) < program.num_parameters for angle in program.angles[first:]),
    )


def real_dtype(dtype: torch.dtype) -> torch.dtype:
    """float64 for complex128, float32 for complex64."""
    return torch.float32 if dtype == torch.complex64 else torch.float64


# --- angles ---------------------------------------------------------------------------------------


def _angles(program: Program, which: range, real: torch.dtype, device: torch.device) -> AngleConstants:
    own = [program.angles[i] for i in which]
    entries = [
        (row, column, slope)
        for row, angle in enumerate(own)
        for column, slope in zip(angle.columns, angle.derivatives, strict=True)
    ]
    affine = [entry for entry in entries if own[entry[0]].tree is None]
    curved = [entry for entry in entries if own[entry[0]].tree is not None]
    curved_rows = [row for row, angle in enumerate(own) if angle.tree is not None]
    return AngleConstants(
        rows=_index([row for row, *_ in affine + curved], device),
        columns=_index([column for _, column, _ in affine + curved], device),
        coefficients=torch.tensor([slope for *_, slope in affine], dtype=real, device=device),
        offsets=torch.tensor([angle.offset for angle in own], dtype=real, device=device),
        in_order=[row for row, *_ in entries] == list(range(len(own))) and not curved,
        curved_rows=_index(curved_rows, device),
        curved=tuple(tree for row in curved_rows if (tree := own[row].tree) is not None),
        curved_slopes=tuple(slope for *_, slope in curved if not isinstance(slope, float)),
    )


def _index(numbers: Iterable[int], device: torch.device) -> Tensor:
    return torch.tensor(list(numbers), dtype=torch.long, device=device)


# --- relabellings ---------------------------------------------------------------------------------


def _map(block: Relabelling, dtype: torch.dtype, device: torch.device) -> MapConstants:
    back = np.argsort(block.source)
    return MapConstants(
        source=torch.as_tensor(block.source, device=device),
        phase=_phases(block.phase, dtype, device),
        inverse_source=torch.as_tensor(back, device=device),
        inverse_phase=_phases(block.phase.conj()[back], dtype, device),
    )


def _phases(phases: Matrix, dtype: torch.dtype, device: torch.device) -> Tensor | None:
    return None if np.all(phases == 1) else torch.as_tensor(phases, dtype=dtype, device=device)


# --- blocks ---------------------------------------------------------------------------------------


def _grouped(blocks: Sequence[Block | Relabelling]) -> list[list[int]]:
    """Positions of blocks with rotations, those with the same steps together."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, block in enumerate(blocks):
        if block.rotations and isinstance(block, Block):
            groups.setdefault(_fingerprint(block), []).append(i)
    return list(groups.values())


def _fingerprint(block: Block) -> tuple[object, ...]:
    """Equal for blocks whose steps are the same matrices in the same places."""
    steps = (
        step.matrix.tobytes() if isinstance(step, FixedStep) else (step.generator.tobytes(), step.positions)
        for step in block.steps
    )
    return (len(block.qubits), block.per_context, *steps)


def _fixed_unitary(block: Block) -> Matrix:
    unitary = np.eye(block.dimension, dtype=complex)
    for step in block.steps:
        assert isinstance(step, FixedStep)
        unitary = step.matrix @ unitary
    return unitary


def _group(blocks: list[Block], first: int, dtype: torch.dtype, device: torch.device) -> GroupConstants:
    """Constants of blocks with the same steps; `first` is the number of shared angles."""
    pattern = blocks[0]
    spectra, lefts, rights, generators = zip(*_absorbed(pattern), strict=True)
    offset = first if pattern.per_context else 0
    angles = [block.rotations[r].angle - offset for r in range(len(spectra)) for block in blocks]

    def stacked(matrices: tuple[Matrix, ...], kind: torch.dtype) -> Tensor:
        return torch.as_tensor(np.stack(matrices), dtype=kind, device=device)

    return GroupConstants(
        per_context=pattern.per_context,
        num_blocks=len(blocks),
        spectrum=stacked(spectra, real_dtype(dtype)),
        left=stacked(lefts, dtype),
        right=stacked(rights, dtype),
        generators=stacked(generators, dtype),
        angles=_index(angles, device),
    )


def _absorbed(block: Block) -> list[tuple[Matrix, Matrix, Matrix, Matrix]]:
    """(spectrum, left, right, generator) of every rotation, the fixed steps absorbed in their neighbours."""
    rotations: list[tuple[Matrix, Matrix, Matrix, Matrix]] = []
    leading: Matrix = np.eye(block.dimension, dtype=complex)
    for step in block.steps:
        if isinstance(step, RotationStep):
            spectrum, basis, generator = _embedded_eigenbasis(step, len(block.qubits))
            rotations.append((spectrum, basis, basis.conj().T @ leading, -0.5j * generator))
            leading = np.eye(block.dimension, dtype=complex)
        elif rotations:
            spectrum, left, right, generator = rotations[-1]
            behind = step.matrix @ generator @ step.matrix.conj().T
            rotations[-1] = (spectrum, step.matrix @ left, right, behind)
        else:
            leading = step.matrix @ leading
    return rotations


def _embedded_eigenbasis(step: RotationStep, num_qubits: int) -> tuple[Matrix, Matrix, Matrix]:
    """Eigenvalues (D,) and eigenvectors (D, D) of a generator on all of its block's qubits, and itself."""
    values, vectors = np.linalg.eigh(step.generator)
    index = np.arange(2**num_qubits)
    inside = sum(((index >> q) & 1) << slot for slot, q in enumerate(step.positions))
    basis = embedded(vectors, step.positions, num_qubits)
    return values[inside], basis, embedded(step.generator, step.positions, num_qubits)

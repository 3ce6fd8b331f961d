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

from qgeo.circuit.elements import Matrix
from qgeo.circuit.expression import Tree
from qgeo.circuit.program import Block, FixedStep, Program, Relabelling
from qgeo.simulate.steps import CommutingStep, commuting_steps

_PADDING_PRODUCTS = 2**18
"""Complex products worth wasting on padding: about what a dozen more calls cost."""

Index = slice | Tensor
"""Positions along a dimension: a slice where they are consecutive, so that taking them costs nothing."""


@dataclass(frozen=True, eq=False)
class GroupConstants:
    """g blocks of one dimension D, each a product of s steps of k rotations, to be built together.

    A step is a set of commuting rotations in their common eigenbasis, the fixed gates next to it absorbed:
    E(a) = left · diag(exp(−i/2 Σ_r a_r spectrum_r)) · right. Shorter blocks and narrower steps are padded
    with steps and rotations that do nothing.

    Attributes:
        spectra: (s, g, k, D) real; left, right: (s, g, D, D).
        generators: (s, g, D, k, D), those of a step side by side, H_r = −i/2 F G_r F†, with F the fixed gates
            behind the step; generator_columns: the same as (s, g, D², k).
        angles: (g·s·k,) positions of the padded rotations' angles in the blocks' kind of angles (shared, or
            per context).
        positions: of the blocks among all blocks of the program, ascending.
        rotations: positions of the rotations that are not padding among g·s·k; own_angles: of their angles.
        rotations_of: for every block, the positions of its m rotations among s·k; own_angles_of: of their
            angles.
    """

    per_context: bool
    positions: tuple[int, ...]
    spectra: Tensor
    left: Tensor
    right: Tensor
    generators: Tensor
    generator_columns: Tensor
    angles: Index
    rotations: Index
    own_angles: Index
    rotations_of: tuple[Index, ...]
    own_angles_of: tuple[Index, ...]

    @property
    def num_blocks(self) -> int:
        return len(self.positions)


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
    blocks: tuple[BlockConstants | MapConstants, ...]
    groups: tuple[GroupConstants, ...]
    shared: AngleConstants
    per_context: AngleConstants
    trained_with_data: bool
    """Whether an angle depends on a trainable parameter and on data at once."""


@lru_cache(maxsize=256)
def constants(program: Program, dtype: torch.dtype, device: torch.device) -> Constants:
    """Tensors of a program; `dtype` is the complex type of the states."""
    grouped = _grouped(program.blocks)
    place = {
        own.block: (group, member) for group, all in enumerate(grouped) for member, own in enumerate(all)
    }
    maps: dict[bytes, MapConstants] = {}
    blocks: list[BlockConstants | MapConstants] = []
    for block in program.blocks:
        if isinstance(block, Relabelling):
            key = block.source.tobytes() + block.phase.tobytes()
            blocks.append(maps.get(key) or maps.setdefault(key, _map(block, dtype, device)))
        elif block in place:
            blocks.append(BlockConstants(block.qubits, block.per_context, *place[block]))
        else:
            fixed = torch.as_tensor(_fixed_unitary(block), dtype=dtype, device=device)
            blocks.append(BlockConstants(block.qubits, block.per_context, fixed=fixed))
    first, count = program.num_shared_angles, len(program.angles)
    return Constants(
        tuple(blocks),
        tuple(_group(group, first, dtype, device) for group in grouped),
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
    is_plain = all(angle.derivatives == (1.0,) and angle.offset == 0 for angle in own)
    curved_rows = [row for row, angle in enumerate(own) if angle.tree is not None]
    return AngleConstants(
        rows=_index([row for row, *_ in affine + curved], device),
        columns=_index([column for _, column, _ in affine + curved], device),
        coefficients=torch.tensor([slope for *_, slope in affine], dtype=real, device=device),
        offsets=torch.tensor([angle.offset for angle in own], dtype=real, device=device),
        plain=as_index([column for _, column, _ in entries], device) if is_plain else None,
        curved_rows=_index(curved_rows, device),
        curved=tuple(tree for row in curved_rows if (tree := own[row].tree) is not None),
        curved_slopes=tuple(slope for *_, slope in curved if not isinstance(slope, float)),
    )


def as_index(numbers: list[int], device: torch.device) -> Index:
    """A slice where the numbers are consecutive, else a tensor."""
    if numbers and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return slice(numbers[0], numbers[0] + len(numbers))
    return _index(numbers, device)


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


@dataclass(frozen=True, eq=False)
class _Stepped:
    """A block, its position in the program, and its steps."""

    block: Block
    position: int
    steps: list[CommutingStep]

    @property
    def size(self) -> tuple[int, int]:
        """Steps, and rotations of the widest."""
        return len(self.steps), max(len(step.spectra) for step in self.steps)


def _grouped(blocks: Sequence[Block | Relabelling]) -> list[list[_Stepped]]:
    """Blocks with rotations, in groups of one dimension and kind that waste little on padding."""
    known: dict[tuple[object, ...], list[CommutingStep]] = {}
    kinds: dict[tuple[int, bool], list[_Stepped]] = {}
    for i, block in enumerate(blocks):
        if isinstance(block, Block) and block.rotations:
            key = _fingerprint(block)
            known[key] = known.get(key) or commuting_steps(block)
            kinds.setdefault((block.dimension, block.per_context), []).append(_Stepped(block, i, known[key]))
    return [group for kind in kinds.values() for group in _split(kind)]


def _split(kind: list[_Stepped]) -> list[list[_Stepped]]:
    """One group, or one per size where padding all to the largest would cost more than the calls it saves."""
    steps, rotations = _padded_size(kind)
    wasted = steps * rotations * len(kind) - sum(own.size[0] * own.size[1] for own in kind)
    if wasted * kind[0].block.dimension ** 3 <= _PADDING_PRODUCTS:
        return [kind]
    by_size: dict[tuple[int, int], list[_Stepped]] = {}
    for own in kind:
        by_size.setdefault(own.size, []).append(own)
    return list(by_size.values())


def _padded_size(group: list[_Stepped]) -> tuple[int, int]:
    return max(own.size[0] for own in group), max(own.size[1] for own in group)


def _fingerprint(block: Block) -> tuple[object, ...]:
    """Equal for blocks whose steps are the same matrices in the same places."""
    steps = (
        step.matrix.tobytes() if isinstance(step, FixedStep) else (step.generator.tobytes(), step.positions)
        for step in block.steps
    )
    return (len(block.qubits), *steps)


def _fixed_unitary(block: Block) -> Matrix:
    unitary = np.eye(block.dimension, dtype=complex)
    for step in block.steps:
        assert isinstance(step, FixedStep)
        unitary = step.matrix @ unitary
    return unitary


def _group(group: list[_Stepped], first: int, dtype: torch.dtype, device: torch.device) -> GroupConstants:
    """Constants of a group; `first` is the number of shared angles."""
    (count, width), blocks = _padded_size(group), len(group)
    pattern = group[0].block
    dimension, offset = pattern.dimension, first if pattern.per_context else 0
    spectra = np.zeros((count, blocks, width, dimension))
    left = np.tile(np.eye(dimension, dtype=complex), (count, blocks, 1, 1))
    right, generators = left.copy(), np.zeros((count, blocks, width, dimension, dimension), dtype=complex)
    angles = np.zeros((blocks, count * width), dtype=int)
    used, turned = [], []
    for b, own in enumerate(group):
        for t, step in enumerate(own.steps):
            rotations = len(step.spectra)
            spectra[t, b, :rotations], generators[t, b, :rotations] = step.spectra, step.generators
            left[t, b], right[t, b] = step.left, step.right
        used.append([t * width + r for t, step in enumerate(own.steps) for r in range(len(step.spectra))])
        turned.append([rotation.angle - offset for rotation in own.block.rotations])
        angles[b] = turned[-1][0]
        angles[b, used[-1]] = turned[-1]

    def tensor(numbers: Matrix, kind: torch.dtype = dtype) -> Tensor:
        return torch.as_tensor(np.ascontiguousarray(numbers), dtype=kind, device=device)

    return GroupConstants(
        per_context=pattern.per_context,
        positions=tuple(own.position for own in group),
        spectra=tensor(spectra, real_dtype(dtype)),
        left=tensor(left),
        right=tensor(right),
        generators=tensor(generators.swapaxes(2, 3)),
        generator_columns=tensor(generators.reshape(count, blocks, width, -1).swapaxes(2, 3)),
        angles=as_index(angles.ravel().tolist(), device),
        rotations=as_index([b * count * width + r for b, own in enumerate(used) for r in own], device),
        own_angles=as_index([angle for own in turned for angle in own], device),
        rotations_of=tuple(as_index(own, device) for own in used),
        own_angles_of=tuple(as_index(own, device) for own in turned),
    )

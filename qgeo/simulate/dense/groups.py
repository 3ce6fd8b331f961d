"""Blocks to be built together: those of one dimension, padded to the same number of steps and rotations.

Building a block takes a dozen calls, however small it is; building a hundred at once takes a dozen too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qgeo.circuit.blocks import Block, FixedFactor
from qgeo.circuit.matrices import Matrix
from qgeo.circuit.monomial import MonomialMatrix
from qgeo.simulate.dense.steps import CommutingStep, commuting_steps
from qgeo.simulate.tensors import Index, as_index

_PADDING_PRODUCTS = 2**18
"""Complex products worth wasting on padding: about what a dozen more calls cost."""


@dataclass(frozen=True, eq=False)
class GroupConstants:
    """g blocks of one dimension D, each a product of s steps of k rotations, to be built together.

    A step is a set of commuting rotations in their common eigenbasis, the fixed gates next to it absorbed:
    E(a) = left · diag(exp(−i/2 Σ_r a_r spectrum_r)) · right. Shorter blocks and narrower steps are padded
    with steps and rotations that do nothing.

    Attributes:
        spectra: (s, g, k, D) float64; left, right: (s, g, D, D).
        generators: (s, g, D, k, D), those of a step side by side, H_r = −i/2 F G_r F†, with F the fixed gates
            behind the step; generator_columns: the same as (s, g, D², k).
        angles: (g·s·k,) positions of the padded rotations' angles in the blocks' kind of angles (shared, or
            per context).
        positions: of the blocks among all blocks of the program, ascending.
        rotations: positions of the rotations that are no padding among g·s·k; rotation_angles: their angles'.
        rotations_of: for every block, the positions of its m rotations among s·k; rotation_angles_of: their
            angles'.
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
    rotation_angles: Index
    rotations_of: tuple[Index, ...]
    rotation_angles_of: tuple[Index, ...]

    @property
    def num_blocks(self) -> int:
        return len(self.positions)


@dataclass(frozen=True, eq=False)
class SteppedBlock:
    """A block, its position in the program, and its steps."""

    block: Block
    position: int
    steps: list[CommutingStep]

    @property
    def size(self) -> tuple[int, int]:
        """Steps, and rotations of the widest."""
        return len(self.steps), max(len(step.spectra) for step in self.steps)


def grouped_blocks(blocks: Sequence[Block | MonomialMatrix]) -> list[list[SteppedBlock]]:
    """Blocks with rotations, in groups of one dimension and kind that waste little on padding."""
    known: dict[tuple[object, ...], list[CommutingStep]] = {}
    kinds: dict[tuple[int, bool], list[SteppedBlock]] = {}
    for i, block in enumerate(blocks):
        if isinstance(block, Block) and block.rotations:
            key = _fingerprint(block)
            known[key] = known.get(key) or commuting_steps(block)
            kinds.setdefault((block.dimension, block.per_context), []).append(
                SteppedBlock(block, i, known[key])
            )
    return [group for kind in kinds.values() for group in _split(kind)]


def _split(kind: list[SteppedBlock]) -> list[list[SteppedBlock]]:
    """One group, or one per size where padding all to the largest would cost more than the calls it saves."""
    steps, rotations = _padded_size(kind)
    wasted = steps * rotations * len(kind) - sum(stepped.size[0] * stepped.size[1] for stepped in kind)
    if wasted * kind[0].block.dimension ** 3 <= _PADDING_PRODUCTS:
        return [kind]
    by_size: dict[tuple[int, int], list[SteppedBlock]] = {}
    for stepped in kind:
        by_size.setdefault(stepped.size, []).append(stepped)
    return list(by_size.values())


def _padded_size(group: list[SteppedBlock]) -> tuple[int, int]:
    return max(stepped.size[0] for stepped in group), max(stepped.size[1] for stepped in group)


def _fingerprint(block: Block) -> tuple[object, ...]:
    """Equal for blocks whose steps are the same matrices in the same places."""
    factors = (
        factor.matrix.tobytes()
        if isinstance(factor, FixedFactor)
        else (factor.generator.tobytes(), factor.positions)
        for factor in block.factors
    )
    return (len(block.qubits), *factors)


def group_constants(
    group: list[SteppedBlock], first: int, dtype: torch.dtype, device: torch.device
) -> GroupConstants:
    """Constants of a group; `first` is the number of shared angles."""
    count, width = _padded_size(group)
    per_context = group[0].block.per_context
    used = [_used_slots(stepped, width) for stepped in group]
    of_blocks = [
        [rotation.angle - first * per_context for rotation in stepped.block.rotations] for stepped in group
    ]
    spectra, left, right, generators = _padded_steps(group, count, width)

    def tensor(numbers: Matrix, kind: torch.dtype = dtype) -> Tensor:
        return torch.as_tensor(np.ascontiguousarray(numbers), dtype=kind, device=device)

    return GroupConstants(
        per_context=per_context,
        positions=tuple(stepped.position for stepped in group),
        spectra=tensor(spectra, torch.float64),
        left=tensor(left),
        right=tensor(right),
        generators=tensor(generators.swapaxes(2, 3)),
        generator_columns=tensor(generators.reshape(count, len(group), width, -1).swapaxes(2, 3)),
        angles=as_index(_padded_angles(used, of_blocks, count * width), device),
        rotations=as_index(
            [b * count * width + slot for b, slots in enumerate(used) for slot in slots], device
        ),
        rotation_angles=as_index([angle for angles in of_blocks for angle in angles], device),
        rotations_of=tuple(as_index(slots, device) for slots in used),
        rotation_angles_of=tuple(as_index(angles, device) for angles in of_blocks),
    )


def _used_slots(stepped: SteppedBlock, width: int) -> list[int]:
    """Positions of a block's rotations among its padded ones."""
    return [t * width + r for t, step in enumerate(stepped.steps) for r in range(len(step.spectra))]


def _padded_angles(used: list[list[int]], of_blocks: list[list[int]], slots: int) -> list[int]:
    """Every padded rotation's angle, block by block; one that only pads takes any."""
    angles = np.repeat([[of_block[0]] for of_block in of_blocks], slots, axis=1)
    for b, (used_slots, rotation_angles) in enumerate(zip(used, of_blocks, strict=True)):
        angles[b, used_slots] = rotation_angles
    return angles.ravel().tolist()


def _padded_steps(group: list[SteppedBlock], count: int, width: int) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    """Spectra (s, g, k, D), left and right (s, g, D, D), generators (s, g, k, D, D)."""
    blocks, dimension = len(group), group[0].block.dimension
    spectra = np.zeros((count, blocks, width, dimension))
    left = np.tile(np.eye(dimension, dtype=complex), (count, blocks, 1, 1))
    right = left.copy()
    generators = np.zeros((count, blocks, width, dimension, dimension), dtype=complex)
    for b, stepped in enumerate(group):
        for t, step in enumerate(stepped.steps):
            spectra[t, b, : len(step.spectra)] = step.spectra
            generators[t, b, : len(step.spectra)] = step.generators
            left[t, b], right[t, b] = step.left, step.right
    return spectra, left, right, generators

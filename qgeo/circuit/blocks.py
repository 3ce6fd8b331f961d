"""Blocks: what the dense engine does to states, one small dense matrix after the other.

A block acts on a few qubits and is a product of factors, fixed unitaries and rotations; its unitary and the
unitary's derivatives are small dense matrices, and everything a simulation does to states is a product with
one of them. Blocks that depend on data have one matrix per context; all others are shared by all contexts.
Fixed gates between blocks that only move amplitudes and change their phases are monomial matrices on all
qubits at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from qgeo.circuit.matrices import Matrix
from qgeo.circuit.monomial import MonomialMatrix


@dataclass(frozen=True, eq=False)
class FixedFactor:
    """A unitary on all qubits of its block, (2ᵏ, 2ᵏ)."""

    matrix: Matrix


@dataclass(frozen=True, eq=False)
class RotationFactor:
    """exp(−i a G/2) on some qubits of its block.

    `positions` are positions in the block's qubits, the first the least significant bit of `generator`;
    `angle` is an index into the program's angles.
    """

    generator: Matrix
    positions: tuple[int, ...]
    angle: int


Factor = FixedFactor | RotationFactor


@dataclass(frozen=True, eq=False)
class Block:
    """A product of factors, first to last, on `qubits` (ascending, the first the least significant bit)."""

    qubits: tuple[int, ...]
    factors: tuple[Factor, ...]
    per_context: bool

    @property
    def dimension(self) -> int:
        return 1 << len(self.qubits)

    @property
    def rotations(self) -> tuple[RotationFactor, ...]:
        return tuple(factor for factor in self.factors if isinstance(factor, RotationFactor))


Part = Block | MonomialMatrix
"""What fusing elements gives a sequence of."""


def rotations_of(block: Part) -> tuple[RotationFactor, ...]:
    """The rotations of a block; nothing in a monomial matrix depends on a parameter."""
    return block.rotations if isinstance(block, Block) else ()

"""A program at given angles: one move per block, to be done to states or undone.

    ψ ← U_b ψ  (apply),      ψ ← U_b† ψ  (undo)

Every simulation is a sweep over moves: states forward, adjoint gradients backward, tangents from both ends.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.apply import apply_block, apply_monomial
from qgeo.simulate.blocks import partial_products, pulled_back_generators, pushed_generators
from qgeo.simulate.constants import BlockConstants, Constants, MonomialConstants, constants

Side = Literal["start", "end"]


@dataclass(frozen=True, eq=False)
class BlockMove:
    """A unitary on a few qubits: (D, D), or (B, D, D) with one per context."""

    qubits: tuple[int, ...]
    unitary: Tensor

    def apply(self, states: Tensor, out: Tensor | None = None) -> Tensor:
        return apply_block(self.unitary, states, self.qubits, out)

    def undo(self, states: Tensor, out: Tensor | None = None) -> Tensor:
        return apply_block(self._inverse, states, self.qubits, out)

    def of(self, contexts: slice) -> BlockMove:
        """The same move for some of the contexts."""
        return self if self.unitary.dim() == 2 else BlockMove(self.qubits, self.unitary[contexts])

    @cached_property
    def _inverse(self) -> Tensor:
        return self.unitary.mH.resolve_conj()


@dataclass(frozen=True, eq=False)
class MonomialMove:
    """A monomial matrix on all qubits."""

    matrix: MonomialConstants

    def apply(self, states: Tensor, out: Tensor | None = None) -> Tensor:
        return apply_monomial(self.matrix.forth.source, self.matrix.forth.phase, states, out)

    def undo(self, states: Tensor, out: Tensor | None = None) -> Tensor:
        return apply_monomial(self.matrix.back.source, self.matrix.back.phase, states, out)

    def of(self, contexts: slice) -> MonomialMove:
        """The same move: it is every context's."""
        del contexts
        return self


Move = BlockMove | MonomialMove


@dataclass(frozen=True, eq=False)
class Moves:
    """All blocks of a program at given angles.

    Attributes:
        all: one move per block, first to last.
        products: partial products of every group's blocks (`blocks.py`), (s, [B,] g, D, D).
    """

    program: Program
    dtype: torch.dtype
    constants: Constants
    all: tuple[Move, ...]
    products: tuple[Tensor, ...]

    _shared_generators: dict[tuple[int, str, int], Tensor] = field(default_factory=dict, repr=False)
    _context_generators: dict[tuple[int, str, int], Tensor] = field(default_factory=dict, repr=False)

    def of(self, contexts: slice) -> Moves:
        """The same moves for some of the contexts."""
        groups = zip(self.constants.groups, self.products, strict=True)
        return replace(
            self,
            all=tuple(move.of(contexts) for move in self.all),
            products=tuple(own[:, contexts] if group.per_context else own for group, own in groups),
            _context_generators={},
        )

    def generators(self, block: int, at: Side = "start", frame: int = 0) -> Tensor:
        """A_r of a block with rotations, at its start or its end, (m, [B,] D, D).

        Made for all blocks of its group on the same side of `frame` at once.
        """
        own = self.constants.blocks[block]
        assert isinstance(own, BlockConstants)
        group = self.constants.groups[own.group]
        ahead = bisect_left(group.positions, frame)
        members = slice(0, ahead) if block < frame else slice(ahead, group.num_blocks)
        padded = self.group_generators(own.group, at, members).select(-3, own.member - members.start)
        return padded[group.rotations_of[own.member]]

    def group_generators(self, group: int, at: Side, members: slice) -> Tensor:
        """A_r of some blocks of a group and all their padded rotations, (s·k, [B,] g, D, D): made once."""
        own = self.constants.groups[group]
        made = self._context_generators if own.per_context else self._shared_generators
        key = (group, at, members.start)
        if key not in made:
            make = pulled_back_generators if at == "start" else pushed_generators
            made[key] = make(own.generators[:, members], self.products[group][..., members, :, :])
        return made[key]


def moves_at(program: Program, shared: Tensor, per_context: Tensor, dtype: torch.dtype) -> Moves:
    """The program's moves at its shared angles (m,) and per-context angles (B, m')."""
    table = constants(program, dtype, shared.device)
    products = tuple(
        partial_products(group, per_context if group.per_context else shared) for group in table.groups
    )
    unitaries = [product[-1].unbind(-3) for product in products]
    return Moves(program, dtype, table, tuple(_move(block, unitaries) for block in table.blocks), products)


def _move(block: BlockConstants | MonomialConstants, unitaries: list[tuple[Tensor, ...]]) -> Move:
    if isinstance(block, MonomialConstants):
        return MonomialMove(block)
    unitary = unitaries[block.group][block.member] if block.fixed is None else block.fixed
    return BlockMove(block.qubits, unitary)


def zero_state(program: Program, count: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """|0…0⟩, `count` times: (count, 2ⁿ)."""
    start = torch.zeros(count, program.dimension, dtype=dtype, device=device)
    start[:, 0] = 1
    return start

"""A program at given angles: one applied gate per block, to be done to states or undone.

    ψ ← U_b ψ  (apply),      ψ ← U_b† ψ  (undo)

Every simulation is a sweep over applied gates: states forward, gradients back, tangents from both ends.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.dense.apply import apply_block, apply_monomial
from qgeo.simulate.dense.blocks import partial_products, pulled_back_generators, pushed_generators
from qgeo.simulate.dense.constants import BlockConstants, Constants, MonomialConstants, constants

Side = Literal["start", "end"]


@dataclass(frozen=True, eq=False)
class AppliedBlock:
    """A unitary on a few qubits: (D, D), or (B, D, D) with one per context."""

    qubits: tuple[int, ...]
    unitary: Tensor

    def apply(self, states: Tensor, out: Tensor | None = None) -> Tensor:
        return apply_block(self.unitary, states, self.qubits, out)

    def undo(self, states: Tensor, out: Tensor | None = None) -> Tensor:
        return apply_block(self._inverse, states, self.qubits, out)

    def of(self, contexts: slice) -> AppliedBlock:
        """The same gate for some of the contexts."""
        return self if self.unitary.dim() == 2 else AppliedBlock(self.qubits, self.unitary[contexts])

    @cached_property
    def _inverse(self) -> Tensor:
        return self.unitary.mH.resolve_conj()


@dataclass(frozen=True, eq=False)
class AppliedMonomial:
    """A monomial matrix on all qubits."""

    matrix: MonomialConstants

    def apply(self, states: Tensor, out: Tensor | None = None) -> Tensor:
        return apply_monomial(self.matrix.forth.source, self.matrix.forth.phase, states, out)

    def undo(self, states: Tensor, out: Tensor | None = None) -> Tensor:
        return apply_monomial(self.matrix.back.source, self.matrix.back.phase, states, out)

    def of(self, contexts: slice) -> AppliedMonomial:
        """The same gate: it is every context's."""
        del contexts
        return self


AppliedGate = AppliedBlock | AppliedMonomial


@dataclass(frozen=True, eq=False)
class AppliedGates:
    """All blocks of a program at given angles.

    Attributes:
        all: one gate per block, first to last.
        products: partial products of every group's blocks (`blocks.py`), (s, [B,] g, D, D).
    """

    program: Program
    dtype: torch.dtype
    device: torch.device
    constants: Constants
    all: tuple[AppliedGate, ...]
    products: tuple[Tensor, ...]

    _shared_generators: dict[tuple[int, str, int], Tensor] = field(default_factory=dict, repr=False)
    _context_generators: dict[tuple[int, str, int], Tensor] = field(default_factory=dict, repr=False)

    def of(self, contexts: slice) -> AppliedGates:
        """The same gates for some of the contexts."""
        groups = zip(self.constants.groups, self.products, strict=True)
        return replace(
            self,
            all=tuple(gate.of(contexts) for gate in self.all),
            products=tuple(each[:, contexts] if group.per_context else each for group, each in groups),
            _context_generators={},
        )

    def generators(self, block: int, at: Side = "start", frame: int = 0) -> Tensor:
        """A_r of a block with rotations, at its start or its end, (m, [B,] D, D).

        Made for all blocks of its group on the same side of `frame` at once.
        """
        constant = self.constants.blocks[block]
        assert isinstance(constant, BlockConstants)
        group = self.constants.groups[constant.group]
        ahead = bisect_left(group.positions, frame)
        members = slice(0, ahead) if block < frame else slice(ahead, group.num_blocks)
        made = self.group_generators(constant.group, at, members)
        return made.select(-3, constant.member - members.start)[group.rotations_of[constant.member]]

    def group_generators(self, group: int, at: Side, members: slice) -> Tensor:
        """A_r of some blocks of a group and all their padded rotations, (s·k, [B,] g, D, D): made once."""
        constant = self.constants.groups[group]
        made = self._context_generators if constant.per_context else self._shared_generators
        key = (group, at, members.start)
        if key not in made:
            make = pulled_back_generators if at == "start" else pushed_generators
            made[key] = make(constant.generators[:, members], self.products[group][..., members, :, :])
        return made[key]


def applied_gates(program: Program, shared: Tensor, per_context: Tensor, dtype: torch.dtype) -> AppliedGates:
    """The program's gates at its shared angles (m,) and per-context angles (B, m')."""
    constant = constants(program, dtype, shared.device)
    products = tuple(
        partial_products(group, per_context if group.per_context else shared) for group in constant.groups
    )
    unitaries = [product[-1].unbind(-3) for product in products]
    gates = tuple(_applied(block, unitaries) for block in constant.blocks)
    return AppliedGates(program, dtype, shared.device, constant, gates, products)


def _applied(block: BlockConstants | MonomialConstants, unitaries: list[tuple[Tensor, ...]]) -> AppliedGate:
    if isinstance(block, MonomialConstants):
        return AppliedMonomial(block)
    unitary = unitaries[block.group][block.member] if block.fixed is None else block.fixed
    return AppliedBlock(block.qubits, unitary)


def zero_state(program: Program, count: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """|0…0⟩, `count` times: (count, 2ⁿ)."""
    start = torch.zeros(count, program.dimension, dtype=dtype, device=device)
    start[:, 0] = 1
    return start

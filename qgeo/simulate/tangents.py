"""Tangents of a program: ∂|ψ⟩/∂p for chosen parameters, forward through the circuit, all at once.

One stack of tangents moves through the circuit with the state. At a block U

    T  ←  U T,      T_p  ←  T_p + (∂U/∂p) ψ,      ψ  ←  U ψ

each of them a matrix product; a parameter's tangent enters the stack at the first block that holds it.
Chain rule inside a block: ∂U/∂p = Σ_r (∂a_r/∂p) ∂U/∂a_r.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from qgeo.circuit.program import Block, Program, Relabelling
from qgeo.simulate.angles import derivative, joined
from qgeo.simulate.apply import apply_block, apply_each, apply_map
from qgeo.simulate.blocks import block_derivatives, block_unitary
from qgeo.simulate.constants import MapConstants, constants
from qgeo.simulate.statevector import all_angles, zero_state


@dataclass(frozen=True)
class Entry:
    """∂a/∂p of one rotation: its slot in the block, its angle, and which of the angle's columns p is."""

    rotation: int
    angle: int
    slot: int
    parameter: int  # position among the block's parameters


@dataclass(frozen=True)
class BlockPlan:
    """Which parameters a block moves: the first `fresh` enter the stack here, the others are at `rows`."""

    entries: tuple[Entry, ...]
    num_parameters: int
    fresh: int
    rows: tuple[int, ...]


def states_and_tangents(
    program: Program,
    values: Tensor,
    inputs: Tensor | None = None,
    *,
    columns: Sequence[int] | None = None,
    dtype: torch.dtype = torch.complex128,
) -> tuple[Tensor, Tensor]:
    """States ψ (B, 2ⁿ) and tangents ∂ψ/∂p (len(columns), B, 2ⁿ).

    Args:
        program: the compiled circuit.
        values: (P,) real; inputs: (B, d) real, or None for a circuit without data (B = 1).
        columns: which of `program.columns` to differentiate by, in which order (each at most once);
            by default the trainable ones. A data column's tangent is by each context's own input.
        dtype: complex128 or complex64.

    Not differentiable further.
    """
    wanted = tuple(range(program.num_parameters)) if columns is None else tuple(columns)
    per_context = inputs if inputs is not None else values.new_zeros(1, 0)
    with torch.no_grad():
        plan = propagation_plan(program, wanted)
        psi, stack = _propagate(program, values, per_context, plan, dtype)
        return psi, stack if plan.in_order else stack[list(plan.rows)]


def _propagate(
    program: Program, values: Tensor, inputs: Tensor, plan: Plan, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """States, and tangents in the order in which parameters enter the circuit (absent ones, zero, last)."""
    shared, per_context = all_angles(program, values, inputs, dtype)
    point = joined(values, inputs)
    psi = zero_state(program, len(inputs), dtype, values.device)
    stack = _Stack.empty(len(plan.rows), psi)
    blocks = constants(program, dtype, values.device).blocks
    for block, own in zip(blocks, plan.blocks, strict=True):
        if isinstance(block, MapConstants):
            stack, psi = stack.relabelled(block), apply_map(block, psi)
            continue
        angles = per_context if block.per_context else shared
        if own.entries:
            unitary, by_angle = block_derivatives(block, angles)
            by_parameter = _chain_rule(program, own, by_angle, point if block.per_context else point[0])
            stack = stack.moved(unitary, block.qubits)
            stack = stack.entered(apply_each(by_parameter, psi, block.qubits), own)
        else:
            unitary = block_unitary(block, angles)
            stack = stack.moved(unitary, block.qubits)
        psi = apply_block(unitary, psi, block.qubits)
    stack.tangents[stack.count :] = 0
    return psi, stack.tangents


@dataclass(frozen=True, eq=False)
class _Stack:
    """Room for all tangents, the first `count` of them filled, and as much room to move them into.

    Two buffers for the whole way: fresh memory at every block would cost more than the products.
    """

    tangents: Tensor
    other: Tensor
    count: int

    @staticmethod
    def empty(size: int, psi: Tensor) -> _Stack:
        return _Stack(psi.new_empty(size, *psi.shape), psi.new_empty(size, *psi.shape), 0)

    def moved(self, unitary: Tensor, qubits: tuple[int, ...]) -> _Stack:
        """T ← U T."""
        if not self.count:
            return self
        apply_block(unitary, self.tangents[: self.count], qubits, out=self.other[: self.count])
        return _Stack(self.other, self.tangents, self.count)

    def relabelled(self, moves: MapConstants) -> _Stack:
        """T ← U T for a relabelling U."""
        if not self.count:
            return self
        apply_map(moves, self.tangents[: self.count], out=self.other[: self.count])
        return _Stack(self.other, self.tangents, self.count)

    def entered(self, own: Tensor, plan: BlockPlan) -> _Stack:
        """A block's own tangents: fresh ones behind the others, the rest added where they belong."""
        count = self.count + plan.fresh
        self.tangents[self.count : count] = own[: plan.fresh]
        if plan.rows:
            self.tangents[list(plan.rows)] += own[plan.fresh :]
        return _Stack(self.tangents, self.other, count)


def _chain_rule(program: Program, plan: BlockPlan, by_angle: Tensor, point: Tensor) -> Tensor:
    """∂U/∂p (..., q, D, D) from ∂U/∂a (..., m, D, D)."""
    slopes = [derivative(program, entry.angle, entry.slot, point) for entry in plan.entries]
    weights = by_angle.real.new_zeros(*by_angle.shape[:-3], plan.num_parameters, by_angle.shape[-3])
    for entry, slope in zip(plan.entries, slopes, strict=True):
        weights[..., entry.parameter, entry.rotation] += slope
    return torch.einsum("...qr,...rij->...qij", weights.to(by_angle.dtype), by_angle)


@dataclass(frozen=True)
class Plan:
    """One plan a block, and the row of each wanted column in the stack that comes out."""

    blocks: tuple[BlockPlan, ...]
    rows: tuple[int, ...]

    @property
    def in_order(self) -> bool:
        return self.rows == tuple(range(len(self.rows)))


@lru_cache(maxsize=256)
def propagation_plan(program: Program, wanted: tuple[int, ...]) -> Plan:
    """Which tangents each block creates or adds to, and where they end up."""
    row_of: dict[int, int] = {}
    blocks = tuple(_block_plan(program, block, frozenset(wanted), row_of) for block in program.blocks)
    absent = [column for column in wanted if column not in row_of]
    row_of |= {column: len(row_of) + i for i, column in enumerate(absent)}
    return Plan(blocks, tuple(row_of[column] for column in wanted))


def _block_plan(
    program: Program, block: Block | Relabelling, wanted: frozenset[int], row_of: dict[int, int]
) -> BlockPlan:
    used = [
        (rotation, step.angle, slot, column)
        for rotation, step in enumerate(block.rotations)
        for slot, column in enumerate(program.angles[step.angle].columns)
        if column in wanted
    ]
    mine = list(dict.fromkeys(column for *_, column in used))
    fresh = [column for column in mine if column not in row_of]
    known = [column for column in mine if column in row_of]
    rows = tuple(row_of[column] for column in known)
    row_of |= {column: len(row_of) + i for i, column in enumerate(fresh)}
    position = {column: i for i, column in enumerate([*fresh, *known])}
    entries = tuple(Entry(rotation, angle, slot, position[column]) for rotation, angle, slot, column in used)
    return BlockPlan(entries, len(mine), len(fresh), rows)

"""Tangents of a program, all at once: ∂|ψ⟩/∂p for chosen parameters.

A parameter's tangent enters at the start of the block that holds it, as A_p ψ (`blocks.py`), and moves with
the circuit. Quantum Fisher information is the same in every frame of the circuit, so that tangents need not
go all the way to its end: those of the first blocks move forward, those of the last move back, and they meet
where the way is shortest.

    forward   T ← U_b (T ∪ A_p ψ_b)      b < frame
    back      T ← U_b† T ∪ A_p ψ_b       b ≥ frame,      ψ_b the state at the start of block b

Chain rule inside a block: A_p = Σ_r (∂a_r/∂p) A_r.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.angles import derivative, joined
from qgeo.simulate.apply import apply_each
from qgeo.simulate.moves import BlockMove, Moves, zero_state
from qgeo.simulate.plan import BlockPlan, Frame, Plan, propagation_plan
from qgeo.simulate.statevector import moves_of


@dataclass(frozen=True, eq=False)
class Tangents:
    """States and tangents in one frame of the circuit.

    Attributes:
        states: (B, 2ⁿ).
        rows: (R, B, 2ⁿ), in the order in which parameters enter; a parameter's rows add up to its tangent.
        parameter_of_row: (R,) positions among the chosen parameters; count: how many were chosen.
    """

    states: Tensor
    rows: Tensor
    parameter_of_row: tuple[int, ...]
    count: int

    def ordered(self) -> Tensor:
        """(count, B, 2ⁿ), one tangent per chosen parameter, in their order."""
        if self.parameter_of_row == tuple(range(self.count)):
            return self.rows
        return _gathered(self.rows, self.parameter_of_row, self.count)

    def folded(self, matrix: Tensor) -> Tensor:
        """From a matrix (R, R) over rows to one over the chosen parameters, (count, count)."""
        if self.parameter_of_row == tuple(range(self.count)):
            return matrix
        half = _gathered(matrix, self.parameter_of_row, self.count)
        return _gathered(half.mT, self.parameter_of_row, self.count).mT


def states_and_tangents(
    program: Program,
    values: Tensor,
    inputs: Tensor | None = None,
    *,
    columns: Sequence[int] | None = None,
    dtype: torch.dtype = torch.complex128,
) -> tuple[Tensor, Tensor]:
    """Final states ψ (B, 2ⁿ) and tangents ∂ψ/∂p (len(columns), B, 2ⁿ).

    Args:
        program: the compiled circuit.
        values: (P,) real; inputs: (B, d) real, or None for a circuit without data (B = 1).
        columns: which of `program.columns` to differentiate by, in which order (each at most once);
            by default the trainable ones. A data column's tangent is by each context's own input.
        dtype: complex128 or complex64.

    Not differentiable further.
    """
    found = tangents_in_frame(program, values, inputs, columns=columns, frame="end", dtype=dtype)
    return found.states, found.ordered()


def tangents_in_frame(
    program: Program,
    values: Tensor,
    inputs: Tensor | None = None,
    *,
    columns: Sequence[int] | None = None,
    frame: Frame,
    dtype: torch.dtype = torch.complex128,
) -> Tangents:
    """States and tangents at the circuit's end, or at its middle: the frame where the work is least.

    Arguments as in `states_and_tangents`. One unitary per context takes the middle to the end.
    """
    wanted = tuple(range(program.num_parameters)) if columns is None else tuple(columns)
    per_context = values.new_zeros(1, 0) if inputs is None else inputs
    with torch.no_grad():
        plan = propagation_plan(program, wanted, frame)
        moves = moves_of(program, values, per_context, dtype)
        sweep = _Sweep(moves, plan, joined(values, per_context))
        return Tangents(*sweep.run(), plan.parameter_of_row, len(wanted))


@dataclass(frozen=True, eq=False)
class _Sweep:
    """The two sweeps that meet in the plan's frame; `point` (B, P + d) are all parameters of each context."""

    moves: Moves
    plan: Plan
    point: Tensor

    def run(self) -> tuple[Tensor, Tensor]:
        """States (B, 2ⁿ) and rows of tangents (R, B, 2ⁿ)."""
        psi = zero_state(self.moves.program, len(self.point), self.moves.dtype, self.point.device)
        size = self.plan.rows_forward + self.plan.rows_back
        buffers = psi.new_empty(size, *psi.shape), psi.new_empty(size, *psi.shape)
        psi = self._forward(psi, _Stack(*buffers, slice(0, self.plan.rows_forward), self.plan.moves_forward))
        self._back(psi, _Stack(*buffers, slice(self.plan.rows_forward, size), self.plan.moves_back))
        return psi, buffers[0]

    def _forward(self, psi: Tensor, stack: _Stack) -> Tensor:
        for block, own in enumerate(self.plan.forward):
            self._enter(stack, block, own, psi)
            stack.move(self.moves.all[block].apply)
            psi = self.moves.all[block].apply(psi)
        return psi

    def _back(self, psi: Tensor, stack: _Stack) -> None:
        starts = []
        for block, _ in self.plan.back:
            starts.append(psi)
            psi = self.moves.all[block].apply(psi)
        for (block, own), start in zip(reversed(self.plan.back), reversed(starts), strict=True):
            stack.move(self.moves.all[block].undo)
            self._enter(stack, block, own, start)

    def _enter(self, stack: _Stack, block: int, own: BlockPlan, psi: Tensor) -> None:
        move = self.moves.all[block]
        if own.entries and isinstance(move, BlockMove):
            stack.enter(own, self._generators(block, own), psi, move.qubits)

    def _generators(self, block: int, own: BlockPlan) -> Tensor:
        """A_p (q, [B,] D, D) of the block's parameters."""
        by_angle = self.moves.generators(block)
        if own.plain:
            return by_angle
        weights = _slopes(self.moves.program, own, self.point if by_angle.dim() == 4 else self.point[0])
        return torch.einsum("...qr,r...ij->q...ij", weights.to(by_angle.dtype), by_angle)


def _slopes(program: Program, own: BlockPlan, point: Tensor) -> Tensor:
    """∂a_r/∂p of the block's parameters and rotations, (q, m), or (B, q, m) where it depends on data."""
    weights = point.new_zeros(*point.shape[:-1], own.num_parameters, own.num_rotations)
    for entry in own.entries:
        weights[..., entry.parameter, entry.rotation] += derivative(program, entry.angle, entry.slot, point)
    return weights


class _Stack:
    """Rows of tangents that grow and move: `here` holds them, `there` is room to move them into.

    Two buffers for the whole way: fresh memory at every block would cost more than the products. After
    `moves_to_come` moves the rows lie in the first buffer.
    """

    def __init__(self, first: Tensor, second: Tensor, rows: slice, moves_to_come: int) -> None:
        self.here, self.there = first[rows], second[rows]
        if moves_to_come % 2:
            self.here, self.there = self.there, self.here
        self.count = 0

    def move(self, step: Callable[[Tensor, Tensor], Tensor]) -> None:
        """T ← U T."""
        if self.count:
            step(self.here[: self.count], self.there[: self.count])
            self.here, self.there = self.there, self.here

    def enter(self, own: BlockPlan, generators: Tensor, psi: Tensor, qubits: tuple[int, ...]) -> None:
        """A_p ψ of a block's parameters: fresh ones behind the others, the rest added where they belong."""
        if own.fresh:
            free = self.here[self.count : self.count + own.fresh]
            apply_each(generators[: own.fresh], psi, qubits, out=free)
        if own.rows:
            added = self.here.new_empty(len(own.rows), *psi.shape)
            apply_each(generators[own.fresh :], psi, qubits, out=added)
            self.here[list(own.rows)] += added
        self.count += own.fresh


def _gathered(rows: Tensor, target: tuple[int, ...], count: int) -> Tensor:
    """(count, ...): row r added to row target[r]; rows that none is added to are zero."""
    index = torch.tensor(target, dtype=torch.long, device=rows.device)
    if sorted(target) == list(range(count)):
        return rows.index_select(0, index.argsort())
    return rows.new_zeros(count, *rows.shape[1:]).index_add_(0, index, rows)

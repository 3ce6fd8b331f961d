"""Tangents of a program, all at once: ∂|ψ⟩/∂p for chosen parameters.

A parameter's tangent enters next to the block that holds it, as A_p ψ (`blocks.py`), and moves with the
circuit. Quantum Fisher information is the same in every frame of the circuit, so that tangents need not go
all the way to its end: those of the first blocks move forward, those of the last move back, and they meet
where the way is shortest.

    forward   T ← U_b T ∪ A_p ψ      A at the block's end, ψ the state there        (blocks before the frame)
    back      T ← U_b† T ∪ A_p ψ     A at the block's start, ψ the state there      (blocks behind it)

Chain rule inside a block: A_p = Σ_r (∂a_r/∂p) A_r. Where to enter: `route.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.angles import derivative, joined
from qgeo.simulate.apply import apply_each
from qgeo.simulate.compiled.kernel import Kernel, kernel_for, point_at
from qgeo.simulate.compiled.tangent_order import TangentOrder
from qgeo.simulate.meeting import Frame
from qgeo.simulate.moves import BlockMove, Moves, Side, zero_state
from qgeo.simulate.route import Insertion, InsertionPoint, Route, tangent_route
from qgeo.simulate.simulation import moves_of

Step = Callable[[Tensor, Tensor], Tensor]
"""From a stack of states to another, (states, out)."""


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
        index = torch.tensor(self.parameter_of_row, dtype=torch.long, device=matrix.device)
        half = matrix.new_zeros(self.count, len(matrix)).index_add_(0, index, matrix)
        return matrix.new_zeros(self.count, self.count).index_add_(1, index, half)


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
    return tangent_sweep(program, values, inputs, columns=columns, frame=frame, dtype=dtype).of()


def tangent_sweep(
    program: Program,
    values: Tensor,
    inputs: Tensor | None = None,
    *,
    columns: Sequence[int] | None = None,
    frame: Frame,
    dtype: torch.dtype = torch.complex128,
) -> TangentSweep | CompiledTangentSweep:
    """`tangents_in_frame` to be run on some contexts at a time: the blocks' matrices are made once."""
    wanted = tuple(range(program.num_parameters)) if columns is None else tuple(columns)
    per_context = values.new_zeros(1, 0) if inputs is None else inputs
    kernel = kernel_for(program, dtype, values.device)
    if kernel is not None:
        order = kernel.order(wanted, frame, len(per_context))
        return CompiledTangentSweep(kernel, order, values, per_context, len(wanted))
    with torch.no_grad():
        moves = moves_of(program, values, per_context, dtype)
        route = tangent_route(program, wanted, frame)
        return TangentSweep(moves, route, joined(values, per_context), len(wanted))


@dataclass(frozen=True, eq=False)
class TangentSweep:
    """Sweeps that meet in the route's frame; `point` (B, P + d) are all parameters of each context."""

    moves: Moves
    route: Route
    point: Tensor
    count: int

    @torch.no_grad()
    def of(self, contexts: slice = slice(None), workspace: Tensor | None = None) -> Tangents:
        """States and tangents of some contexts; in a `workspace` they last until it is used again."""
        point = self.point[contexts]
        moves = self.moves if len(point) == len(self.point) else self.moves.of(contexts)
        room = self.workspace(len(point)) if workspace is None else workspace
        psi, rows = _Sweep(moves, self.route, point, room).run()
        return Tangents(psi, rows, self.route.parameter_of_row, self.count)

    def workspace(self, contexts: int) -> Tensor:
        """Room for the sweeps of so many contexts, or fewer: two stacks of tangents, uninitialised."""
        rows = self.route.rows_forward + self.route.rows_back
        size = 2 * rows * contexts * self.moves.program.dimension
        return torch.empty(size, dtype=self.moves.dtype, device=self.point.device)


@dataclass(frozen=True, eq=False)
class CompiledTangentSweep:
    """The same by the compiled kernel; `values` (P,), `inputs` (B, d)."""

    kernel: Kernel
    order: TangentOrder
    values: Tensor
    inputs: Tensor
    count: int

    @torch.no_grad()
    def of(self, contexts: slice = slice(None), workspace: Tensor | None = None) -> Tangents:
        """States and tangents of some contexts; in a `workspace` they last until it is used again."""
        point = point_at(self.kernel.program, self.values, self.inputs[contexts])
        room = self.workspace(len(point.parameters)) if workspace is None else workspace
        psi, rows = self.kernel.tangents(point, self.order, room)
        return Tangents(psi, rows, tuple(self.order.parameter_of_row.tolist()), self.count)

    def workspace(self, contexts: int) -> Tensor:
        """Room for the tangents of so many contexts, or fewer, uninitialised."""
        size = len(self.order.parameter_of_row) * contexts * self.kernel.program.dimension
        return torch.empty(size, dtype=torch.complex128)


@dataclass(frozen=True, eq=False)
class _Leg:
    """An insertion point and the moves from there to the next one or to the frame, in order."""

    point: InsertionPoint
    steps: tuple[Step, ...]


@dataclass(frozen=True, eq=False)
class _Sweep:
    """One run of a `TangentSweep`: forward to the frame, then back to it from the last point."""

    moves: Moves
    route: Route
    point: Tensor
    room: Tensor

    def run(self) -> tuple[Tensor, Tensor]:
        """States (B, 2ⁿ) and rows of tangents (R, B, 2ⁿ), in the frame."""
        psi = zero_state(self.moves.program, len(self.point), self.moves.dtype, self.point.device)
        size = self.route.rows_forward + self.route.rows_back
        rows, spare = self.room[: 2 * size * psi.numel()].view(2, size, *psi.shape)
        ahead, behind = slice(0, self.route.rows_forward), slice(self.route.rows_forward, size)
        psi = self._forward(psi, rows[ahead], spare[ahead])
        self._back(psi, rows[behind], spare[behind])
        return psi, rows

    def _forward(self, psi: Tensor, rows: Tensor, spare: Tensor) -> Tensor:
        """Fill `rows` with the tangents of the blocks before the frame; the state there."""
        legs = self._legs(self.route.forward, back=False)
        stack, position = _Stack(rows, spare, legs), 0
        for leg in legs:
            psi = self._between(position, leg.point.position, psi)
            position = leg.point.position
            self._enter(stack, leg.point, psi, at="end")
            stack.move(leg.steps)
        return self._between(position, self.route.frame, psi)

    def _back(self, psi: Tensor, rows: Tensor, spare: Tensor) -> None:
        """Fill `rows` with the tangents of the blocks behind the frame, where the state is ψ."""
        states, position = [], self.route.frame
        for point in reversed(self.route.back):
            psi, position = self._between(position, point.position, psi), point.position
            states.append(psi)
        legs = self._legs(self.route.back, back=True)
        stack = _Stack(rows, spare, legs)
        for leg in legs:
            self._enter(stack, leg.point, states.pop(), at="start")
            stack.move(leg.steps)

    def _between(self, start: int, stop: int, psi: Tensor) -> Tensor:
        for move in self.moves.all[start:stop]:
            psi = move.apply(psi)
        return psi

    def _legs(self, points: tuple[InsertionPoint, ...], back: bool) -> list[_Leg]:
        stops = [*(point.position for point in points[1:]), self.route.frame]
        legs = []
        for point, stop in zip(points, stops, strict=False):
            stretch = self.moves.all[slice(*sorted((point.position, stop)))]
            steps = [move.undo for move in reversed(stretch)] if back else [move.apply for move in stretch]
            legs.append(_Leg(point, tuple(steps)))
        return legs

    def _enter(self, stack: _Stack, point: InsertionPoint, psi: Tensor, at: Side) -> None:
        for own in point.insertions:
            move = self.moves.all[own.block]
            assert isinstance(move, BlockMove)
            by_angle = self.moves.generators(own.block, at, self.route.frame)
            stack.enter(own, self._by_parameter(own, by_angle), psi, move.qubits)

    def _by_parameter(self, own: Insertion, by_angle: Tensor) -> Tensor:
        """A_p (q, [B,] D, D) of a block's parameters."""
        if own.plain:
            return by_angle
        weights = _slopes(self.moves.program, own, self.point if by_angle.dim() == 4 else self.point[0])
        return torch.einsum("...qr,r...ij->q...ij", weights.to(by_angle.dtype), by_angle)


def _slopes(program: Program, own: Insertion, point: Tensor) -> Tensor:
    """∂a_r/∂p of the block's parameters and rotations, (q, m), or (B, q, m) where it depends on data."""
    weights = point.new_zeros(*point.shape[:-1], own.num_parameters, own.num_rotations)
    for entry in own.entries:
        weights[..., entry.parameter, entry.rotation] += derivative(program, entry.angle, entry.slot, point)
    return weights


class _Stack:
    """Rows of tangents that grow and move: `here` holds them, `there` is room to move them into.

    Two buffers for the whole way: fresh memory at every block would cost more than the products. They start
    in the one from which `legs` lead to `rows`.
    """

    def __init__(self, rows: Tensor, spare: Tensor, legs: list[_Leg]) -> None:
        odd = sum(len(leg.steps) for leg in legs) % 2
        self.here, self.there = (spare, rows) if odd else (rows, spare)
        self.count = 0

    def move(self, steps: tuple[Step, ...]) -> None:
        """T ← U T."""
        for step in steps:
            step(self.here[: self.count], self.there[: self.count])
            self.here, self.there = self.there, self.here

    def enter(self, own: Insertion, generators: Tensor, psi: Tensor, qubits: tuple[int, ...]) -> None:
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

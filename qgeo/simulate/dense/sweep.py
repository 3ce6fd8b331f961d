"""Tangents through torch, all at once: from both ends of the circuit into the route's frame.

A parameter's tangent is inserted next to the block that holds it, as A_p ψ (`blocks.py`), and moves with the
circuit: those of the first blocks forward, those of the last back.

    forward   T ← U_b T ∪ A_p ψ      A at the block's end, ψ the state there        (blocks before the frame)
    back      T ← U_b† T ∪ A_p ψ     A at the block's start, ψ the state there      (blocks behind it)

Chain rule inside a block: A_p = Σ_r (∂a_r/∂p) A_r. Where to insert: `route.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.angles import derivative
from qgeo.simulate.dense.applied import AppliedBlock, AppliedGates, Side, zero_state
from qgeo.simulate.dense.apply import apply_each
from qgeo.simulate.dense.route import Insertion, InsertionPoint, Route
from qgeo.simulate.tangent_rows import Tangents
from qgeo.simulate.tensors import kept_index_tensor

Application = Callable[[Tensor, Tensor], Tensor]
"""A gate or its inverse: from a stack of states to another, (states, out)."""


@dataclass(frozen=True, eq=False)
class DenseSweep:
    """A `TangentSweep`; `parameters` (B, P + d) are all parameters of each context."""

    gates: AppliedGates
    route: Route
    parameters: Tensor
    count: int

    @torch.no_grad()
    def of(self, contexts: slice = slice(None), workspace: Tensor | None = None) -> Tangents:
        """See `TangentSweep`."""
        parameters = self.parameters[contexts]
        gates = self.gates if len(parameters) == len(self.parameters) else self.gates.of(contexts)
        memory = self.workspace(len(parameters)) if workspace is None else workspace
        psi, rows = _Run(gates, self.route, parameters, memory).tangents()
        return Tangents(psi, rows, self.route.parameter_of_row, self.count)

    def workspace(self, contexts: int) -> Tensor:
        """Two stacks of tangents, uninitialised."""
        rows = self.route.rows_forward + self.route.rows_back
        size = 2 * rows * contexts * self.gates.program.dimension
        return torch.empty(size, dtype=self.gates.dtype, device=self.parameters.device)


@dataclass(frozen=True, eq=False)
class _Leg:
    """An insertion point, and what is applied from there to the next one or to the frame, in order."""

    point: InsertionPoint
    applications: tuple[Application, ...]


@dataclass(frozen=True, eq=False)
class _Run:
    """One run of a sweep: forward to the frame, then back to it from the last insertion point."""

    gates: AppliedGates
    route: Route
    parameters: Tensor
    workspace: Tensor

    def tangents(self) -> tuple[Tensor, Tensor]:
        """States (B, 2ⁿ) and rows of tangents (R, B, 2ⁿ), in the frame."""
        psi = zero_state(self.gates.program, len(self.parameters), self.gates.dtype, self.parameters.device)
        size = self.route.rows_forward + self.route.rows_back
        rows, spare = self.workspace[: 2 * size * psi.numel()].view(2, size, *psi.shape)
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
            self._insert(stack, leg.point, psi, at="end")
            stack.apply(leg.applications)
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
            self._insert(stack, leg.point, states.pop(), at="start")
            stack.apply(leg.applications)

    def _between(self, start: int, stop: int, psi: Tensor) -> Tensor:
        for gate in self.gates.all[start:stop]:
            psi = gate.apply(psi)
        return psi

    def _legs(self, points: Sequence[InsertionPoint], back: bool) -> list[_Leg]:
        stops = [*(point.position for point in points[1:]), self.route.frame]
        legs = []
        for point, stop in zip(points, stops, strict=False):
            gates = self.gates.all[slice(*sorted((point.position, stop)))]
            applications = [gate.undo for gate in reversed(gates)] if back else [gate.apply for gate in gates]
            legs.append(_Leg(point, tuple(applications)))
        return legs

    def _insert(self, stack: _Stack, point: InsertionPoint, psi: Tensor, at: Side) -> None:
        for insertion in point.insertions:
            gate = self.gates.all[insertion.block]
            assert isinstance(gate, AppliedBlock)
            by_angle = self.gates.generators(insertion.block, at, self.route.frame)
            stack.insert(insertion, self._by_parameter(insertion, by_angle), psi, gate.qubits)

    def _by_parameter(self, insertion: Insertion, by_angle: Tensor) -> Tensor:
        """A_p (q, [B,] D, D) of a block's parameters."""
        if insertion.plain:
            return by_angle
        parameters = self.parameters if by_angle.dim() == 4 else self.parameters[0]
        weights = _slopes(self.gates.program, insertion, parameters)
        return torch.einsum("...qr,r...ij->q...ij", weights.to(by_angle.dtype), by_angle)


def _slopes(program: Program, insertion: Insertion, parameters: Tensor) -> Tensor:
    """∂a_r/∂p of the block's parameters and rotations, (q, m), or (B, q, m) where it depends on data."""
    shape = insertion.num_parameters, insertion.num_rotations
    weights = parameters.new_zeros(*parameters.shape[:-1], *shape)
    for entry in insertion.entries:
        slope = derivative(program, entry.angle, entry.slot, parameters)
        weights[..., entry.parameter, entry.rotation] += slope
    return weights


class _Stack:
    """Rows of tangents that grow and move: `here` holds them, `there` is where the next gate puts them.

    Two buffers for the whole way: fresh memory at every block would cost more than the products
    (benchmarks/NOTES.md, "two buffers"). They start in the one from which `legs` lead to `rows`.
    """

    def __init__(self, rows: Tensor, spare: Tensor, legs: list[_Leg]) -> None:
        odd = sum(len(leg.applications) for leg in legs) % 2
        self.here, self.there = (spare, rows) if odd else (rows, spare)
        self.count = 0

    def apply(self, applications: tuple[Application, ...]) -> None:
        """T ← U T."""
        for application in applications:
            application(self.here[: self.count], self.there[: self.count])
            self.here, self.there = self.there, self.here

    def insert(self, insertion: Insertion, generators: Tensor, psi: Tensor, qubits: tuple[int, ...]) -> None:
        """A_p ψ of a block's parameters: fresh ones behind the others, the rest added where they belong."""
        fresh = insertion.fresh
        if fresh:
            free = self.here[self.count : self.count + fresh]
            apply_each(generators[:fresh], psi, qubits, out=free)
        if insertion.rows:
            added = self.here.new_empty(len(insertion.rows), *psi.shape)
            apply_each(generators[fresh:], psi, qubits, out=added)
            self.here.index_add_(0, kept_index_tensor(insertion.rows, psi.device), added)
        self.count += fresh

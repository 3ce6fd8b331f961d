"""The compiled sweeps (`sweeps.c`), and which programs they take.

On short states torch spends its time on calls, not on arithmetic; there the same sweeps run in one call each,
eight contexts side by side in a vector register, or eight tangents of one context. Projected tangents need
not even be stored: their products are all that leaves the cache. What is not compiled, on a GPU, in complex64
or wider goes through torch, with the same results to rounding.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.angles import angle_jacobian, angles_of, joined
from qgeo.simulate.compiled.layout import LANES, ROTATION_NUMBERS, CCircuit, CDestination, CTangentOrder
from qgeo.simulate.compiled.library import in_threads, library, workspaces
from qgeo.simulate.compiled.operations import Operations, operations_of
from qgeo.simulate.compiled.tangent_order import TangentOrder, tangent_order
from qgeo.simulate.constants import constants
from qgeo.simulate.meeting import Frame

MOST_QUBITS = 14
"""Widest circuit whose states go through the kernel; beyond it dense products in torch win."""

FEWEST_CONTEXTS = 4
"""With fewer, lanes are better filled with tangents than with contexts."""

MOST_QUBITS_TOGETHER = 11
"""Widest circuit whose tangents move eight contexts at a time; beyond it those of one context fit a cache."""

MOST_QUBITS_ALONE = 10
"""Widest circuit whose single state is faster with idle lanes than through torch."""

_WORTH_A_THREAD = 400_000  # amplitudes moved by one thread: some tenths of a millisecond


@dataclass(frozen=True, eq=False)
class Point:
    """Angles, shared (m,) and by context (B, m'), and all parameters that they come from, (B, P + d)."""

    shared: Tensor
    by_context: Tensor
    parameters: Tensor


def point_at(program: Program, values: Tensor, inputs: Tensor) -> Point:
    """From values (P,) and inputs (B, d)."""
    angles = angles_of(program, values, inputs, torch.complex128)
    return Point(*angles, joined(values, inputs).to(torch.float64))


@dataclass(frozen=True, eq=False)
class Kernel:
    """A program's operations, and the compiled sweeps over them. All tensors are float64 or complex128."""

    program: Program
    operations: Operations
    compiled: ctypes.CDLL

    def states(self, shared: Tensor, by_context: Tensor) -> Tensor:
        """U|0…0⟩ at shared angles (m,) and per-context ones (B, m'): (B, 2ⁿ)."""
        circuit = _Circuit(self, shared, by_context)
        psi = torch.empty(len(by_context), self.program.dimension, dtype=torch.complex128)
        parts = self._contexts(len(psi), rows=1)
        with workspaces([self._numbers(2)] * len(parts)) as own:
            calls = [(circuit.at, *part, _at(psi), room) for part, room in zip(parts, own, strict=True)]
            in_threads(self.compiled.qgeo_states, calls)
        return psi

    def gradient(
        self, shared: Tensor, by_context: Tensor, psi: Tensor, cotangent: Tensor
    ) -> tuple[Tensor, Tensor]:
        """∂L/∂angles, (m,) and (B, m'), for dL = Re⟨cotangent|dψ⟩ and final states ψ, (B, 2ⁿ) each."""
        circuit = _Circuit(self, shared, by_context)
        psi, cotangent = psi.contiguous(), cotangent.contiguous().resolve_conj()
        parts = self._contexts(len(psi), rows=2)
        sums = _zeros(len(parts), len(shared))
        found = _zeros(*circuit.by_context.shape)
        with workspaces([self._numbers(4)] * len(parts)) as own:
            calls = [
                (circuit.at, *part, *map(_at, (psi, cotangent, total, found)), room)
                for part, total, room in zip(parts, sums, own, strict=True)
            ]
            in_threads(self.compiled.qgeo_gradient, calls)
        return _summed(sums), found

    def order(self, columns: tuple[int, ...], where: Frame, count: int) -> TangentOrder:
        """Where tangents of so many contexts by these columns meet, and their rows."""
        together = count >= FEWEST_CONTEXTS and self.program.num_qubits <= MOST_QUBITS_TOGETHER
        return self._order(columns, where, 1 if together else LANES)

    def _order(self, columns: tuple[int, ...], where: Frame, width: int) -> TangentOrder:
        return tangent_order(self.program, self.operations.angles_of_step, columns, where, width)

    def tangents(self, point: Point, order: TangentOrder, room: Tensor) -> tuple[Tensor, Tensor]:
        """States (B, 2ⁿ) and rows of tangents (R, B, 2ⁿ) in the frame; `room`: where the rows are put."""
        circuit, swept = _Circuit(self, point.shared, point.by_context), _Order(self, point, order)
        rows, count = len(order.parameter_of_row), len(point.parameters)
        psi = torch.empty(count, self.program.dimension, dtype=torch.complex128)
        found = room[: rows * psi.numel()].view(rows, *psi.shape)
        parts = self._contexts(count, rows) if order.width == 1 else [(0, count)]
        with workspaces([self._numbers(len(order.bundles), walks=True)] * len(parts)) as own:
            fixed = circuit.at, swept.at
            calls = [
                (*fixed, *part, count, _at(psi), _at(found), room)
                for part, room in zip(parts, own, strict=True)
            ]
            in_threads(self.compiled.qgeo_tangents, calls)
        return psi, found

    def products(self, point: Point, columns: tuple[int, ...], num_own: int) -> tuple[Tensor, Tensor]:
        """Re⟨u_i|u_j⟩ of projected tangents u = (1 − |ψ⟩⟨ψ|)∂ψ by `columns`: the circuit's own, then data.

        Returns:
            those of the own with each other, summed over contexts, (num_own, num_own); and by context those
            of the data with all, (B, len(columns) − num_own, len(columns)).
        """
        count, num_data = len(point.parameters), len(columns) - num_own
        order = self._order(columns, "middle", 1) if num_data else self.order(columns, "middle", count)
        circuit, swept = _Circuit(self, point.shared, point.by_context), _Order(self, point, order)
        destination = CDestination(num_own, num_data, len(columns), order.parameter_of_row.ctypes.data)
        if order.width == 1:
            return self._gram_of_contexts(circuit, swept, destination)
        return self._gram_of_bundles(circuit, swept, destination), point.shared.new_zeros(count, 0, num_own)

    def _gram_of_contexts(
        self, circuit: _Circuit, swept: _Order, destination: CDestination
    ) -> tuple[Tensor, Tensor]:
        count, bundles = len(circuit.by_context), len(swept.order.bundles)
        parts = self._contexts(count, bundles)
        sums = _zeros(len(parts), destination.summed, destination.summed)
        found = _zeros(count, destination.by_context, destination.all)
        fixed = circuit.at, swept.at, ctypes.byref(destination)
        with workspaces([self._numbers(bundles + 3, walks=True)] * len(parts)) as own:
            calls = [
                (*fixed, *part, _at(total), _at(found), room)
                for part, total, room in zip(parts, sums, own, strict=True)
            ]
            in_threads(self.compiled.qgeo_gram, calls)
        return _summed(sums), found

    def _gram_of_bundles(self, circuit: _Circuit, swept: _Order, destination: CDestination) -> Tensor:
        """Context by context; bundles are dealt out to the threads, then their products."""
        bundles = len(swept.order.bundles)
        threads = self._worth(LANES * bundles, bundles)
        sums = _zeros(threads, destination.summed, destination.summed)
        fixed, at = (circuit.at, swept.at), ctypes.byref(destination)
        with workspaces([self._numbers(bundles), *[self._numbers(0, walks=True)] * threads]) as (
            shared,
            *own,
        ):
            for context in range(len(circuit.by_context)):
                sweeps = [(*fixed, context, i, threads, shared, room) for i, room in enumerate(own)]
                in_threads(self.compiled.qgeo_bundles, sweeps)
                products = [(*fixed, at, i, threads, shared, _at(total)) for i, total in enumerate(sums)]
                in_threads(self.compiled.qgeo_gram_of_bundles, products)
        return _summed(sums)

    def _contexts(self, count: int, rows: int) -> list[tuple[int, int]]:
        """First and last contexts of every thread's part, whole registers."""
        registers = -(-count // LANES)
        threads = self._worth(count * rows, registers)
        step = -(-registers // threads) * LANES
        return [(first, min(count, first + step)) for first in range(0, count, step)]

    def _worth(self, states: int, pieces: int) -> int:
        """As many threads as torch has, where moving so many states is worth it."""
        work = states * len(self.operations.table) * self.program.dimension
        return max(1, min(torch.get_num_threads(), work // _WORTH_A_THREAD, pieces))

    def _numbers(self, states: int, *, walks: bool = False) -> int:
        """Of a room for so many states of a register, a walker's too if one `walks`, and all rotations."""
        states += 2 + self.operations.num_phases if walks else 0
        return states * self.program.dimension * 2 * LANES + ROTATION_NUMBERS * len(self.operations.table)


class _Circuit:
    """The structure that the sweeps read, and the arrays whose addresses it holds."""

    def __init__(self, kernel: Kernel, shared: Tensor, by_context: Tensor) -> None:
        own = kernel.operations
        self.shared, self.by_context = shared.contiguous(), by_context.contiguous()
        self._fields = CCircuit(
            *(kernel.program.num_qubits, len(own.table), len(own.steps), own.num_phases),
            *(len(shared), by_context.shape[1]),
            *(part.ctypes.data for part in (own.table, own.steps, own.numbers, own.indices)),
            *map(_at, (self.shared, self.by_context)),
        )
        self.at: Any = ctypes.byref(self._fields)


class _Order:
    """The same of a tangent order and its slopes."""

    def __init__(self, kernel: Kernel, point: Point, order: TangentOrder) -> None:
        table, parameters = constants(kernel.program, torch.complex128, point.shared.device), point.parameters
        by_context = angle_jacobian(table.per_context, parameters).slopes[..., order.by_context]
        self.order = order
        self._shared = angle_jacobian(table.shared, parameters[0]).slopes[order.shared].contiguous()
        self._by_context = by_context.expand(len(parameters), -1).contiguous()
        self._fields = CTangentOrder(
            *(order.frame, order.width, len(order.bundles), order.forward),
            *(len(self._shared), self._by_context.shape[1]),
            *(part.ctypes.data for part in (order.bundles, order.first_entry, order.row_of_entry)),
            *map(_at, (self._shared, self._by_context)),
        )
        self.at: Any = ctypes.byref(self._fields)


@lru_cache(maxsize=256)
def kernel_of(program: Program) -> Kernel | None:
    """The kernel for a program, or None where it is too wide, no product of Pauli rotations, or not built."""
    compiled = library()
    if compiled is None or program.num_qubits > MOST_QUBITS:
        return None
    operations = operations_of(program)
    return None if operations is None else Kernel(program, operations, compiled)


def kernel_for(program: Program, dtype: torch.dtype, device: torch.device) -> Kernel | None:
    """The kernel, where it takes states of this type on this device."""
    if dtype != torch.complex128 or device.type != "cpu":
        return None
    return kernel_of(program)


def _zeros(*shape: int) -> Tensor:
    """By numpy: after a loop of its own torch's threads spin for a while, on cores that ours need."""
    return torch.from_numpy(np.zeros(shape))


def _summed(parts: Tensor) -> Tensor:
    """Σ of what each thread found."""
    return torch.from_numpy(parts.numpy().sum(0))


def _at(tensor: Tensor) -> int:
    return tensor.data_ptr()

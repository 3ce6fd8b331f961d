"""The compiled sweeps (`sweeps.c`), called with workspaces and in threads, and which programs they take.

Eight contexts lie side by side in a vector register, or eight tangents of one context. Projected tangents
need not even be stored: their products are all that leaves the cache.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.compiled.bound import BoundCircuit, BoundOrder, address
from qgeo.simulate.compiled.layout import LANES, ROTATION_NUMBERS, CDestination
from qgeo.simulate.compiled.library import in_threads, library, workspaces
from qgeo.simulate.compiled.operations import Operations, operations_of
from qgeo.simulate.compiled.tangent_order import TangentOrder, tangent_order
from qgeo.simulate.meeting import Frame

MOST_QUBITS = 14
"""Widest circuit whose states go through the kernel (benchmarks/NOTES.md, "a bundle of tangents"); beyond it
dense products in torch win."""

FEWEST_CONTEXTS = 4
"""With fewer, lanes are better filled with tangents than with contexts: half of a register, chosen."""

MOST_QUBITS_TOGETHER = 11
"""Widest circuit whose tangents move eight contexts at a time; beyond it those of one context fit a cache
(benchmarks/NOTES.md, "tangents of eight contexts together")."""

_WORTH_A_THREAD = 400_000  # amplitudes moved by one thread, chosen: some tenths of a millisecond


@dataclass(frozen=True, eq=False)
class Kernel:
    """A program's operations, and the compiled sweeps over them. All tensors are float64 or complex128."""

    program: Program
    operations: Operations
    compiled: ctypes.CDLL

    def bound(self, shared: Tensor, by_context: Tensor) -> BoundCircuit:
        """The circuit at shared angles (m,) and per-context ones (B, m')."""
        return BoundCircuit(self.program.num_qubits, self.operations, shared, by_context)

    def bound_order(self, order: TangentOrder, parameters: Tensor) -> BoundOrder:
        """The order at all parameters of each context, (B, P + d)."""
        return BoundOrder(self.program, order, parameters)

    def states(self, circuit: BoundCircuit) -> Tensor:
        """U|0…0⟩, (B, 2ⁿ)."""
        psi = torch.empty(circuit.num_contexts, self.program.dimension, dtype=torch.complex128)
        parts = self._contexts(len(psi), rows=1)
        with workspaces([self._numbers(2)] * len(parts)) as memory:
            calls = [(circuit.at, *part, address(psi), at) for part, at in zip(parts, memory, strict=True)]
            in_threads(self.compiled.qgeo_states, calls)
        return psi

    def gradient(self, circuit: BoundCircuit, psi: Tensor, cotangent: Tensor) -> tuple[Tensor, Tensor]:
        """∂L/∂angles, (m,) and (B, m'), for dL = Re⟨cotangent|dψ⟩ and final states ψ, (B, 2ⁿ) each."""
        psi, cotangent = psi.contiguous(), cotangent.contiguous().resolve_conj()
        parts = self._contexts(len(psi), rows=2)
        sums, by_context = _zeros(len(parts), len(circuit.shared)), _zeros(*circuit.by_context.shape)
        with workspaces([self._numbers(4)] * len(parts)) as memory:
            calls = [
                (circuit.at, *part, *map(address, (psi, cotangent, total, by_context)), at)
                for part, total, at in zip(parts, sums, memory, strict=True)
            ]
            in_threads(self.compiled.qgeo_gradient, calls)
        return _summed(sums), by_context

    def order(self, columns: tuple[int, ...], frame: Frame, count: int) -> TangentOrder:
        """Where tangents of so many contexts by these columns meet, and their rows."""
        together = count >= FEWEST_CONTEXTS and self.program.num_qubits <= MOST_QUBITS_TOGETHER
        return self._order(columns, frame, 1 if together else LANES)

    def _order(self, columns: tuple[int, ...], frame: Frame, width: int) -> TangentOrder:
        return tangent_order(self.program, self.operations.angles_of_step, columns, frame, width)

    def order_of_products(self, columns: tuple[int, ...], num_summed: int, count: int) -> TangentOrder:
        """The same in the middle; products that are kept by context need contexts in the lanes."""
        if num_summed < len(columns):
            return self._order(columns, "middle", 1)
        return self.order(columns, "middle", count)

    def tangents(self, circuit: BoundCircuit, bound: BoundOrder, workspace: Tensor) -> tuple[Tensor, Tensor]:
        """States (B, 2ⁿ) and rows of tangents (R, B, 2ⁿ) in the frame, the rows in `workspace`."""
        order, count = bound.order, circuit.num_contexts
        psi = torch.empty(count, self.program.dimension, dtype=torch.complex128)
        rows = len(order.parameter_of_row)
        tangents = workspace[: rows * psi.numel()].view(rows, *psi.shape)
        parts = self._contexts(count, rows) if order.width == 1 else [(0, count)]
        with workspaces([self._numbers(len(order.bundles), propagated=True)] * len(parts)) as memory:
            calls = [
                (circuit.at, bound.at, *part, count, address(psi), address(tangents), at)
                for part, at in zip(parts, memory, strict=True)
            ]
            in_threads(self.compiled.qgeo_tangents, calls)
        return psi, tangents

    def products(
        self, circuit: BoundCircuit, bound: BoundOrder, num_columns: int, num_summed: int
    ) -> tuple[Tensor, Tensor]:
        """Re⟨u_i|u_j⟩ of projected tangents u = (1 − |ψ⟩⟨ψ|)∂ψ, `bound` to an `order_of_products`.

        Returns:
            those of the first columns with each other, summed over contexts, (num_summed, num_summed); and
            by context those of the others, the data, with all, (B, num_columns − num_summed, num_columns).
        """
        parameters = bound.order.parameter_of_row.ctypes.data
        to = CDestination(num_summed, num_columns - num_summed, num_columns, parameters)
        if bound.order.width == 1:
            return self._gram_of_contexts(circuit, bound, to)
        none = circuit.shared.new_zeros(circuit.num_contexts, 0, num_summed)
        return self._gram_of_bundles(circuit, bound, to), none

    def _gram_of_contexts(
        self, circuit: BoundCircuit, bound: BoundOrder, to: CDestination
    ) -> tuple[Tensor, Tensor]:
        count, bundles = circuit.num_contexts, len(bound.order.bundles)
        parts = self._contexts(count, bundles)
        sums, by_context = _zeros(len(parts), to.summed, to.summed), _zeros(count, to.by_context, to.all)
        fixed = circuit.at, bound.at, ctypes.byref(to)
        with workspaces([self._numbers(bundles + 3, propagated=True)] * len(parts)) as memory:
            calls = [
                (*fixed, *part, address(total), address(by_context), at)
                for part, total, at in zip(parts, sums, memory, strict=True)
            ]
            in_threads(self.compiled.qgeo_gram, calls)
        return _summed(sums), by_context

    def _gram_of_bundles(self, circuit: BoundCircuit, bound: BoundOrder, to: CDestination) -> Tensor:
        """Context by context; bundles are dealt out to the threads, then their products."""
        bundles = len(bound.order.bundles)
        threads = self._worth(LANES * bundles, bundles)
        sums = _zeros(threads, to.summed, to.summed)
        fixed, destination = (circuit.at, bound.at), ctypes.byref(to)
        numbers = [self._numbers(bundles), *[self._numbers(0, propagated=True)] * threads]
        with workspaces(numbers) as (shared, *memory):
            for context in range(circuit.num_contexts):
                sweeps = [(*fixed, context, i, threads, shared, at) for i, at in enumerate(memory)]
                in_threads(self.compiled.qgeo_bundles, sweeps)
                products = [
                    (*fixed, destination, i, threads, shared, address(total)) for i, total in enumerate(sums)
                ]
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

    def _numbers(self, states: int, *, propagated: bool = False) -> int:
        """Of a workspace for so many states of a register, a propagated one's too, and all rotations."""
        states += 2 + self.operations.num_phases if propagated else 0
        return states * self.program.dimension * 2 * LANES + ROTATION_NUMBERS * len(self.operations.table)


@lru_cache(maxsize=256)
def kernel_of(program: Program) -> Kernel | None:
    """The kernel for a program, or None where it is too wide, no product of Pauli rotations, or not built."""
    compiled = library()
    if compiled is None or program.num_qubits > MOST_QUBITS:
        return None
    operations = operations_of(program)
    return None if operations is None else Kernel(program, operations, compiled)


def _zeros(*shape: int) -> Tensor:
    """By numpy: after a loop of its own torch's threads spin for a while, on cores that ours need
    (benchmarks/NOTES.md, "sums by numpy")."""
    return torch.from_numpy(np.zeros(shape))


def _summed(parts: Tensor) -> Tensor:
    """Σ of what each thread added up."""
    return torch.from_numpy(parts.numpy().sum(0))

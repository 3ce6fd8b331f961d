"""The compiled sweeps (`kernel.c`), and which programs they take.

Up to `MOST_QUBITS` qubits torch spends its time on calls, not on arithmetic; there the same sweeps run in
one call each, eight contexts side by side in a vector register. What is not compiled, on a GPU, in complex64,
wider or for fewer contexts goes through torch, with the same results to rounding.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.util import find_spec

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.angles import angle_jacobian
from qgeo.simulate.constants import constants
from qgeo.simulate.operations import Operations, operations_of
from qgeo.simulate.plan import Frame
from qgeo.simulate.tangent_order import TangentOrder, tangent_order

LANES = 8
"""Contexts side by side: those of one vector register."""

MOST_QUBITS = 8
"""Widest circuit whose states go through the kernel; beyond it dense products win."""

FEWEST_CONTEXTS = 4
"""With fewer, most of a register would be idle."""

_WORTH_A_THREAD = 400_000  # amplitudes moved by one thread: some tenths of a millisecond

Sweep = Callable[[int, int, int], None]
"""From first context, last context and the address of a thread's room to nothing; fills arrays."""


class _Circuit(ctypes.Structure):
    """`circuit` of kernel.c."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("num_qubits", "num_operations", "num_shared")),
        *((name, ctypes.c_int64) for name in ("num_by_context", "shared_entries", "context_entries")),
        *((name, ctypes.c_void_p) for name in ("operations", "numbers", "indices", "shared", "by_context")),
        *((name, ctypes.c_void_p) for name in ("first_entry", "row_of_entry")),
        *((name, ctypes.c_void_p) for name in ("shared_slopes", "context_slopes")),
    )


@dataclass(frozen=True, eq=False)
class Kernel:
    """A program's operations, and the compiled sweeps over them. All tensors are float64 or complex128."""

    program: Program
    operations: Operations
    compiled: ctypes.CDLL

    def states(self, shared: Tensor, by_context: Tensor) -> Tensor:
        """U|0…0⟩ at shared angles (m,) and per-context ones (B, m'): (B, 2ⁿ)."""
        angles = shared.contiguous(), by_context.contiguous()
        circuit = self._circuit(*angles)
        psi = torch.empty(len(by_context), self.program.dimension, dtype=torch.complex128)

        def sweep(first: int, last: int, room: int) -> None:
            self.compiled.qgeo_states(ctypes.byref(circuit), first, last, _address(psi), room)

        self._run(sweep, len(psi), rows=1)
        return psi

    def gradient(
        self, shared: Tensor, by_context: Tensor, psi: Tensor, cotangent: Tensor
    ) -> tuple[Tensor, Tensor]:
        """∂L/∂angles, (m,) and (B, m'), for dL = Re⟨cotangent|dψ⟩ and final states ψ, (B, 2ⁿ) each."""
        angles = shared.contiguous(), by_context.contiguous()
        circuit = self._circuit(*angles)
        psi, cotangent = psi.contiguous(), cotangent.contiguous().resolve_conj()
        found = torch.zeros_like(angles[1])
        parts: list[Tensor] = []

        def sweep(first: int, last: int, room: int) -> None:
            part = torch.zeros_like(angles[0])
            places = map(_address, (psi, cotangent, part, found))
            self.compiled.qgeo_gradient(ctypes.byref(circuit), first, last, *places, room)
            parts.append(part)

        self._run(sweep, len(psi), rows=3)
        return torch.stack(parts).sum(0), found

    def order(self, columns: tuple[int, ...], where: Frame) -> TangentOrder:
        """Where tangents by these columns meet, and their rows."""
        return tangent_order(self.program, self._angle_of_operation, columns, where)

    def tangents(
        self, shared: Tensor, by_context: Tensor, point: Tensor, order: TangentOrder, room: Tensor
    ) -> tuple[Tensor, Tensor]:
        """States (B, 2ⁿ) and rows of tangents (R, B, 2ⁿ) in the frame.

        Args:
            shared, by_context: angles; point: (B, P + d), all parameters; room: where the rows are put.
        """
        table = constants(self.program, torch.complex128, shared.device)
        slopes = angle_jacobian(table.shared, point[0]).slopes[order.shared].contiguous()
        by_point = angle_jacobian(table.per_context, point).slopes[..., order.by_context]
        context_slopes = by_point.expand(len(point), -1).contiguous()
        angles = shared.contiguous(), by_context.contiguous()
        circuit = self._circuit(*angles, order, slopes, context_slopes)
        rows, count = len(order.parameter_of_row), len(point)
        psi = torch.empty(count, self.program.dimension, dtype=torch.complex128)
        found = room[: rows * psi.numel()].view(rows, *psi.shape)
        sides = order.ahead.ctypes.data, order.behind.ctypes.data

        def sweep(first: int, last: int, room: int) -> None:
            places = (order.frame, rows, *sides, count, _address(psi), _address(found))
            self.compiled.qgeo_tangents(ctypes.byref(circuit), first, last, *places, room)

        self._run(sweep, count, rows=rows)
        return psi, found

    @cached_property
    def _angle_of_operation(self) -> tuple[int, ...]:
        return tuple(self.operations.angle.tolist())

    def _circuit(
        self,
        shared: Tensor,
        by_context: Tensor,
        order: TangentOrder | None = None,
        slopes: Tensor | None = None,
        context_slopes: Tensor | None = None,
    ) -> _Circuit:
        """The structure that the sweeps read; it holds addresses, so that its arrays have to outlive it."""
        own = self.operations
        entries = [0 if part is None else part.shape[-1] for part in (slopes, context_slopes)]
        constant = (part.ctypes.data for part in (own.table, own.numbers, own.indices))
        sparse = (None, None) if order is None else (order.first_entry, order.row_of_entry)
        return _Circuit(
            self.program.num_qubits,
            len(own.table),
            len(shared),
            by_context.shape[1],
            *entries,
            *constant,
            *map(_address, (shared, by_context)),
            *(None if part is None else part.ctypes.data for part in sparse),
            *(None if part is None else _address(part) for part in (slopes, context_slopes)),
        )

    def _run(self, sweep: Sweep, count: int, rows: int) -> None:
        """The sweep over `count` contexts, cut into as many threads as torch has where that is worth it."""
        work = count * rows * len(self.operations.table) * self.program.dimension
        threads = max(1, min(torch.get_num_threads(), work // _WORTH_A_THREAD, -(-count // LANES)))
        step = -(-count // (LANES * threads)) * LANES
        parts = [(first, min(count, first + step)) for first in range(0, count, step)]
        size = (rows + 3) * self.program.dimension * 2 * LANES
        rooms = [torch.empty(size, dtype=torch.float64) for _ in parts]
        waiting = [
            _threads(os.getpid()).submit(sweep, *part, _address(room))
            for part, room in zip(parts[1:], rooms[1:], strict=True)
        ]
        sweep(*parts[0], _address(rooms[0]))
        for other in waiting:
            other.result()


@lru_cache(maxsize=256)
def kernel_of(program: Program) -> Kernel | None:
    """The kernel for a program, or None where it is too wide, no product of Pauli rotations, or not built."""
    compiled = library()
    if compiled is None or program.num_qubits > MOST_QUBITS:
        return None
    operations = operations_of(program)
    return None if operations is None else Kernel(program, operations, compiled)


def kernel_for(program: Program, count: int, dtype: torch.dtype, device: torch.device) -> Kernel | None:
    """The kernel, where it takes so many contexts of this type on this device."""
    if count < FEWEST_CONTEXTS or dtype != torch.complex128 or device.type != "cpu":
        return None
    return kernel_of(program)


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL | None:
    """The compiled sweeps, or None where they were not built: no C compiler at installation."""
    found = find_spec("qgeo.simulate._kernel")
    if found is None or found.origin is None:
        return None
    compiled = ctypes.CDLL(found.origin)
    number, address = ctypes.c_int64, ctypes.c_void_p
    compiled.qgeo_states.argtypes = (address, number, number, address, address)
    compiled.qgeo_gradient.argtypes = (address, number, number, *[address] * 5)
    compiled.qgeo_tangents.argtypes = (
        *(address, number, number, number, number),
        *(address, address, number, address, address, address),
    )
    for function in (compiled.qgeo_states, compiled.qgeo_gradient, compiled.qgeo_tangents):
        function.restype = None
    return compiled


@lru_cache(maxsize=1)
def _threads(process: int) -> ThreadPoolExecutor:
    """Threads of this process: a fork starts without any."""
    del process
    return ThreadPoolExecutor(torch.get_num_threads(), thread_name_prefix="qgeo")


def _address(tensor: Tensor) -> int:
    return tensor.data_ptr()

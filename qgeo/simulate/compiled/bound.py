"""What the sweeps read at a point: structures, and the arrays whose addresses they hold."""

from __future__ import annotations

import ctypes
from typing import Any

from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.angle_tables import angle_tables
from qgeo.simulate.angles import angle_jacobian
from qgeo.simulate.compiled.layout import CCircuit, CTangentOrder
from qgeo.simulate.compiled.operations import Operations
from qgeo.simulate.compiled.tangent_order import TangentOrder


class BoundCircuit:
    """A circuit at its shared angles (m,) and those by context (B, m')."""

    def __init__(self, num_qubits: int, operations: Operations, shared: Tensor, by_context: Tensor) -> None:
        self.shared, self.by_context = shared.contiguous(), by_context.contiguous()
        self._fields = CCircuit(
            *(num_qubits, len(operations.table), len(operations.steps), operations.num_phases),
            *(len(shared), by_context.shape[1]),
            *operations.addresses,
            *map(address, (self.shared, self.by_context)),
        )
        self.at: Any = ctypes.byref(self._fields)

    @property
    def num_contexts(self) -> int:
        return len(self.by_context)


class BoundOrder:
    """A tangent order, and the slopes ∂a/∂p at all parameters of each context, (B, P + d)."""

    def __init__(self, program: Program, order: TangentOrder, parameters: Tensor) -> None:
        tables = angle_tables(program, parameters.device)
        by_context = angle_jacobian(tables.by_context, parameters).slopes[..., order.by_context]
        self.order = order
        self._shared = angle_jacobian(tables.shared, parameters[0]).slopes[order.shared].contiguous()
        self._by_context = by_context.expand(len(parameters), -1).contiguous()
        self._fields = CTangentOrder(
            *(order.frame, order.width, len(order.bundles), order.forward),
            *(len(self._shared), self._by_context.shape[1]),
            *order.addresses,
            *map(address, (self._shared, self._by_context)),
        )
        self.at: Any = ctypes.byref(self._fields)


def address(tensor: Tensor) -> int:
    """Of a contiguous tensor's first number."""
    return tensor.data_ptr()

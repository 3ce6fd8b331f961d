"""What the sweeps read at a point: structures, and the arrays whose addresses they hold."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.angle_tables import angle_tables
from qgeo.simulate.angles import angle_jacobian, joined
from qgeo.simulate.compiled.layout import CCircuit, CTangentOrder
from qgeo.simulate.compiled.operations import Operations
from qgeo.simulate.compiled.tangent_order import TangentOrder


class BoundCircuit:
    """A circuit at its shared angles (m,) and those by context (B, m')."""

    def __init__(
        self,
        program: Program,
        operations: Operations,
        shared: Tensor,
        by_context: Tensor,
        *,
        contexts_in_lanes: bool,
    ) -> None:
        self.shared, self.by_context = shared.contiguous(), by_context.contiguous()
        self.operations, self.contexts_in_lanes = operations, contexts_in_lanes
        self.num_contexts = by_context.shape[0]
        self._fields = CCircuit.from_buffer_copy(_template(program, operations, contexts_in_lanes))
        self._fields.shared, self._fields.by_context = address(self.shared), address(self.by_context)
        self.at: Any = ctypes.byref(self._fields)
        self.address = ctypes.addressof(self._fields)


@lru_cache(maxsize=512)
def _template(program: Program, operations: Operations, contexts_in_lanes: bool) -> CCircuit:
    """The structure of a circuit without its angles: a copy costs a tenth of making it."""
    return CCircuit(
        *(program.num_qubits, contexts_in_lanes, len(operations.table), len(operations.steps)),
        *(operations.num_phases, operations.num_vectors),
        *(program.num_shared_angles, len(program.angles) - program.num_shared_angles),
        *(operations.start.real, operations.start.imag),
        *operations.addresses,
        *(None, None),
    )


class BoundOrder:
    """A tangent order with the slopes ∂a/∂p of its entries: shared (E,), by context (B, E')."""

    def __init__(self, order: TangentOrder, shared: Tensor, by_context: Tensor) -> None:
        self.order = order
        self._shared, self._by_context = shared.contiguous(), by_context.contiguous()
        self._fields = CTangentOrder(
            *(order.frame, len(order.rows), order.forward),
            *(self._shared.shape[0], self._by_context.shape[1]),
            *order.addresses,
            *map(address, (self._shared, self._by_context)),
        )
        self.at: Any = ctypes.byref(self._fields)
        self.address = ctypes.addressof(self._fields)


def bound_order(program: Program, order: TangentOrder, values: Tensor, inputs: Tensor) -> BoundOrder:
    """The order at values (P,) and inputs (B, d)."""
    tables = angle_tables(program, values.device)
    if not tables.shared.curved_slopes and not tables.by_context.curved_slopes:
        return _bound_anywhere(program, order)
    parameters = joined(values, inputs).to(torch.float64)
    shared = angle_jacobian(tables.shared, parameters[0]).slopes[order.shared]
    by_context = angle_jacobian(tables.by_context, parameters).slopes[..., order.by_context]
    return BoundOrder(order, shared, by_context.expand(len(parameters), -1))


@lru_cache(maxsize=256)
def _bound_anywhere(program: Program, order: TangentOrder) -> BoundOrder:
    """Where all angles are affine, slopes are numbers, the same in all contexts."""
    tables = angle_tables(program, torch.device("cpu"))
    slopes = tables.shared.coefficients[order.shared], tables.by_context.coefficients[order.by_context]
    return BoundOrder(order, torch.cat(slopes), torch.empty(1, 0, dtype=torch.float64))


def address(tensor: Tensor) -> int:
    """Of a contiguous tensor's first number."""
    return tensor.data_ptr()

"""The compiled engine: a program at values and inputs, by its kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from qgeo.simulate.angles import angles_of, joined
from qgeo.simulate.compiled.bound import BoundCircuit
from qgeo.simulate.compiled.kernel import Kernel
from qgeo.simulate.compiled.tangent_order import TangentOrder
from qgeo.simulate.meeting import Frame
from qgeo.simulate.tangent_rows import TangentProducts, Tangents


@dataclass(frozen=True, eq=False)
class CompiledEngine:
    """An `Engine`; `values` (P,), `inputs` (B, d)."""

    kernel: Kernel
    values: Tensor
    inputs: Tensor

    @cached_property
    def circuit(self) -> BoundCircuit:
        """The program at its angles."""
        with torch.no_grad():
            return self.kernel.bound(*angles_of(self.kernel.program, self.values, self.inputs))

    @property
    def parameters(self) -> Tensor:
        """(B, P + d) float64: all parameters of each context."""
        return joined(self.values, self.inputs).to(torch.float64)

    def states(self) -> Tensor:
        """See `Engine`."""
        return self.kernel.states(self.circuit)

    def gradient(self, psi: Tensor, cotangent: Tensor, *, data_too: bool) -> tuple[Tensor, Tensor | None]:
        """See `Engine`."""
        shared, by_context = self.kernel.gradient(self.circuit, psi, cotangent)
        return shared, by_context if data_too else None

    def tangents(self, columns: tuple[int, ...], frame: Frame) -> CompiledSweep:
        """See `Engine`."""
        return CompiledSweep(self, self.kernel.order(columns, frame, len(self.inputs)), len(columns))

    @torch.no_grad()
    def products(self, columns: tuple[int, ...], num_summed: int, tiles: Sequence[slice]) -> TangentProducts:
        """See `Engine`; tangents are never stored."""
        del tiles
        order = self.kernel.order_of_products(columns, num_summed, len(self.inputs))
        bound = self.kernel.bound_order(order, self.parameters)
        return TangentProducts(*self.kernel.products(self.circuit, bound, len(columns), num_summed))


@dataclass(frozen=True, eq=False)
class CompiledSweep:
    """A `TangentSweep`; `count` parameters were chosen."""

    engine: CompiledEngine
    order: TangentOrder
    count: int

    @torch.no_grad()
    def of(self, contexts: slice = slice(None), workspace: Tensor | None = None) -> Tangents:
        """See `TangentSweep`."""
        kernel, inputs = self.engine.kernel, self.engine.inputs[contexts]
        at = self.engine if len(inputs) == len(self.engine.inputs) else self._some(inputs)
        memory = self.workspace(len(inputs)) if workspace is None else workspace
        bound = kernel.bound_order(self.order, at.parameters)
        psi, rows = kernel.tangents(at.circuit, bound, memory)
        return Tangents(psi, rows, tuple(self.order.parameter_of_row.tolist()), self.count)

    def workspace(self, contexts: int) -> Tensor:
        """See `TangentSweep`."""
        size = len(self.order.parameter_of_row) * contexts * self.engine.kernel.program.dimension
        return torch.empty(size, dtype=torch.complex128)

    def _some(self, inputs: Tensor) -> CompiledEngine:
        return CompiledEngine(self.engine.kernel, self.engine.values, inputs)

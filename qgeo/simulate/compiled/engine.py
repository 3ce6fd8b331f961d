"""The compiled engine: a program at values and inputs, by its kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from qgeo.simulate.angles import angles_of
from qgeo.simulate.compiled.bound import BoundCircuit, bound_order
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
        return self._bound("end")

    def _bound(self, frame: Frame) -> BoundCircuit:
        program = self.kernel.program
        if not torch.is_grad_enabled():  # as in a torch function: the context costs a microsecond
            return self.kernel.bound(frame, *angles_of(program, self.values, self.inputs))
        with torch.no_grad():
            return self.kernel.bound(frame, *angles_of(program, self.values, self.inputs))

    def states(self) -> Tensor:
        """See `Engine`."""
        return self.kernel.states(self.circuit)

    def probabilities(self) -> tuple[Tensor, Tensor]:
        """See `Engine`."""
        return self.kernel.probabilities(self.circuit)

    def probability_gradient(
        self, states: Tensor, weights: Tensor, *, data_too: bool
    ) -> tuple[Tensor, Tensor | None]:
        """See `Engine`."""
        shared, by_context = self.kernel.probability_gradient(self.circuit, states, weights)
        return shared, by_context if data_too else None

    def gradient(self, psi: Tensor, cotangent: Tensor, *, data_too: bool) -> tuple[Tensor, Tensor | None]:
        """See `Engine`."""
        shared, by_context = self.kernel.gradient(self.circuit, psi, cotangent)
        return shared, by_context if data_too else None

    def tangents(self, columns: tuple[int, ...], frame: Frame) -> CompiledSweep:
        """See `Engine`."""
        return CompiledSweep(self, self.kernel.order(columns, frame), frame, len(columns))

    @torch.no_grad()
    def products(self, columns: tuple[int, ...], num_summed: int, tiles: Sequence[slice]) -> TangentProducts:
        """See `Engine`; tangents are never stored."""
        del tiles
        order = self.kernel.order(columns, "middle")
        bound = bound_order(self.kernel.program, order, self.values, self.inputs)
        circuit = self._bound("middle")
        return TangentProducts(*self.kernel.quantum_products(circuit, bound, len(columns), num_summed))

    @torch.no_grad()
    def bitstring_products(self, columns: tuple[int, ...], least: float) -> Tensor:
        """Σ over contexts and basis states y of ∂_ip(y) ∂_jp(y)/p(y), (P, P); tangents are never stored.

        `least`: an amplitude of at most so many times its context's largest is left out.
        """
        order = self.kernel.order(columns, "end")
        bound = bound_order(self.kernel.program, order, self.values, self.inputs)
        return self.kernel.classical_products(self.circuit, bound, len(columns), least)


@dataclass(frozen=True, eq=False)
class CompiledSweep:
    """A `TangentSweep`; `count` parameters were chosen."""

    engine: CompiledEngine
    order: TangentOrder
    frame: Frame
    count: int

    @torch.no_grad()
    def of(self, contexts: slice = slice(None), workspace: Tensor | None = None) -> Tangents:
        """See `TangentSweep`."""
        kernel, inputs = self.engine.kernel, self.engine.inputs[contexts]
        at = CompiledEngine(kernel, self.engine.values, inputs)
        memory = self.workspace(len(inputs)) if workspace is None else workspace
        bound = bound_order(kernel.program, self.order, self.engine.values, inputs)
        psi, rows = kernel.tangents(at._bound(self.frame), bound, memory)
        return Tangents(psi, rows, tuple(self.order.parameter_of_row.tolist()), self.count)

    def workspace(self, contexts: int) -> Tensor:
        """See `TangentSweep`."""
        size = len(self.order.parameter_of_row) * contexts * self.engine.kernel.program.dimension
        return torch.empty(size, dtype=self.engine.kernel.sweeps.dtype)

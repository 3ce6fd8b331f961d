"""The dense engine: a program at values and inputs, through torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.angles import angles_of, joined
from qgeo.simulate.dense.adjoint import adjoint_gradient
from qgeo.simulate.dense.applied import AppliedGates, applied_gates, zero_state
from qgeo.simulate.dense.directional import directional_tangent, generator_variances
from qgeo.simulate.dense.route import tangent_route
from qgeo.simulate.dense.sweep import DenseSweep
from qgeo.simulate.meeting import Frame
from qgeo.simulate.projection import projected_gram, projected_tangents, real_rows
from qgeo.simulate.tangent_rows import TangentProducts, Tangents


@dataclass(frozen=True, eq=False)
class DenseEngine:
    """An `Engine`, and the two sweeps of products that are never written down.

    Attributes:
        values: (P,); inputs: (B, d), (1, 0) without data; dtype: complex type of the states.
    """

    program: Program
    values: Tensor
    inputs: Tensor
    dtype: torch.dtype

    @cached_property
    def gates(self) -> AppliedGates:
        """The program's blocks at its angles: made once for all that is asked."""
        with torch.no_grad():
            return applied_gates(self.program, *angles_of(self.program, self.values, self.inputs), self.dtype)

    def states(self) -> Tensor:
        """See `Engine`."""
        psi = zero_state(self.program, len(self.inputs), self.dtype, self.values.device)
        spare = torch.empty_like(psi)
        for gate in self.gates.all:
            psi, spare = gate.apply(psi, out=spare), psi
        return psi

    def gradient(self, psi: Tensor, cotangent: Tensor, *, data_too: bool) -> tuple[Tensor, Tensor | None]:
        """See `Engine`."""
        return adjoint_gradient(self.gates, psi, cotangent, data_too=data_too)

    def probabilities(self) -> tuple[Tensor, Tensor]:
        """See `Engine`; the states are (B, 2ⁿ)."""
        psi = self.states()
        return psi.real.square() + psi.imag.square(), psi

    def probability_gradient(
        self, states: Tensor, weights: Tensor, *, data_too: bool
    ) -> tuple[Tensor, Tensor | None]:
        """See `Engine`: dp = 2 Re ψ* dψ."""
        return self.gradient(states, 2 * weights * states, data_too=data_too)

    @torch.no_grad()
    def tangents(self, columns: tuple[int, ...], frame: Frame) -> DenseSweep:
        """See `Engine`."""
        route = tangent_route(self.program, columns, frame)
        return DenseSweep(self.gates, route, joined(self.values, self.inputs), len(columns))

    @torch.no_grad()
    def products(self, columns: tuple[int, ...], num_summed: int, tiles: Sequence[slice]) -> TangentProducts:
        """See `Engine`."""
        sweep = self.tangents(columns, "middle")
        workspace = None if len(tiles) == 1 else sweep.workspace(tiles[0].stop)
        parts = [_products(sweep.of(tile, workspace), num_summed) for tile in tiles]
        summed = torch.stack([part.summed for part in parts]).sum(0)
        return TangentProducts(summed, torch.cat([part.by_context for part in parts]))

    def directional_tangent(self, along_values: Tensor, along_inputs: Tensor) -> Tensor:
        """J v at the end of the circuit, (B, 2ⁿ), along (P,) and (B, d)."""
        return directional_tangent(self.gates, self.values, self.inputs, along_values, along_inputs)

    def rotation_variances(self) -> tuple[Tensor, Tensor]:
        """F_Q of every rotation's angle alone, mean over contexts, shared (m,) and by context (m',)."""
        return generator_variances(self.gates, len(self.inputs))


def _products(tangents: Tangents, num_summed: int) -> TangentProducts:
    """From tangents that are held; one side of a product has to be projected."""
    states = tangents.states
    if num_summed == tangents.count:
        summed = tangents.folded(projected_gram(states, tangents.rows)).double()
        return TangentProducts(summed, summed.new_zeros(len(states), 0, tangents.count))
    ordered = tangents.ordered()
    summed = projected_gram(states, ordered[:num_summed])
    data = real_rows(projected_tangents(states, ordered[num_summed:]))
    return TangentProducts(summed.double(), (data @ real_rows(ordered).mT).double())

"""A program at given values and inputs, ready to be simulated: by the compiled kernel or by torch.

Both give the same numbers to rounding; short states go through the kernel (`compiled/kernel.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.adjoint import adjoint_gradient
from qgeo.simulate.angles import angles_of
from qgeo.simulate.compiled.kernel import FEWEST_CONTEXTS, MOST_QUBITS_ALONE, Kernel, kernel_for
from qgeo.simulate.moves import Moves, moves_at, zero_state


class Simulation(Protocol):
    """States forward, gradients back."""

    def states(self) -> Tensor:
        """U|0…0⟩ for every context, (B, 2ⁿ)."""
        ...

    def angle_gradient(
        self, psi: Tensor, cotangent: Tensor, *, data_too: bool
    ) -> tuple[Tensor, Tensor | None]:
        """∂L/∂angles for dL = Re⟨cotangent|dψ⟩: (m,) shared and (B, m'), or None where not wanted."""
        ...


def simulation(program: Program, values: Tensor, inputs: Tensor, dtype: torch.dtype) -> Simulation:
    """The program at `values` (P,) and `inputs` (B, d)."""
    kernel = kernel_for(program, dtype, values.device)
    if kernel is not None and (len(inputs) >= FEWEST_CONTEXTS or program.num_qubits <= MOST_QUBITS_ALONE):
        return _Compiled(kernel, *angles_of(program, values, inputs, dtype))
    return _InTorch(moves_of(program, values, inputs, dtype), len(inputs))


def moves_of(program: Program, values: Tensor, inputs: Tensor, dtype: torch.dtype) -> Moves:
    """The program's moves at `values` (P,) and `inputs` (B, d)."""
    return moves_at(program, *angles_of(program, values, inputs, dtype), dtype)


def final_states(moves: Moves, count: int) -> Tensor:
    """U|0…0⟩ for `count` contexts, (count, 2ⁿ)."""
    psi = zero_state(moves.program, count, moves.dtype, moves.constants.shared.offsets.device)
    spare = torch.empty_like(psi)
    for move in moves.all:
        psi, spare = move.apply(psi, out=spare), psi
    return psi


@dataclass(frozen=True, eq=False)
class _Compiled:
    kernel: Kernel
    shared: Tensor
    by_context: Tensor

    def states(self) -> Tensor:
        return self.kernel.states(self.shared, self.by_context)

    def angle_gradient(
        self, psi: Tensor, cotangent: Tensor, *, data_too: bool
    ) -> tuple[Tensor, Tensor | None]:
        shared, by_context = self.kernel.gradient(self.shared, self.by_context, psi, cotangent)
        return shared, by_context if data_too else None


@dataclass(frozen=True, eq=False)
class _InTorch:
    moves: Moves
    count: int

    def states(self) -> Tensor:
        return final_states(self.moves, self.count)

    def angle_gradient(
        self, psi: Tensor, cotangent: Tensor, *, data_too: bool
    ) -> tuple[Tensor, Tensor | None]:
        return adjoint_gradient(self.moves, psi, cotangent, data_too=data_too)

"""Two engines, one protocol, and the one place where the choice is made.

    dense/      torch: block by block, any width, device and precision
    compiled/   C: Pauli rotation by rotation, on short states of complex128 in the memory of a CPU

On short states torch spends its time on calls, not on arithmetic; there the same sweeps run in one call each.
Both give the same numbers to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.compiled.engine import CompiledEngine
from qgeo.simulate.compiled.kernel import FEWEST_CONTEXTS, Kernel, kernel_of
from qgeo.simulate.dense.engine import DenseEngine
from qgeo.simulate.meeting import Frame
from qgeo.simulate.tangent_rows import TangentProducts, TangentSweep

MOST_QUBITS_ALONE = 10
"""Widest circuit whose single state is faster in the compiled engine, with idle lanes, than through torch:
gradients at n = 10 take half the time, at n = 12 twice (benchmarks/NOTES.md, "single states")."""

Work = Literal["states", "tangents"]
"""States and gradients move a state or two, tangents fill the lanes even of one context."""


class Engine(Protocol):
    """A program at values (P,) and inputs (B, d). Nothing it gives is differentiable."""

    def states(self) -> Tensor:
        """U|0…0⟩ for every context, (B, 2ⁿ)."""
        ...

    def gradient(self, psi: Tensor, cotangent: Tensor, *, data_too: bool) -> tuple[Tensor, Tensor | None]:
        """∂L/∂angles for dL = Re⟨cotangent|dψ⟩ and final states ψ: (m,) shared and (B, m'), or None where
        those of the contexts are not wanted."""
        ...

    def tangents(self, columns: tuple[int, ...], frame: Frame) -> TangentSweep:
        """Tangents by `columns` of the program, in a frame of the circuit."""
        ...

    def products(self, columns: tuple[int, ...], num_summed: int, tiles: Sequence[slice]) -> TangentProducts:
        """Products of projected tangents by `columns`, the first `num_summed` summed over contexts.

        `tiles`: contexts whose tangents are held at once, where they are held at all.
        """
        ...


def engine_at(program: Program, values: Tensor, inputs: Tensor, dtype: torch.dtype, work: Work) -> Engine:
    """The engine for a program, a number of contexts, a type and a device."""
    kernel = kernel_for(program, dtype, values.device)
    lanes_are_filled = len(inputs) >= FEWEST_CONTEXTS or program.num_qubits <= MOST_QUBITS_ALONE
    if kernel is not None and (work == "tangents" or lanes_are_filled):
        return CompiledEngine(kernel, values, inputs)
    return DenseEngine(program, values, inputs, dtype)


def kernel_for(program: Program, dtype: torch.dtype, device: torch.device) -> Kernel | None:
    """The program's kernel, where it takes states of this type on this device."""
    if dtype != torch.complex128 or device.type != "cpu":
        return None
    return kernel_of(program)

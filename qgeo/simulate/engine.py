"""Two engines, one protocol, and the one place where the choice is made.

    dense/      torch: block by block, any circuit, width, device and precision
    compiled/   C: Pauli rotation by rotation, in both precisions, on states in the memory of a CPU

The compiled engine is taken wherever it can be: states lie on a CPU, the library was built, and the kernel
takes every element of the program (`kernel_of`; docs/simulation.md).

Torch spends its time on calls and on memory, not on arithmetic; compiled, a sweep is one call.
Both give the same numbers to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.compiled.engine import CompiledEngine
from qgeo.simulate.compiled.kernel import Kernel, kernel_of
from qgeo.simulate.dense.engine import DenseEngine
from qgeo.simulate.meeting import Frame
from qgeo.simulate.tangent_rows import TangentProducts, TangentSweep


class Engine(Protocol):
    """A program at values (P,) and inputs (B, d). Nothing it gives is differentiable."""

    def states(self) -> Tensor:
        """U|0…0⟩ for every context, (B, 2ⁿ)."""
        ...

    def gradient(self, psi: Tensor, cotangent: Tensor, *, data_too: bool) -> tuple[Tensor, Tensor | None]:
        """∂L/∂angles for dL = Re⟨cotangent|dψ⟩ and final states ψ: (m,) shared and (B, m'), or None where
        those of the contexts are not wanted.

        Of angles that are multiples of one another, all of it may stand at one of them: the gradient by
        parameters is the same.
        """
        ...

    def probabilities(self) -> tuple[Tensor, Tensor]:
        """|U|0…0⟩|², (B, 2ⁿ) real, and the states in whatever form `probability_gradient` takes them."""
        ...

    def probability_gradient(
        self, states: Tensor, weights: Tensor, *, data_too: bool
    ) -> tuple[Tensor, Tensor | None]:
        """`gradient` for dL = Σ w d|ψ|², with the states that `probabilities` gave and weights (B, 2ⁿ)."""
        ...

    def tangents(self, columns: tuple[int, ...], frame: Frame) -> TangentSweep:
        """Tangents by `columns` of the program, in a frame of the circuit."""
        ...

    def products(self, columns: tuple[int, ...], num_summed: int, tiles: Sequence[slice]) -> TangentProducts:
        """Products of projected tangents by `columns`, the first `num_summed` summed over contexts.

        `tiles`: contexts whose tangents are held at once, where they are held at all.
        """
        ...


def engine_at(program: Program, values: Tensor, inputs: Tensor, dtype: torch.dtype) -> Engine:
    """The engine for a program, a type and a device."""
    kernel = kernel_for(program, dtype, values.device)
    if kernel is not None:
        return CompiledEngine(kernel, values, inputs)
    return DenseEngine(program, values, inputs, dtype)


def kernel_for(program: Program, dtype: torch.dtype, device: torch.device) -> Kernel | None:
    """The program's kernel, where states lie in the memory of a CPU."""
    return kernel_of(program, dtype) if device.type == "cpu" else None

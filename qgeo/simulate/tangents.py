"""Tangents of a program, all at once: ∂|ψ⟩/∂p for chosen parameters, by the engine that is fastest for it.

Quantum Fisher information is the same in every frame of the circuit, so that tangents need not go all the way
to its end: they meet where the way is shortest (`meeting.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.simulate.compiled.engine import CompiledEngine
from qgeo.simulate.engine import engine_at
from qgeo.simulate.meeting import Frame
from qgeo.simulate.tangent_rows import TangentProducts, Tangents, TangentSweep


def states_and_tangents(
    program: Program,
    values: Tensor,
    inputs: Tensor | None = None,
    *,
    columns: Sequence[int] | None = None,
    dtype: torch.dtype = torch.complex128,
) -> tuple[Tensor, Tensor]:
    """Final states ψ (B, 2ⁿ) and tangents ∂ψ/∂p (len(columns), B, 2ⁿ).

    Args:
        program: the compiled circuit.
        values: (P,) real; inputs: (B, d) real, or None for a circuit without data (B = 1).
        columns: which of `program.columns` to differentiate by, in which order (each at most once);
            by default the trainable ones. A data column's tangent is by each context's own input.
        dtype: complex128 or complex64.

    Not differentiable further.
    """
    at_end = tangents_in_frame(program, values, inputs, columns=columns, frame="end", dtype=dtype)
    return at_end.states, at_end.ordered()


def tangents_in_frame(
    program: Program,
    values: Tensor,
    inputs: Tensor | None = None,
    *,
    columns: Sequence[int] | None = None,
    frame: Frame,
    dtype: torch.dtype = torch.complex128,
) -> Tangents:
    """States and tangents at the circuit's end, or at its middle: the frame where the work is least.

    Arguments as in `states_and_tangents`. One unitary per context takes the middle to the end.
    """
    return tangent_sweep(program, values, inputs, columns=columns, frame=frame, dtype=dtype).of()


def tangent_sweep(
    program: Program,
    values: Tensor,
    inputs: Tensor | None = None,
    *,
    columns: Sequence[int] | None = None,
    frame: Frame,
    dtype: torch.dtype = torch.complex128,
) -> TangentSweep:
    """`tangents_in_frame` to be run on some contexts at a time: what they share is made once."""
    wanted = tuple(range(program.num_parameters)) if columns is None else tuple(columns)
    by_context = values.new_zeros(1, 0) if inputs is None else inputs
    return engine_at(program, values, by_context, dtype).tangents(wanted, frame)


def tangent_products(
    program: Program,
    values: Tensor,
    inputs: Tensor | None,
    columns: Sequence[int],
    num_summed: int,
    *,
    dtype: torch.dtype = torch.complex128,
    tiles: Sequence[slice] = (slice(None),),
) -> TangentProducts:
    """Products of projected tangents by `columns`: the circuit's own parameters, then its data.

    Args:
        values: (P,); inputs: (B, d), or None for a circuit without data.
        num_summed: how many of the columns are the circuit's own.
        tiles: contexts whose tangents are held at once, where they are held.
    """
    by_context = values.new_zeros(1, 0) if inputs is None else inputs
    return engine_at(program, values, by_context, dtype).products(tuple(columns), num_summed, tiles)


def bitstring_products(
    program: Program,
    values: Tensor,
    inputs: Tensor | None,
    columns: Sequence[int],
    least: float,
    *,
    dtype: torch.dtype = torch.complex128,
) -> Tensor | None:
    """Σ over contexts and basis states y of ∂_ip(y) ∂_jp(y)/p(y), (P, P) float64, by `columns`.

    None where tangents would have to be held for it, as the dense engine does: see `tangent_sweep` then.

    Args:
        least: a basis state whose amplitude is at most so many times its context's largest is left out.
    """
    by_context = values.new_zeros(1, 0) if inputs is None else inputs
    engine = engine_at(program, values, by_context, dtype)
    if isinstance(engine, CompiledEngine):
        return engine.bitstring_products(tuple(columns), least)
    return None

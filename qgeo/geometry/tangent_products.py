"""Products of projected tangents: all that a quantum Fisher information matrix needs of them.

    R_ij(x) = Re⟨u_i|u_j⟩,      u = (1 − |ψ⟩⟨ψ|) ∂ψ,      F_Q(x) = 4 R(x)

They are summed over contexts x for a circuit's own parameters, and kept by context for data angles, whose
encoder has another Jacobian at every context. Compiled sweeps give them without storing a tangent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.geometry.quantum import projected_gram, projected_tangents
from qgeo.simulate.compiled.kernel import kernel_for, point_at
from qgeo.simulate.tangents import Tangents, tangent_sweep


@dataclass(frozen=True, eq=False)
class TangentProducts:
    """Σ_x R(x) over a circuit's own parameters, and R(x) of data angles with all of them.

    Attributes:
        own: (P, P) float64, summed over contexts; data: (B, d, P + d), one matrix a context.
    """

    own: Tensor
    data: Tensor


def tangent_products(
    program: Program,
    values: Tensor,
    inputs: Tensor | None,
    columns: Sequence[int],
    num_own: int,
    *,
    dtype: torch.dtype = torch.complex128,
    tiles: Sequence[slice] = (slice(None),),
) -> TangentProducts:
    """The products by `columns`, of which the first `num_own` are the circuit's own and the others data.

    Args:
        values: (P,); inputs: (B, d), or None for a circuit without data.
        tiles: contexts whose tangents are stored at once, where they are stored.
    """
    kernel = kernel_for(program, dtype, values.device)
    if kernel is not None:
        with torch.no_grad():
            point = point_at(program, values, values.new_zeros(1, 0) if inputs is None else inputs)
            return TangentProducts(*kernel.products(point, tuple(columns), num_own))
    sweep = tangent_sweep(program, values, inputs, columns=columns, frame="middle", dtype=dtype)
    workspace = None if len(tiles) == 1 else sweep.workspace(tiles[0].stop)
    parts = [_products(sweep.of(tile, workspace), num_own) for tile in tiles]
    own = torch.stack([part.own for part in parts]).sum(0)
    return TangentProducts(own, torch.cat([part.data for part in parts]))


def _products(found: Tangents, num_own: int) -> TangentProducts:
    """From tangents that are stored; one side of a product has to be projected."""
    if num_own == found.count:
        own = found.folded(projected_gram(found.states, found.rows))
        return TangentProducts(own.double(), own.new_zeros(len(found.states), 0, found.count).double())
    tangents = found.ordered()
    own = projected_gram(found.states, tangents[:num_own])
    data = _real_rows(projected_tangents(found.states, tangents[num_own:]))
    return TangentProducts(own.double(), (data @ _real_rows(tangents).mT).double())


def _real_rows(tangents: Tensor) -> Tensor:
    """(P, B, 2ⁿ) complex → (B, P, 2·2ⁿ) real."""
    return torch.view_as_real(tangents.resolve_conj()).flatten(2).transpose(0, 1)

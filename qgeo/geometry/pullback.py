"""Pulling an information matrix back through the module that makes a circuit's angles.

A head's circuit has P parameters θ of its own and d data angles a(x; w) from an encoder with W weights. With
F(x) the (P + d)² matrix of the circuit at context x, the metric over (θ, w) is

    F = E_x [ J(x)ᵀ F(x) J(x) ],      J(x) = diag(I_P, ∂a/∂w (x)),

one joint matrix, cross blocks included.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qgeo.geometry.operators import DenseMatrix
from qgeo.geometry.quantum import projected_tangents


def pulled_back_fisher(
    states: Tensor, tangents: Tensor, angle_jacobian: Tensor, num_circuit: int
) -> DenseMatrix:
    """F_Q over circuit parameters and encoder weights, (P + W, P + W), mean over contexts.

    Args:
        states: (B, 2ⁿ); tangents: (P + d, B, 2ⁿ), the circuit's own parameters first.
        angle_jacobian: (B, d, W); num_circuit: P.

    Only F's last d columns are needed context by context; the θθ block is one Gram product.
    """
    projected = projected_tangents(states, tangents)
    own, data = _real_rows(projected[:num_circuit]), _real_rows(projected[num_circuit:])
    own_block = 4 * own.flatten(1) @ own.flatten(1).mT
    per_context = 4 * torch.cat([own, data]).transpose(0, 1) @ data.permute(1, 2, 0)  # (B, P + d, d)
    own_data, data_data = per_context.split([len(own), len(data)], dim=1)
    cross = torch.einsum("bpd,bdw->pw", own_data, angle_jacobian)
    encoder = angle_jacobian.flatten(0, 1).mT @ (data_data @ angle_jacobian).flatten(0, 1)
    matrix = torch.cat([torch.cat([own_block, cross], 1), torch.cat([cross.mT, encoder], 1)])
    return DenseMatrix(matrix / len(states))


def _real_rows(vectors: Tensor) -> Tensor:
    """(R, B, 2ⁿ) complex → (R, B, 2·2ⁿ) real, with the same real inner products."""
    return torch.view_as_real(vectors.contiguous()).flatten(2)

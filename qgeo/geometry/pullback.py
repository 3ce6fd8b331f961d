"""Pulling an information matrix back through the module that makes a circuit's angles.

A head has P parameters θ of its own and d data angles a(x; w) from an encoder with W weights. With F(x) the
(P + d)² matrix at context x, the metric over (θ, w) is

    F = E_x [ J(x)ᵀ F(x) J(x) ],      J(x) = diag(I_P, ∂a/∂w (x)),

one joint matrix, cross blocks included. F(x) = R(x)ᵀR(x) comes as its rows R(x): projected tangents for F_Q,
√p ∇log p for F_C.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qgeo.geometry.classical import output_rows
from qgeo.geometry.operators import DenseMatrix
from qgeo.geometry.quantum import projected_tangents


def pulled_back_gram(own: Tensor, data: Tensor, angle_jacobian: Tensor) -> DenseMatrix:
    """E_x[J(x)ᵀ R(x)ᵀR(x) J(x)], (P + W, P + W), mean over contexts.

    Args:
        own: (B, M, P) columns of R(x) that belong to the head's own parameters.
        data: (B, M, d) columns that belong to the data angles; angle_jacobian: (B, d, W).

    Only F(x)'s last d columns are needed context by context; the θθ block is one Gram product.
    """
    flat = own.flatten(0, 1)
    own_data, data_data = own.mT @ data, data.mT @ data
    cross = own_data.transpose(0, 1).flatten(1) @ angle_jacobian.flatten(0, 1)
    encoder = angle_jacobian.flatten(0, 1).mT @ (data_data @ angle_jacobian).flatten(0, 1)
    matrix = torch.cat([torch.cat([flat.mT @ flat, cross], 1), torch.cat([cross.mT, encoder], 1)])
    return DenseMatrix(matrix / len(own))


def pulled_back_fisher(
    states: Tensor, tangents: Tensor, angle_jacobian: Tensor, num_circuit: int
) -> DenseMatrix:
    """F_Q over circuit parameters and encoder weights, (P + W, P + W), mean over contexts.

    Args:
        states: (B, 2ⁿ); tangents: (P + d, B, 2ⁿ), the circuit's own parameters first.
        angle_jacobian: (B, d, W); num_circuit: P.
    """
    projected = torch.view_as_real(projected_tangents(states, tangents)).flatten(2)
    rows = 2 * projected.permute(1, 2, 0)  # 4 Re⟨u|v⟩ is the product of doubled real vectors
    return pulled_back_gram(rows[..., :num_circuit], rows[..., num_circuit:], angle_jacobian)


def pulled_back_output_fisher(
    log_probs: Tensor, by_own: Tensor, by_angle: Tensor, angle_jacobian: Tensor
) -> DenseMatrix:
    """F_C over own parameters and encoder weights, (P + W, P + W), mean over contexts.

    Args:
        log_probs: (B, V); by_own: (B, V, P) and by_angle: (B, V, d), its Jacobian; angle_jacobian: (B, d, W).
    """
    own, data = output_rows(log_probs, by_own), output_rows(log_probs, by_angle)
    return pulled_back_gram(own, data, angle_jacobian)

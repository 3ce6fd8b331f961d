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
from qgeo.simulate.tangent_rows import TangentProducts


def pulled_back_gram(direct: Tensor, data: Tensor, angle_jacobian: Tensor) -> DenseMatrix:
    """E_x[J(x)ᵀ R(x)ᵀR(x) J(x)], (P + W, P + W), mean over contexts.

    Args:
        direct: (B, M, P) columns of R(x) that belong to the head's own parameters.
        data: (B, M, d) columns that belong to the data angles; angle_jacobian: (B, d, W).
    """
    flat = direct.flatten(0, 1)
    return _joint(flat.mT @ flat, direct.mT @ data, data.mT @ data, angle_jacobian)


def pulled_back_fisher(products: TangentProducts, angle_jacobian: Tensor) -> DenseMatrix:
    """F_Q over circuit parameters and encoder weights, (P + W, P + W), mean over contexts.

    Args:
        products: of the circuit's own P parameters and its d data angles; angle_jacobian: (B, d, W).
    """
    by_context, num_circuit = products.by_context, len(products.summed)
    data_circuit, data_data = 4 * by_context[..., :num_circuit], 4 * by_context[..., num_circuit:]
    return _joint(4 * products.summed, data_circuit.mT, data_data, angle_jacobian)


def _joint(direct: Tensor, direct_data: Tensor, data: Tensor, angle_jacobian: Tensor) -> DenseMatrix:
    """From Σ_x F(x) over own parameters (P, P), and F(x)'s other blocks (B, P, d), (B, d, d), to the mean.

    Only the last d columns of F(x) are needed context by context.
    """
    weights = angle_jacobian.flatten(0, 1)
    cross = direct_data.transpose(0, 1).flatten(1) @ weights
    encoder = weights.mT @ (data @ angle_jacobian).flatten(0, 1)
    matrix = torch.cat([torch.cat([direct, cross], 1), torch.cat([cross.mT, encoder], 1)])
    return DenseMatrix(matrix / len(angle_jacobian))


def pulled_back_output_fisher(
    log_probs: Tensor, by_own: Tensor, by_angle: Tensor, angle_jacobian: Tensor
) -> DenseMatrix:
    """F_C over own parameters and encoder weights, (P + W, P + W), mean over contexts.

    Args:
        log_probs: (B, V); by_own: (B, V, P) and by_angle: (B, V, d), its Jacobian; angle_jacobian: (B, d, W).
    """
    direct, data = output_rows(log_probs, by_own), output_rows(log_probs, by_angle)
    return pulled_back_gram(direct, data, angle_jacobian)

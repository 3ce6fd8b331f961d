"""Pulling an information matrix back through the module that makes a circuit's angles.

A head has P parameters θ of its own and d data angles a(x; w) from an encoder with W weights. With F(x) the
(P + d)² matrix at context x, the metric over (θ, w) is

    F = E_x [ J(x)ᵀ F(x) J(x) ],      J(x) = diag(I_P, ∂a/∂w (x)),

one joint matrix, cross blocks included; ∂a/∂w comes in the form that its module has (`weight_jacobian.py`).
Weights behind the measurement join F_C as they do any output: over scores z the matrix is diag(p) − ppᵀ.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qgeo.geometry.classical import output_rows
from qgeo.geometry.operators import DenseMatrix, GramMatrix, InformationMatrix
from qgeo.geometry.staged import Stage, StagedJacobian
from qgeo.geometry.weight_jacobian import WeightJacobian
from qgeo.simulate.tangent_rows import TangentProducts


def pulled_back_fisher(products: TangentProducts, encoder: WeightJacobian) -> DenseMatrix:
    """F_Q over circuit parameters and encoder weights, (P + W, P + W), mean over contexts.

    Args:
        products: of the circuit's own P parameters and its d data angles; encoder: ∂a/∂w, (B, d, W).
    """
    by_context, num_circuit = products.by_context, len(products.summed)
    own_data, data = by_context[..., :num_circuit].mT, by_context[..., num_circuit:]
    cross = encoder.summed(own_data)
    matrix = _of_quarters(products.summed, cross, encoder.congruence(data))
    return DenseMatrix(matrix.mul_(4 / encoder.shape[0]))


def staged_output_fisher(staged: StagedJacobian) -> InformationMatrix:
    """F_C of a head's output over all its parameters, mean over contexts, in `named_parameters` order.

    With fewer contexts × outcomes than parameters by their rows, else entry by entry.
    """
    batch, outcomes = staged.log_probs.shape
    if batch * outcomes < staged.size:
        return GramMatrix(output_rows(staged.log_probs, staged.dense()).flatten(0, 1), scale=1 / batch)
    return DenseMatrix(_assembled(staged).div_(batch))


def _assembled(staged: StagedJacobian) -> Tensor:
    """Σ_x F_C(x), its blocks made stage by stage."""
    amplitudes = staged.log_probs.exp().sqrt().unsqueeze(-1)
    own, data = (output_rows(staged.log_probs, part) for part in (staged.by_own, staged.by_angle))
    encoder, readout = staged.encoder, staged.readout
    flat = own.flatten(0, 1)
    blocks: dict[tuple[Stage, Stage], Tensor] = {
        ("own", "own"): flat.mT @ flat,
        ("own", "encoder"): encoder.summed(own.mT @ data),
        ("encoder", "encoder"): encoder.congruence(data.mT @ data),
    }
    if readout.shape[2]:
        blocks["own", "readout"] = readout.summed((amplitudes * own).mT)
        blocks["readout", "encoder"] = encoder.summed(readout.transposed_times(amplitudes * data))
        blocks["readout", "readout"] = readout.congruence(score_fisher(staged.log_probs))
    rows = [torch.cat([_block(blocks, row, column) for column in _used(staged)], 1) for row in _used(staged)]
    return torch.cat(rows)


def readout_fisher(log_probs: Tensor, readout: WeightJacobian) -> Tensor:
    """F_C over weights behind a measurement alone, (R, R), mean over contexts; readout: ∂z/∂w, (B, V, R)."""
    return readout.congruence(score_fisher(log_probs)) / len(log_probs)


def score_fisher(log_probs: Tensor) -> Tensor:
    """diag(p) − ppᵀ, the F_C of scores at each context, (B, V, V)."""
    p = log_probs.exp()
    return torch.diag_embed(p) - p.unsqueeze(2) * p.unsqueeze(1)


def _used(staged: StagedJacobian) -> list[Stage]:
    return [stage for stage in staged.order if stage != "readout" or staged.readout.shape[2]]


def _block(blocks: dict[tuple[Stage, Stage], Tensor], row: Stage, column: Stage) -> Tensor:
    return blocks[row, column] if (row, column) in blocks else blocks[column, row].mT


def _of_quarters(upper: Tensor, cross: Tensor, lower: Tensor) -> Tensor:
    return torch.cat([torch.cat([upper, cross], 1), torch.cat([cross.mT, lower], 1)])

"""A head's Jacobian in stages, kept apart because products of stages are cheaper than the whole.

    log p(y|x) depends on   own parameters of a circuit                  by_own       (B, V, P)
                            data angles or features a(x; w)              by_angle     (B, V, d)
                              of the encoder's weights w                 encoder      ∂a/∂w, (B, d, W)
                            weights behind the measurement or features   readout      ∂z/∂w, (B, V, R)

Scores z are log-probabilities up to a constant per context, log p = z − log Σ e^z: their Jacobian over a
linear layer has the layer's own form, which normalising would fill.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from qgeo.geometry.weight_jacobian import WeightJacobian

Stage = Literal["own", "encoder", "readout"]


@dataclass(frozen=True, eq=False)
class StagedJacobian:
    """Log-probabilities (B, V) and the stages of their Jacobian.

    Attributes:
        by_own, by_angle: of log-probabilities; readout: of scores.
        order: how the head's parameters follow each other.
    """

    log_probs: Tensor
    by_own: Tensor
    by_angle: Tensor
    encoder: WeightJacobian
    readout: WeightJacobian
    order: tuple[Stage, ...] = ("own", "encoder", "readout")

    @property
    def size(self) -> int:
        """P + W + R."""
        return self.by_own.shape[2] + self.encoder.shape[2] + self.readout.shape[2]

    def dense(self) -> Tensor:
        """Of the log-probabilities, (B, V, P + W + R), in `named_parameters` order."""
        parts: dict[Stage, Tensor] = {
            "own": self.by_own,
            "encoder": self.by_angle @ self.encoder.dense(),
            "readout": normalised(self.log_probs, self.readout.dense()),
        }
        return torch.cat([parts[stage] for stage in self.order], dim=2)


def normalised(log_probs: Tensor, by_score: Tensor) -> Tensor:
    """From the Jacobian of scores to that of log-probabilities: ∂z_y − Σ_v p_v ∂z_v, (B, V, R)."""
    if not by_score.shape[2]:
        return by_score
    mean = log_probs.exp().unsqueeze(1) @ by_score
    return by_score - mean

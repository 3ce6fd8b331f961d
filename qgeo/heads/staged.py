"""A head's Jacobian in stages, kept apart because the encoder's part is cheaper as a product.

    log p(y|x) depends on   own parameters (circuit, or last layer)     by_own      (B, V, P)
                            data angles or features a(x; w)             by_angle    (B, V, d)
                              of the encoder's weights w                 ∂a/∂w      (B, d, W)
                            readout parameters                          by_readout  (B, V, R)

The whole Jacobian over (own, w, readout) is [by_own, by_angle · ∂a/∂w, by_readout].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class StagedJacobian:
    """Log-probabilities (B, V) and the stages of their Jacobian."""

    log_probs: Tensor
    by_own: Tensor
    by_angle: Tensor
    angle_jacobian: Tensor
    by_readout: Tensor

    def dense(self) -> Tensor:
        """(B, V, P + W + R), in `named_parameters` order of every head."""
        by_encoder = self.by_angle @ self.angle_jacobian
        return torch.cat([self.by_own, by_encoder, self.by_readout], dim=2)

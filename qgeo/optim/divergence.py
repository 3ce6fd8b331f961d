"""How far a step moves a head's distribution: the KL divergence that a step is measured by.

KL(p_old ‖ p_new) = mean over contexts of Σ_y p_old(y) (log p_old(y) − log p_new(y))      in nats per token
"""

from __future__ import annotations

import torch
from torch import Tensor


def mean_divergence(before: Tensor, after: Tensor) -> Tensor:
    """KL from log-probabilities (B, V) before and after, differentiable by those after; a token that was
    impossible before counts nothing."""
    return torch.where(before > -torch.inf, before.exp() * (before - after), 0.0).sum(-1).mean()


def divergence(before: Tensor, after: Tensor) -> float:
    """`mean_divergence` as a number.

    >>> divergence(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.5, 0.5]]).log())
    0.0
    """
    return float(mean_divergence(before, after))


def fisher_length(before: Tensor, after: Tensor) -> float:
    """δᵀF_Cδ, mean over contexts, from log-probabilities (B, V) half a step ahead and half a step back.

    (log p₊ − log p₋)² weighted by p is the square of ∂ log p along δ, to second order of the step.
    """
    p = (before.exp() + after.exp()) / 2
    moved = torch.where((before > -torch.inf) & (after > -torch.inf), after - before, 0.0)
    return float((p * moved.square()).sum(-1).mean())

"""Empirical Fisher: gradients at the observed tokens. Not the Fisher information, and not called so.

    F_emp = mean over contexts of ∇log p(y|x) ∇log p(y|x)ᵀ at the observed y

It agrees with F_C only where the model fits and data are many (Kunstner et al. 2019, arXiv 1905.12558).
"""

from __future__ import annotations

import torch
from torch import Tensor

from qgeo.errors import ShapeError
from qgeo.geometry.classical import check_contexts_are_there
from qgeo.geometry.operators import GramMatrix


def empirical_fisher(jacobian: Tensor, targets: Tensor) -> GramMatrix:
    """F_emp of rank at most B, per token.

    Args:
        jacobian: (B, V, P) derivative of log-probabilities; targets: (B,) observed tokens.

    Raises:
        ShapeError: another number of targets than contexts, or a target that is no token.
    """
    contexts, vocabulary = jacobian.shape[:2]
    check_contexts_are_there(contexts)
    _check_targets(targets, contexts, vocabulary)
    rows = jacobian[torch.arange(len(targets), device=targets.device), targets]
    return GramMatrix(rows, scale=1 / len(rows))


def _check_targets(targets: Tensor, contexts: int, vocabulary: int) -> None:
    wanted = f"expected {contexts} targets from 0 to {vocabulary - 1} as a torch tensor of integers"
    if not isinstance(targets, Tensor) or targets.is_floating_point() or targets.is_complex():
        raise ShapeError(f"{wanted}, got {getattr(targets, 'dtype', type(targets).__name__)}")
    if targets.shape != (contexts,):
        raise ShapeError(f"{wanted}, got shape {tuple(targets.shape)}")
    outside = (targets < 0) | (targets >= vocabulary)
    if bool(outside.any()):
        raise ShapeError(f"{wanted}, got {int(targets[outside][0])}")

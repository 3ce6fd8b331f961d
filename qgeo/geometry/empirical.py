"""Empirical Fisher: gradients at the observed tokens. Not the Fisher information, and not called so.

    F_emp = mean over contexts of ∇log p(y|x) ∇log p(y|x)ᵀ at the observed y

It agrees with F_C only where the model fits and data are many (Kunstner et al. 2019, arXiv 1905.12558).
"""

from __future__ import annotations

import torch
from torch import Tensor

from qgeo.errors import ShapeError
from qgeo.geometry.operators import GramMatrix


def empirical_fisher(jacobian: Tensor, targets: Tensor) -> GramMatrix:
    """F_emp of rank at most B, per token.

    Args:
        jacobian: (B, V, P) derivative of log-probabilities; targets: (B,) observed tokens.

    Raises:
        ShapeError: another number of targets than contexts, or a target that is no token.
    """
    contexts, vocabulary = jacobian.shape[:2]
    if targets.shape != (contexts,) or ((targets < 0) | (targets >= vocabulary)).any():
        raise ShapeError(
            f"expected {contexts} targets from 0 to {vocabulary - 1}, got shape {tuple(targets.shape)}"
        )
    rows = jacobian[torch.arange(len(targets)), targets]
    return GramMatrix(rows, scale=1 / len(rows))

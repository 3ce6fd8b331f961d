"""Solving with an information matrix: Cholesky, and what happens when it is singular.

    x = (F + λ·I)⁻¹ g

A Fisher matrix is singular whenever two parameters do the same, and almost always at λ = 0. Where
F + λ·I is numerically singular, x is the least-norm solution of least squares (Moore–Penrose): directions
without information get no step.
"""

from __future__ import annotations

import torch
from torch import Tensor


def damped_solve(matrix: Tensor, right: Tensor, damping: float = 0.0) -> Tensor:
    """(matrix + damping·I)⁻¹ right, or the least-norm solution where that is singular.

    Args:
        matrix: (P, P) symmetric positive semidefinite up to rounding.
        right: (P,) or (P, m).
        damping: λ ≥ 0.

    >>> damped_solve(torch.diag(torch.tensor([2.0, 0.0])), torch.tensor([1.0, 1.0]))
    tensor([0.5000, 0.0000])
    """
    columns = right if right.dim() == 2 else right.unsqueeze(-1)
    shifted = matrix + damping * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    factor, failed = torch.linalg.cholesky_ex(shifted)
    if bool(failed) or _is_singular(factor):
        solution = _least_norm(shifted, columns)
    else:
        solution = torch.cholesky_solve(columns, factor)
    return solution.view(right.shape)


def _is_singular(factor: Tensor) -> bool:
    """Whether a pivot of L Lᵀ is at the level of rounding, relative to the largest."""
    pivots = factor.diagonal().square()
    return len(pivots) > 0 and bool(pivots.min() <= _cutoff(factor) * pivots.max())


def _least_norm(matrix: Tensor, right: Tensor) -> Tensor:
    eigenvalues, vectors = torch.linalg.eigh(matrix)
    kept = eigenvalues > _cutoff(matrix) * eigenvalues.abs().max()
    inverse = torch.where(kept, 1 / torch.where(kept, eigenvalues, 1.0), 0.0)
    return vectors @ (inverse.unsqueeze(-1) * (vectors.mT @ right))


def _cutoff(matrix: Tensor) -> float:
    return 10 * len(matrix) * torch.finfo(matrix.dtype).eps

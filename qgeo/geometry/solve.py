"""Solving with an information matrix: Cholesky, and what happens when it is singular.

    x = (F + λ·I)⁻¹ g

A Fisher matrix is singular whenever two parameters do the same, and almost always at λ = 0. Where
F + λ·I is numerically singular, x is the least-norm solution of least squares (Moore–Penrose): directions
without information get no step.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

_VANISHING = 1e-13
"""Curvature along a direction, relative to what the diagonal says of it, that is rounding."""


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
    solution: Tensor = vectors @ (inverse.unsqueeze(-1) * (vectors.mT @ right))
    return solution


def _cutoff(matrix: Tensor) -> float:
    return 10 * len(matrix) * torch.finfo(matrix.dtype).eps


def conjugate_gradients(
    product: Callable[[Tensor], Tensor],
    right: Tensor,
    diagonal: Tensor,
    *,
    tolerance: float = 1e-10,
    max_iterations: int = 1000,
) -> Tensor:
    """Solve A x = right for positive (semi)definite A known by its products (Hestenes & Stiefel 1952).

    Args:
        product: v ↦ A v, (P,) → (P,).
        right: (P,).
        diagonal: (P,) of A, the Jacobi preconditioner; where it vanishes x stays 0.
        tolerance: of ‖A x − right‖ relative to ‖right‖.
        max_iterations: products at most; a warning says how far the solution is when they do not suffice.

    >>> A = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
    >>> conjugate_gradients(lambda v: A @ v, torch.tensor([3.0, 4.0]), A.diagonal(), tolerance=1e-6)
    tensor([1.0000, 1.0000])
    """
    inverse = torch.where(diagonal > 0, 1 / torch.where(diagonal > 0, diagonal, 1.0), 0.0)
    goal = tolerance * float(right.norm())
    solution, residual = torch.zeros_like(right), right
    scaled = inverse * residual
    direction, height = scaled, residual @ scaled
    for _ in range(max_iterations):
        if float(residual.norm()) <= goal:
            return solution
        image = product(direction)
        curvature = direction @ image
        scale = direction @ (diagonal * direction)
        if not float(curvature) > _VANISHING * float(scale):  # the rest of the residual lies where A vanishes
            return solution
        length = height / curvature
        solution, residual = solution + length * direction, residual - length * image
        scaled = inverse * residual
        before, height = height, residual @ scaled
        direction = scaled + height / before * direction
    reached = float(residual.norm()) / float(right.norm())
    warnings.warn(
        f"conjugate gradients stopped after {max_iterations} products at a relative residual of "
        f"{reached:.1e}; more damping makes the system easier",
        stacklevel=2,
    )
    return solution

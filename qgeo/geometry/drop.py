"""First-order drop of the loss per step of a metric, with damping and with the noise of batches.

For steps −η M⁻¹ĝ, M = F + λI, ĝ the mean gradient of B tokens with mean g and per-token covariance Σ, the
expected drop is η gᵀM⁻¹g and the expected KL ½η² (gᵀM⁻¹F_C M⁻¹g + tr(M⁻¹F_C M⁻¹Σ)/B). At equal expected KL

    drop(M) ∝ gᵀM⁻¹g / √(gᵀM⁻¹F_C M⁻¹g + tr(M⁻¹F_C M⁻¹Σ)/B)

to leading order in the step. One solve per checkpoint predicts the race of any two metrics at any dampings.
Where the loss is seen on other data, with gradient q there, the drop is η qᵀM⁻¹g.
In the eigenbasis of F, F = U diag(e) Uᵀ, with d = 1/(e + λ), h = Uᵀg and C = UᵀF_C U,

    numerator = Σ_i d_i h_i (Uᵀq)_i,      inside the root = dᵀ [C ∘ (hhᵀ + UᵀΣU/B)] d

so that one factorisation, O(P³), serves a whole grid of dampings at O(P²) each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from qgeo.errors import ShapeError
from qgeo.geometry.filter import RANGE, Floats, square_matrix


@dataclass(frozen=True, eq=False)
class Factorization:
    """F = U diag(e) Uᵀ, for solves at any number of dampings: O(P³) once, O(P²) a solve.

    Attributes:
        eigenvalues: (P,) e, ascending; vectors: (P, P) U; tolerance: see `factorized`.
    """

    eigenvalues: Floats
    vectors: Floats
    tolerance: float

    def inverses(self, dampings: ArrayLike) -> Floats:
        """1/(e + λ), (K, P), for K dampings λ ≥ 0; 0 where e + λ vanishes, as in the pseudo-inverse."""
        lambdas = np.atleast_1d(np.asarray(dampings, dtype=float))
        if lambdas.ndim != 1 or not (lambdas >= 0).all():
            raise ShapeError(f"expected a row of dampings ≥ 0, got {dampings!r}")
        shifted = np.clip(self.eigenvalues, 0, None) + lambdas[:, None]
        usable = shifted > self.tolerance * shifted.max(-1, keepdims=True, initial=np.finfo(float).tiny)
        return np.where(usable, 1 / np.where(usable, shifted, 1.0), 0.0)

    def solve(self, gradient: ArrayLike, dampings: ArrayLike) -> Floats:
        """(F + λI)⁻¹g, (K, P), a row for each of K dampings.

        >>> factorized(np.diag([1.0, 0.0])).solve([2.0, 2.0], [0.0, 1.0])
        array([[2., 0.],
               [1., 2.]])
        """
        vector = _vector(gradient, len(self.eigenvalues))
        return np.asarray((self.inverses(dampings) * (self.vectors.T @ vector)) @ self.vectors.T)


def factorized(matrix: ArrayLike, tolerance: float = RANGE) -> Factorization:
    """The eigendecomposition of an information matrix.

    Args:
        matrix: F, symmetric positive semidefinite (P, P).
        tolerance: e + λ of at most `tolerance` times the largest counts as 0.

    Raises:
        ShapeError: not a square matrix of finite numbers.
    """
    return Factorization(*np.linalg.eigh(square_matrix(matrix)), tolerance)


@dataclass(frozen=True, eq=False)
class BatchNoise:
    """Of a gradient: covariance Σ of one token's, (P, P), and how many tokens are averaged, B."""

    covariance: Floats
    batch: float

    def __post_init__(self) -> None:
        if not self.batch > 0:
            raise ShapeError(f"expected a batch of tokens > 0, got {self.batch}")


def first_order_drop(
    metric: Factorization,
    classical: ArrayLike,
    gradient: ArrayLike,
    dampings: ArrayLike = 0.0,
    noise: BatchNoise | None = None,
    seen: ArrayLike | None = None,
) -> Floats:
    """drop(F + λI) for K dampings, (K,): nats per √(2 KL), KL the step's expected one in nats per token.

    Args:
        metric: F, factorised; classical: F_C (P, P); gradient: g (P,), of the whole population.
        noise: of the batches that steps are taken from; None for steps along g itself.
        seen: q (P,), the gradient where drops are seen; None for g.

    g and q must be those of all the data that batches are drawn from, and drops seen on: from N tokens of it,
    gᵀM⁻¹g is too large by about tr(M⁻¹Σ)/N, which late in a training is more than there is.

    Validity: infinitesimal steps, F and F_C at the same contexts and independent of the batch. The root is
    over the expected KL; where each step is scaled to one KL the mean drop differs by the relative variance
    of the steps' KL, about 1/N_eff. A step that costs no KL (g outside F_C's range) has an infinite drop.

    Raises:
        ShapeError: sizes that do not fit, a negative damping.

    >>> first_order_drop(factorized(np.eye(2)), np.eye(2), [3.0, 4.0])  # ‖g‖: the steepest descent
    array([5.])
    >>> noisy = BatchNoise(np.eye(2), batch=1.0)  # 25/√(25 + 2), at any damping
    >>> first_order_drop(factorized(np.eye(2)), np.eye(2), [3.0, 4.0], [0.0, 1.0], noisy).round(4)
    array([4.8113, 4.8113])
    """
    size = len(metric.eigenvalues)
    rotated = metric.vectors.T @ _vector(gradient, size)
    second_moment = np.outer(rotated, rotated)
    if noise is not None:
        second_moment += _in_basis(metric, noise.covariance) / noise.batch
    inverses = metric.inverses(dampings)
    by_pair = _in_basis(metric, classical) * second_moment
    divergence = np.clip(np.einsum("ki,ij,kj->k", inverses, by_pair, inverses), 0, None)
    with np.errstate(divide="ignore", invalid="ignore"):  # 0/0: no step, no drop
        drops = inverses @ (rotated * _seen(metric, rotated, seen)) / np.sqrt(divergence)
    return np.asarray(np.where(np.isnan(drops), 0.0, drops))


def predicted_ratio(
    metric: ArrayLike,
    reference: ArrayLike,
    classical: ArrayLike,
    gradient: ArrayLike,
    *,
    damping: float = 0.0,
    reference_damping: float = 0.0,
    noise: BatchNoise | None = None,
) -> float:
    """drop(metric + damping)/drop(reference + reference_damping) at equal KL: who wins the next step.

    Arguments and errors: see `first_order_drop`, which serves many dampings at once.

    >>> round(predicted_ratio(np.diag([1.0, 4.0]), np.eye(2), np.eye(2), [1.0, 1.0]), 6)
    0.857493
    """
    ours, theirs = (
        first_order_drop(factorized(matrix), classical, gradient, at, noise)[0]
        for matrix, at in ((metric, damping), (reference, reference_damping))
    )
    return float(ours / theirs)


def _seen(metric: Factorization, rotated: Floats, seen: ArrayLike | None) -> Floats:
    """Uᵀq."""
    return rotated if seen is None else np.asarray(metric.vectors.T @ _vector(seen, len(rotated)))


def _in_basis(metric: Factorization, matrix: ArrayLike) -> Floats:
    """UᵀAU."""
    dense = np.asarray(matrix, dtype=float)
    if dense.shape != metric.vectors.shape:
        raise ShapeError(f"expected a matrix of the metric's size {metric.vectors.shape}, got {dense.shape}")
    return np.asarray(metric.vectors.T @ dense @ metric.vectors)


def _vector(gradient: ArrayLike, size: int) -> Floats:
    vector = np.asarray(gradient, dtype=float)
    if vector.shape != (size,):
        raise ShapeError(f"expected a gradient of {size} entries, got {vector.shape}")
    return vector

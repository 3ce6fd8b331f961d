"""The quantum natural gradient as the classical one through a spectral filter.

    F_C v_i = μ_i F_Q v_i,   v_iᵀ F_Q v_j = δ_ij          on the range of F_Q

Data processing says F_C ⪯ F_Q, so that 0 ≤ μ_i ≤ 1: the share of direction i's information that the readout
keeps. With all bits measured F_Q = F_C + 4 E_x Cov_p(∂φ), φ the amplitudes' phases, and μ_i < 1 exactly where
phases move. Along v_i the step F_Q⁻¹g is μ_i times the step F_C⁻¹g. To first order, with w_i the shares of
gᵀF_C⁺g, it follows for steps of the full gradient g without damping:

    drop_Q / drop_C = E_w μ / √(E_w μ²) = 1/√(1 + CV_w(μ)²) ≤ 1        at equal KL
    drop_C / drop_Q = 1/√(E_w μ · E_w 1/μ) ≤ 1                         at equal mean squared Bures distance

(Cauchy–Schwarz: each metric's step is the steepest in its own distance.) With noise of the gradient F_Q can
win, see `win_condition`; with damping too: `drop.py`. Behind a Pauli readout, softmax(W⟨P⟩ + b), there is no
order between F_C and F_Q: the formulas hold there as well, with μ_i > 1 possible.
Facchi et al. 2010 (arXiv 1009.5219) for F_Q as F_C plus the covariance of phases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgeo.errors import ShapeError

Floats = NDArray[np.float64]

RANGE = 1e-10
"""Eigenvalues of at most so much of the largest are zeros of a metric, as in `spectra.rank`."""

_OUTSIDE = 1e-6
"""Largest share of a gradient's square, or of F_C's trace, outside a range that still counts as rounding."""


@dataclass(frozen=True, eq=False)
class SpectralFilter:
    """Generalised eigenpairs of (F_C, F_Q).

    Attributes:
        kept: (r,) μ, largest first, r the rank of F_Q; what rounding left below 0 is 0.
        directions: (P, r) columns v_i, F_Q-orthonormal.
    """

    kept: Floats
    directions: Floats


@dataclass(frozen=True)
class WinCondition:
    """Whether a filter pays for itself in noise; see `win_condition`.

    Attributes:
        gain: Cov_q(s, μ)/(E_q s · E_q μ), what it wins where it follows the signal.
        price: √(1 + CV_q(μ)²) − 1, what its spread costs.
    """

    gain: float
    price: float

    @property
    def quantum_wins(self) -> bool:
        """gain > price."""
        return self.gain > self.price

    @property
    def ratio(self) -> float:
        """Expected drop_Q/drop_C at equal KL, (1 + gain)/(1 + price)."""
        return (1 + self.gain) / (1 + self.price)


def spectral_filter(classical: ArrayLike, quantum: ArrayLike, tolerance: float = RANGE) -> SpectralFilter:
    """μ_i and v_i of F_C v = μ F_Q v on the range of F_Q, by whitening: O(P³).

    Args:
        classical, quantum: F_C and F_Q, symmetric (P, P), at the same point and contexts.
        tolerance: eigenvalues of F_Q of at most `tolerance` times the largest are its null space.

    Raises:
        ShapeError: matrices of different sizes, or F_C does not vanish on the null space of F_Q, so that no
            filter takes one to the other.

    >>> found = spectral_filter(np.diag([1.0, 1.0, 0.0]), np.diag([1.0, 4.0, 0.0]))
    >>> found.kept, found.directions.shape
    (array([1.  , 0.25]), (3, 2))
    """
    f_c, f_q = square_matrix(classical), square_matrix(quantum)
    if f_c.shape != f_q.shape:
        raise ShapeError(f"expected F_C and F_Q of one size, got {f_c.shape} and {f_q.shape}")
    spectrum, vectors = np.linalg.eigh(f_q)
    is_kept = spectrum > tolerance * max(spectrum[-1], np.finfo(float).tiny)
    _check_null_space(f_c, vectors[:, ~is_kept])
    whitening = vectors[:, is_kept] / np.sqrt(spectrum[is_kept])
    kept, rotation = np.linalg.eigh(whitening.T @ f_c @ whitening)
    return SpectralFilter(np.clip(kept[::-1], 0, None), whitening @ rotation[:, ::-1])


def shares(found: SpectralFilter, gradient: ArrayLike, tolerance: float = RANGE) -> Floats:
    """w_i = (v_iᵀg)²/μ_i over their sum gᵀF_C⁺g, (r,): where the drop of the classical step comes from.

    Args:
        gradient: (P,) of a loss at the metric's own contexts, which lies in the range of F_C.
        tolerance: directions with μ of at most `tolerance` times the largest are outside that range.

    Raises:
        ShapeError: a gradient that vanishes, or with a part outside the range of F_C, where a step costs no
            KL and no ratio at equal KL exists.

    >>> shares(spectral_filter(np.diag([1.0, 1.0]), np.diag([1.0, 4.0])), [1.0, 1.0])
    array([0.5, 0.5])
    """
    squares = _squares(found, gradient)
    inside = found.kept > tolerance * found.kept.max(initial=0)
    outside = float(squares[~inside].sum())
    if not outside <= _OUTSIDE * squares.sum():
        raise ShapeError(
            "expected the gradient of a loss at the metric's own contexts, in the range of F_C, got one with "
            f"{outside / squares.sum():.2g} of its square outside"
        )
    weights = np.where(inside, squares / np.where(inside, found.kept, 1.0), 0.0)
    return np.asarray(weights / weights.sum())


def kl_race_ratio(found: SpectralFilter, gradient: ArrayLike) -> float:
    """First-order drop of the F_Q step over that of the F_C step at equal KL, 1/√(1 + CV_w(μ)²) ≤ 1.

    Full gradient, no damping, infinitesimal steps. Arguments and errors: see `shares`.

    >>> pair = spectral_filter(np.diag([1.0, 1.0]), np.diag([1.0, 4.0]))
    >>> round(kl_race_ratio(pair, [1.0, 1.0]), 6)  # gᵀF_Q⁻¹g/√(gᵀF_Q⁻¹F_CF_Q⁻¹g · gᵀF_C⁻¹g) = 1.25/√2.125
    0.857493
    """
    weights = shares(found, gradient)
    return float(weights @ found.kept / np.sqrt(weights @ found.kept**2))


def bures_race_ratio(found: SpectralFilter, gradient: ArrayLike) -> float:
    """First-order drop of the F_C step over that of the F_Q step at equal mean squared Bures distance.

    1/√(E_w μ · E_w 1/μ) ≤ 1; the distance of a step is ¼ δᵀF_Qδ. Where F_C is singular on the range of F_Q
    the step meant is the shortest of those that F_C cannot tell apart; F_C⁺g, the shortest in parameters, is
    longer and drops less. Arguments and errors: see `shares`.

    >>> pair = spectral_filter(np.diag([1.0, 1.0]), np.diag([1.0, 4.0]))
    >>> round(bures_race_ratio(pair, [1.0, 1.0]), 6)  # gᵀF_C⁻¹g/√(gᵀF_C⁻¹F_QF_C⁻¹g · gᵀF_Q⁻¹g)
    0.8
    """
    weights = shares(found, gradient)
    used = weights > 0
    inverse = 1 / np.where(used, found.kept, 1.0)
    return float(1 / np.sqrt((weights @ found.kept) * (weights @ inverse)))


def win_condition(kept: ArrayLike, amplitudes: ArrayLike, batch: float) -> WinCondition:
    """Whether the F_Q step beats the F_C step at equal expected KL, gradients being noisy.

    In directions whitened by F_C let the gradient have amplitudes a_i = v_iᵀg/√μ_i and the noise of a batch
    variance 1/B in each (true where the per-token covariance is F_C: a model near its data). With
    q_i ∝ a_i² + 1/B and the signal's part s_i = a_i²/(a_i² + 1/B), F_Q wins exactly if

        Cov_q(s, μ)/(E_q s · E_q μ) > √(1 + CV_q(μ)²) − 1:

    only where μ rises with the signal-to-noise ratio of directions.

    Args:
        kept: (r,) μ > 0 of the directions; amplitudes: (r,) a; batch: B > 0, tokens.

    Raises:
        ShapeError: different lengths, μ that are not positive, no signal, or a batch that is not positive.

    >>> win_condition([1.0, 0.1], [1.0, 0.0], batch=1.0).quantum_wins  # damps a direction of noise alone
    True
    >>> win_condition([0.1, 1.0], [1.0, 0.0], batch=1.0).quantum_wins
    False
    """
    mu, squares = np.asarray(kept, dtype=float), np.asarray(amplitudes, dtype=float) ** 2
    if mu.ndim != 1 or mu.shape != squares.shape or not (mu > 0).all() or not squares.any():
        raise ShapeError(
            f"expected one positive μ and one amplitude per direction, not all zero, got {mu.shape} and "
            f"{squares.shape}"
        )
    if not batch > 0:
        raise ShapeError(f"expected a batch of tokens > 0, got {batch}")
    total = squares + 1 / batch
    weights, signal = total / total.sum(), squares / total
    mean_mu, mean_signal = weights @ mu, weights @ signal
    covariance = weights @ (signal * mu) - mean_signal * mean_mu
    spread = weights @ mu**2 / mean_mu**2
    return WinCondition(float(covariance / (mean_signal * mean_mu)), float(np.sqrt(spread) - 1))


def _squares(found: SpectralFilter, gradient: ArrayLike) -> Floats:
    """(v_iᵀg)², (r,)."""
    vector = np.asarray(gradient, dtype=float)
    if vector.shape != found.directions.shape[:1]:
        raise ShapeError(f"expected a gradient of {len(found.directions)} entries, got {vector.shape}")
    squares = (found.directions.T @ vector) ** 2
    if not squares.any():
        raise ShapeError("expected a gradient with a part in the range of F_Q, got none")
    return np.asarray(squares)


def _check_null_space(f_c: Floats, null: Floats) -> None:
    """F_C ⪯ c·F_Q for some c, or there is no filter."""
    outside = float(np.einsum("pi,pq,qi->", null, f_c, null))
    if outside > _OUTSIDE * np.trace(f_c):
        raise ShapeError(
            "expected F_C to vanish where F_Q does, as data processing has it, got "
            f"{outside / np.trace(f_c):.2g} of its trace there; take both at the same point and contexts"
        )


def square_matrix(matrix: ArrayLike) -> Floats:
    """The matrix in float64, (P, P).

    Raises:
        ShapeError: not square, or not finite.
    """
    dense = np.asarray(matrix, dtype=float)
    if dense.ndim != 2 or dense.shape[0] != dense.shape[1] or not np.isfinite(dense).all():
        raise ShapeError(f"expected a square matrix of finite numbers, got one of shape {dense.shape}")
    return dense

"""How many directions of F_C a metric's steps use, and the damping that gives as many.

    N_eff(M) = (tr F_C M⁺)² / tr[(F_C M⁺)²]

the participation ratio of the eigenvalues of F_C M⁺, which vanish outside the range of F_C. N_eff(F_C) is the
rank of F_C; N_eff(F_Q) = (Σ μ)²/Σ μ², μ the filter's (`filter.py`); N_eff(F_C + λI) falls in λ from the rank
to the participation ratio of F_C's own eigenvalues c:

    N_eff(F_C + λI) = (Σ c/(c + λ))² / Σ (c/(c + λ))²

At equal N_eff a metric is compared with F_C that is damped as much as it damps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from qgeo.geometry.drop import factorized
from qgeo.geometry.filter import RANGE, Floats
from qgeo.geometry.spectra import eigenvalues

_REACHED = 1e-9
"""Relative distance of N_eff from an end of its range that is that end: rounding of the sums."""


def effective_directions(metric: ArrayLike, classical: ArrayLike, tolerance: float = RANGE) -> float:
    """N_eff(M) of a metric M, symmetric positive semidefinite (P, P); 0 where M⁺ and F_C share no direction.

    Args:
        tolerance: eigenvalues of at most `tolerance` times the largest are zeros, in M⁺ and in F_C.

    >>> round(effective_directions(np.diag([1.0, 3.0]), np.eye(2)), 6)  # (1 + 1/3)²/(1 + 1/9)
    1.6
    """
    inverse_of, information = factorized(metric, tolerance), factorized(classical, tolerance)
    spectrum = information.eigenvalues
    counted = spectrum > tolerance * spectrum.max(initial=np.finfo(float).tiny)
    root = information.vectors[:, counted] * np.sqrt(spectrum[counted])
    between = inverse_of.vectors.T @ root
    kept = (between.T * inverse_of.inverses(0.0)[0]) @ between  # F_C^½ M⁺ F_C^½ in F_C's own basis
    total = float((kept**2).sum())
    return float(np.trace(kept) ** 2 / total) if total > 0 else 0.0


def damping_with(directions: float, classical: ArrayLike, tolerance: float = RANGE) -> float | None:
    """λ ≥ 0 with N_eff(F_C + λI) = `directions`, by a bracketed root in log λ; None where no λ reaches it.

    N_eff falls from the rank of F_C (λ = 0) to its participation ratio (λ → ∞), which no finite λ reaches:
    None of more directions than the one and of no more than the other.

    Args:
        classical: F_C (P, P); tolerance: its eigenvalues of at most `tolerance` times the largest are zeros.

    >>> damping_with(1.6, np.diag([1.0, 1.0])), damping_with(3, np.diag([3.0, 1.0]))
    (None, None)
    >>> round(damping_with(1.8, np.diag([3.0, 1.0])), 6)  # (1/2 + 1/4)²/(1/4 + 1/16)
    3.0
    """
    spectrum = eigenvalues(classical)
    spectrum = spectrum[spectrum > tolerance * spectrum.max(initial=0)]
    most, least = float(len(spectrum)), _participation(spectrum)
    if abs(directions - most) <= _REACHED * most:
        return 0.0
    if not least * (1 + _REACHED) < directions < most:
        return None
    low, high = np.log(spectrum.min()) - 40, np.log(spectrum.max()) + 40

    def surplus(log_damping: float) -> float:
        return _participation(spectrum / (spectrum + np.exp(log_damping))) - directions

    return float(np.exp(brentq(surplus, low, high, xtol=1e-12)))


def _participation(numbers: Floats) -> float:
    total = float((numbers**2).sum())
    return float(numbers.sum() ** 2 / total) if total > 0 else 0.0

"""Check of tutorial 2, the geometry of one qubit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def check_2(answer: float) -> None:
    """Whether a measurement along (α, β) = (π/2, answer) makes up for one along X, at θ = π/3 and φ = 1.

    In the tangent plane, with unit vectors e_θ and e_φ in which F_Q is the identity, a measurement along n
    has F_C = ûûᵀ, û the direction of (n·e_θ, n·e_φ). Right where the mean of both F_C has the shares
    μ = (½, ½).

    Args:
        answer: β in radians; β + π is the same axis.

    >>> check_2(1.0)
    hint: the mean of the two F_C keeps the shares μ = 0.65 and 0.35, and both should be 0.50
    turn the axis until it sees a direction in the tangent plane at a right angle to what X sees
    """
    try:
        beta = float(answer)
    except (TypeError, ValueError):
        print("hint: expected one number, the longitude β in radians")
        return
    if not np.isfinite(beta):
        print("hint: expected a finite number, the longitude β in radians")
        return
    high, low = _shares_with_x(beta)
    if high - low < 0.01:  # what both axes see is 0.6 degrees off a right angle: two decimals of β will do
        print("right: the mean of the two F_C is F_Q/2")
        return
    shares = f"μ = {high:.2f} and {low:.2f}"
    print(f"hint: the mean of the two F_C keeps the shares {shares}, and both should be 0.50")
    print("turn the axis until it sees a direction in the tangent plane at a right angle to what X sees")


# --- helpers -----------------------------------------------------------------------------------------------


def _shares_with_x(beta: float) -> tuple[float, float]:
    """μ of the mean of F_C along X and along the equator's axis at longitude β, the larger first."""
    low, high = np.linalg.eigvalsh((_fisher_on_equator(0.0) + _fisher_on_equator(beta)) / 2)
    return float(high), float(low)


def _fisher_on_equator(beta: float, theta: float = np.pi / 3, phi: float = 1.0) -> NDArray[np.float64]:
    """F_C of a measurement along the equator's axis at longitude β, in (e_θ, e_φ)."""
    seen = np.array([np.cos(theta) * np.cos(beta - phi), np.sin(beta - phi)])
    return np.asarray(np.outer(seen, seen) / (seen @ seen))

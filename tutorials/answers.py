"""Answers to the exercises of the notebooks, checked: each check prints "right", or a hint.

Import it from a notebook beside it, `import answers`; put your answer in place of the three dots.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

COIN = 0.8  # probability of heads in exercises 1a and 1b
NOT_YET = "not answered yet: put your answer in place of the dots"


def check_1a(answer: Any) -> None:
    """F_C of a coin, in the coordinate p, the probability of heads."""
    right = _coin_fisher(COIN, derivative=1.0)
    variance = COIN * (1 - COIN)
    hints = {
        1 - COIN: "this is 1 − p; F_C is a sum over both sides of the coin of (∂p(y))²/p(y)",
        1 / COIN: "this is heads alone; tails has the probability 1 − p, and its derivative is −1",
        variance: "this is the variance of y, and F_C in log-odds; in the coordinate p divide by p(y)",
    }
    print(_verdict(answer, right, hints, "add up (∂p(y))²/p(y) over heads and tails"))


def check_1b(answer: Any) -> None:
    """F_C of the same coin in log-odds θ = log p/(1 − p): A² times that of 1a, A = dp/dθ."""
    slope = COIN * (1 - COIN)
    right = _coin_fisher(COIN, derivative=slope)
    in_p, inverted = _coin_fisher(COIN, derivative=1.0), _coin_fisher(COIN, derivative=1 / slope)
    hints = {
        in_p: "this is 1a; in other coordinates F_C has other entries",
        slope * in_p: "A stands on both sides of AᵀFA: for one number, A²F",
        inverted: "this goes the other way; p = σ(θ), so A = dp/dθ = p(1 − p)",
    }
    print(_verdict(answer, right, hints, "AᵀFA with A = dp/dθ = p(1 − p) and F from 1a"))


def check_1c(answer: Any, F_C: Any) -> None:
    """A with A Aᵀ F_C = I: coordinates θ = Aφ in which plain gradient descent takes the natural step."""
    print(_unanswered(answer) or _matrix_verdict(answer, np.asarray(F_C, dtype=float)))


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


# --- helpers ----------------------------------------------------------------------------------------------


def _coin_fisher(p: float, derivative: float) -> float:
    """Σ_y (∂p(y))²/p(y), with the derivative of the probability of heads by the coordinate."""
    return derivative**2 / p + derivative**2 / (1 - p)


def _verdict(answer: Any, right: float, hints: dict[float, str], otherwise: str) -> str:
    """What to say to a number that should be `right`: to 1 %, since it may be rounded."""
    unanswered = _unanswered(answer)
    if unanswered:
        return unanswered
    if not isinstance(answer, int | float | np.number):
        return f"hint: one number is asked for, not a {type(answer).__name__}"
    if _close(answer, right):
        return "right"
    return "hint: " + next((hint for wrong, hint in hints.items() if _close(answer, wrong)), otherwise)


def _close(answer: Any, value: float) -> bool:
    return bool(np.isclose(float(answer), value, rtol=0.01, atol=0))


def _unanswered(answer: Any) -> str:
    return NOT_YET if answer is ... or answer is None else ""


def _matrix_verdict(answer: Any, F: np.ndarray) -> str:
    try:
        A = np.asarray(answer, dtype=float)
    except (TypeError, ValueError):
        return "hint: a matrix of numbers is asked for"
    if A.shape != F.shape:
        return f"hint: a matrix of shape {F.shape} is asked for, not {A.shape}"
    if _is_inverse(A @ A.T, F):
        return "right"
    if _is_inverse(A, F):
        return "hint: A Aᵀ should be the inverse of F_C, not A itself: A enters the step twice"
    if np.allclose(A @ A.T, F):
        return "hint: your A Aᵀ is F_C; the step needs its inverse"
    if _is_inverse(A.T @ A, F):
        return "hint: your Aᵀ A is the inverse of F_C; the step has A Aᵀ, so transpose"
    return "hint: the step in θ is −lr A Aᵀ ∇L; compare with −lr F_C⁻¹ ∇L (np.linalg.cholesky gives M = C Cᵀ)"


def _is_inverse(M: np.ndarray, F: np.ndarray) -> bool:
    return bool(np.allclose(M @ F, np.eye(len(F)), atol=1e-3))


def _shares_with_x(beta: float) -> tuple[float, float]:
    """μ of the mean of F_C along X and along the equator's axis at longitude β, the larger first."""
    low, high = np.linalg.eigvalsh((_fisher_on_equator(0.0) + _fisher_on_equator(beta)) / 2)
    return float(high), float(low)


def _fisher_on_equator(beta: float, theta: float = np.pi / 3, phi: float = 1.0) -> NDArray[np.float64]:
    """F_C of a measurement along the equator's axis at longitude β, in (e_θ, e_φ)."""
    seen = np.array([np.cos(theta) * np.cos(beta - phi), np.sin(beta - phi)])
    return np.asarray(np.outer(seen, seen) / (seen @ seen))

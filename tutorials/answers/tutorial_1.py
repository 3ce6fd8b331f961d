"""Checks of tutorial 1, why gradient descent needs a metric."""

from __future__ import annotations

from typing import Any

import numpy as np

from .verdicts import number_verdict, unanswered

COIN = 0.8  # probability of heads in exercises 1a and 1b
ROUNDED = 0.05  # of A Aᵀ F_C from 1: entries of A to two decimals are .02 off for the notebook's F_C


def check_1a(answer: Any) -> None:
    """F_C of a coin, in the coordinate p, the probability of heads."""
    right = _coin_fisher(COIN, derivative=1.0)
    variance = COIN * (1 - COIN)
    hints = {
        1 - COIN: "this is 1 − p; F_C is a sum over both sides of the coin of (∂p(y))²/p(y)",
        1 / COIN: "this is heads alone; tails has the probability 1 − p, and its derivative is −1",
        variance: "this is the variance of y, and F_C in log-odds; in the coordinate p divide by p(y)",
    }
    print(number_verdict(answer, right, hints, "add up (∂p(y))²/p(y) over heads and tails"))


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
    print(number_verdict(answer, right, hints, "AᵀFA with A = dp/dθ = p(1 − p) and F from 1a"))


def check_1c(answer: Any, F_C: Any) -> None:
    """A with A Aᵀ F_C = I: coordinates θ = Aφ in which plain gradient descent takes the natural step."""
    print(unanswered(answer) or _matrix_verdict(answer, np.asarray(F_C, dtype=float)))


# --- helpers -----------------------------------------------------------------------------------------------


def _coin_fisher(p: float, derivative: float) -> float:
    """Σ_y (∂p(y))²/p(y), with the derivative of the probability of heads by the coordinate."""
    return derivative**2 / p + derivative**2 / (1 - p)


def _matrix_verdict(answer: Any, F: np.ndarray) -> str:
    try:
        A = np.asarray(answer, dtype=float)
    except (TypeError, ValueError):
        return "hint: a matrix of numbers is asked for"
    if A.shape != F.shape:
        return f"hint: a matrix of shape {F.shape} is asked for, not {A.shape}"
    if not np.isfinite(A).all() or np.linalg.matrix_rank(A) < len(A):
        return "hint: your A has no inverse, so that φ does not reach every θ = Aφ"
    if _is_inverse(A @ A.T, F):
        return "right"
    if _is_inverse(A, F):
        return "hint: A Aᵀ should be the inverse of F_C, not A itself: A enters the step twice"
    if np.allclose(A @ A.T, F):
        return "hint: your A Aᵀ is F_C; the step needs its inverse"
    if _is_inverse(A.T @ A, F):
        return "hint: your Aᵀ A is the inverse of F_C; the step has A Aᵀ, so transpose"
    if _is_inverse(A @ A.T, F, within=ROUNDED):
        return "hint: close; if you rounded, give more digits"
    return "hint: the step in θ is −lr A Aᵀ ∇L; compare with −lr F_C⁻¹ ∇L (np.linalg.cholesky gives M = C Cᵀ)"


def _is_inverse(M: np.ndarray, F: np.ndarray, within: float = 1e-3) -> bool:
    return bool(np.allclose(M @ F, np.eye(len(F)), atol=within))

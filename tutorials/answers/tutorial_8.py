"""Checks of tutorial 8, natural gradient for an energy."""

from __future__ import annotations

from typing import Any

from numpy import cos, sin

from .verdicts import number_verdict

FACTOR, START, LR = 3, 0.4, 0.5  # exercise 8a: RY(3θ), one step of lr = 0.5 from θ = 0.4
ROTATIONS, GROUPS = 12, 2  # exercise 8b


def check_8a(answer: Any) -> None:
    """θ − lr F_Q⁻¹ ∂E of E = cos 3θ: F_Q of RY(3θ) is 3² times that of RY(θ), which is 1."""
    slope, F_Q = -FACTOR * sin(FACTOR * START), FACTOR**2
    right = _landing(slope / F_Q)
    hints = {
        right - START: "this is the step; where does it land?",
        _landing(slope): "this is the plain gradient step: divide the slope by F_Q",
        _landing(slope / (F_Q / 4)): "this divides by the Fubini–Study metric, a quarter of F_Q",
        _landing(slope / FACTOR): "F_Q is quadratic in derivatives: the factor enters it twice",
        _landing(slope / FACTOR / F_Q): "the slope has the factor, too: ∂E = −3 sin 3θ",
        _landing(-slope / F_Q): "this goes uphill: δ = −lr F_Q⁻¹ ∂E",
        _landing(cos(FACTOR * START) / F_Q): "this takes the energy for its slope, −3 sin 3θ",
    }
    print(number_verdict(answer, right, hints, "θ − lr ∂E/F_Q with ∂E = −3 sin 3θ, in radians, and F_Q = 3²"))


def check_8b(answer: Any) -> None:
    """Circuits of an Adam step over those of a natural step whose F_Q is measured entry by entry."""
    plain, pairs = GROUPS * (1 + 2 * ROTATIONS), ROTATIONS * (ROTATIONS + 1) // 2
    right = plain / (plain + pairs)
    hints = {
        1 / right: "this is the other way round: what a natural step costs, in Adam's steps",
        plain / pairs: "a natural step needs the gradient, too",
        plain / (plain + ROTATIONS**2): "F_Q is symmetric: an entry and its mirror image are one circuit",
        plain / (plain + pairs - ROTATIONS): "this leaves out the diagonal of F_Q",
        (plain - GROUPS) / (plain - GROUPS + pairs): "this leaves out the energy itself, a circuit a group",
        (plain / GROUPS) / (plain / GROUPS + pairs): "energy and gradient are measured in both groups",
    }
    print(number_verdict(answer, right, hints, "G(1 + 2m) over G(1 + 2m) + m(m + 1)/2"))


# --- helpers -----------------------------------------------------------------------------------------------


def _landing(direction: float) -> float:
    """Where a step of −lr times a direction ends."""
    return float(START - LR * direction)

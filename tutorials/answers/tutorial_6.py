"""Checks of tutorial 6, what noise does to the metric."""

from __future__ import annotations

from typing import Any

from .verdicts import number_verdict

DEPOLARISED, FLIPPED = 0.2, 0.05  # p of exercises 6a and 6b, e₀ = e₁ of 6a
AT_ZERO, AT_SHIFT, OUTCOMES = 0.85, 0.30, 4  # f(0) and f(2s_k) of exercise 6c, d of two qubits


def check_6a(answer: Any) -> None:
    """F_C for θ at π/2, depolarised and read with errors: κ², κ = (1 − p)(1 − 2e)."""
    state, readout = 1 - DEPOLARISED, 1 - 2 * FLIPPED
    hints = {
        state**2: "this is F_Q of the state; the readout errs on top of it",
        readout**2: "this is the readout alone; the state is depolarised before it",
        state * readout: "this is κ, by which the slope of p'₀ shrinks; F_C has the slope squared",
        (state * (1 - FLIPPED)) ** 2: "flips both ways take 2e from the slope, not e",
        1.0: "this is without any noise",
    }
    print(number_verdict(answer, (state * readout) ** 2, hints, "F_C = κ²sin²θ/(1 − κ²cos²θ) at θ = π/2"))


def check_6b(answer: Any) -> None:
    """F_Q for p itself: |∂r|² + (r·∂r)²/(1 − r²) with r = 1 − p along r."""
    r = 1 - DEPOLARISED
    across = r**2 / (1 - r**2)
    hints = {
        1.0: "this is |∂r|² alone; r·∂r is not zero here",
        across: "this is the second term alone; |∂r|² comes on top",
        r**2: "this is F_Q for θ, along the globe; for p the step is along r",
        1 / DEPOLARISED: "the denominator is 1 − r², not 1 − r",
    }
    print(number_verdict(answer, 1 + across, hints, "|∂r|² + (r·∂r)²/(1 − r²) with ∂r of length 1 along r"))


def check_6c(answer: Any) -> None:
    """F_kk of the pure state from overlaps f' = c f + (1 − c)/d: (f'(0) − f'(2s_k))/c."""
    c = (AT_ZERO - 1 / OUTCOMES) / (1 - 1 / OUTCOMES)
    drop = AT_ZERO - AT_SHIFT
    hints = {
        1 - AT_SHIFT: "this is what parameter shift says; its diagonal is filled by 1 − f(0)",
        drop: "this is c F_kk; divide by c",
        drop / AT_ZERO: "c is not f(0): of the lost share 1 − c, one shot in d reads all zeros",
        (1 - AT_SHIFT) / c: "take the filled diagonal away first, 1 − f(0)",
        c: "this is c",
    }
    print(number_verdict(answer, drop / c, hints, "F_kk = (1 − f(2s_k) − (1 − f(0)))/c"))

"""Checks of tutorial 5, measuring the metric: how many shots an error bar takes.

Everything is computed from the state before the chain, a product: see `_means`. The estimate of an entry is a
function of measured means or frequencies, and its variance that of its linear part.
"""

from __future__ import annotations

from math import cos, pi, sin
from typing import Any

from .verdicts import number_verdict

THETA_1 = 1.0  # the only value on which F_Q of the circuit depends
WANTED = 0.01  # the standard error that is asked for


def check_5a(answer: Any) -> None:
    """Shots of the one overlap behind F_00 = 1 − f, f measured as a frequency: f(1 − f)/N = WANTED²."""
    z = _means()["P0"]
    f = z**2  # |⟨e^{−iπP/2}⟩|² = ⟨P⟩²
    right = f * (1 - f) / WANTED**2
    hints = {
        f * (1 - f) / WANTED: "the variance f(1 − f)/N should be the square of 0.01",
        (f * (1 - f)) ** 0.5 / WANTED: "this compares √(f(1 − f))/N with 0.01; the root is over N too",
        f / WANTED**2: "the variance of a frequency is f(1 − f)/N, not f/N",
        right / 4: "no weight ½ here: the diagonal entry is 1 − f with one overlap f",
    }
    print(
        number_verdict(
            answer, right, hints, "the variance of the frequency f̂ is f(1 − f)/N, with f = 1 − F_00"
        )
    )


def check_5b(answer: Any) -> None:
    """Shots of the layer's circuit for F_00 = 1 − m², m the mean of readings ±1: 4m²(1 − m²)/N = WANTED²."""
    m = _means()["P0"]
    of_mean = 1 - m**2  # variance of one reading
    right = 4 * m**2 * of_mean / WANTED**2
    hints = {
        of_mean / WANTED**2: "this is for the error of m itself; that of m² is 2m times as large",
        2 * abs(m) * of_mean / WANTED**2: "the error is multiplied by 2m, so the variance by its square",
        m**2
        * of_mean
        / WANTED**2: "this is 5a; here the device measures m, and F_00 = 1 − m² has the slope 2m",
        right * WANTED: "the variance should be the square of 0.01",
    }
    print(
        number_verdict(
            answer, right, hints, "the variance of 1 − m̂² is (2m)² times that of m̂, which is (1 − m²)/N"
        )
    )


def check_5c(answer: Any) -> None:
    """Shots of each of the four overlaps behind F_02: ¼ Σ f(1 − f)/N = WANTED²."""
    overlaps = _four_overlaps()
    total = sum(f * (1 - f) for f in overlaps)
    right = total / 4 / WANTED**2
    hints = {
        total
        / WANTED**2: "this is for all four circuits together, or the weight ½ of each overlap was left out",
        total / 2 / WANTED**2: "the weight ½ enters the variance squared",
        right / 4: "the variances of four independent runs add up; this is their mean",
    }
    print(number_verdict(answer, right, hints, "add up (½)² f(1 − f)/N over the four overlaps of section 2"))


# --- helpers -----------------------------------------------------------------------------------------------


def _means() -> dict[str, float]:
    """⟨P_0⟩, ⟨P_2⟩ and ⟨P_0P_2⟩ before the chain: P_0 = Z_0, P_2 = Z_0Y_1X_2, the qubits independent."""
    z, y, x = cos(pi / 4), sin(pi / 3) * sin(THETA_1), sin(pi / 7)
    return {"P0": z, "P2": z * y * x, "P0P2": y * x}


def _four_overlaps() -> list[float]:
    """|⟨(1 − iaP_0)(1 − ibP_2)⟩|²/4 for a, b = ±1: rotations by ±π/2 are (1 ∓ iP)/√2."""
    of = _means()
    return [
        ((1 - a * b * of["P0P2"]) ** 2 + (a * of["P0"] + b * of["P2"]) ** 2) / 4
        for a in (1, -1)
        for b in (1, -1)
    ]

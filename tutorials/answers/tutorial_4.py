"""Checks of tutorial 4, two metrics, one head."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import stdtrit

from .verdicts import NOT_YET, number_verdict, unanswered

KEPT = (0.8, 0.2)  # μ of the two directions in exercises 4a and 4b
FIRST = 0.75  # w of the first direction in 4a
REPLICATES = 40  # of exercise 4c
UPSIDE_DOWN = "upside down: at equal KL F_C's short step is the steepest, so the ratio is at most 1"
VERDICTS = ("better", "worse", "equivalent", "undecided")


def check_4a(answer: Any) -> None:
    """drop_Q/drop_C at equal KL of two directions, Σwμ/√Σwμ²."""
    mean, square = _moments(FIRST)
    right = mean / square**0.5
    unweighted = sum(KEPT) / (2 * sum(mu**2 for mu in KEPT)) ** 0.5
    hints = {
        mean: "this is the mean of μ, the drop of the filtered step itself; now make its KL equal",
        square**0.5: "this is the root mean square of μ; the drop, the mean, is still to be divided by it",
        mean / square: "KL grows with the square of a step, so divide by the root of Σwμ²",
        1 / right: UPSIDE_DOWN,
        1 / unweighted: UPSIDE_DOWN + "; and the first direction has three quarters of the drop",
        unweighted: "this counts both directions alike; the first has three quarters of the drop",
    }
    print(number_verdict(answer, right, hints, "Σ wμ divided by the root of Σ wμ²"))


def check_4b(answer: Any) -> None:
    """The share w₁ at which Σwμ/√Σwμ² is smallest: μ₂/(μ₁ + μ₂), where its derivative vanishes."""
    high, low = KEPT
    right = low / (high + low)
    widest = ((high + low) ** 2 / 4 - low**2) / (high**2 - low**2)  # there rms = (μ₁ + μ₂)/2
    hints = {
        high / (high + low): "the other way round: try a filter that holds back where most of the drop is",
        widest: "there the gap between the two lines is largest; what counts is their quotient",
        0.5: "mean/rms is lower elsewhere: compare it at w₁ = .4 and at .6, and go on",
        0.0: "with all of the drop in one direction the skyline is flat, and nothing is lost",
        1.0: "with all of the drop in one direction the skyline is flat, and nothing is lost",
    }
    mean, square = _moments(right)
    lowest = f"try values of w₁ from 0 to 1: the lowest mean/rms is {mean / square**0.5:.2f}"
    print(number_verdict(answer, right, hints, lowest))


def check_4c(answer: Any, difference: Any, margin: float) -> None:
    """The verdict on 40 replicates with the mean and the spread of those in `difference`."""
    if unanswered(answer):
        print(NOT_YET)
    elif answer not in VERDICTS:
        print(f"hint: one of {', '.join(VERDICTS)} is asked for")
    else:
        print(_verdict_hint(answer, np.asarray(difference, dtype=float), margin))


# --- helpers -----------------------------------------------------------------------------------------------


def _moments(first: float) -> tuple[float, float]:
    """Σwμ and Σwμ², w = (first, 1 − first)."""
    shares = (first, 1 - first)
    mean = sum(w * mu for w, mu in zip(shares, KEPT, strict=True))
    return mean, sum(w * mu**2 for w, mu in zip(shares, KEPT, strict=True))


def verdict_of(mean: float, spread: float, replicates: int, margin: float) -> str:
    """By the table of section 6, differences with this mean and standard deviation; lower is better."""
    error, degrees = spread / replicates**0.5, replicates - 1
    if abs(mean) + stdtrit(degrees, 0.95) * error <= margin:
        return "equivalent"
    return different(mean, spread, replicates) or "undecided"


def different(mean: float, spread: float, replicates: int) -> str:
    """What the paired t-test at 5 % alone says, lower is better; empty where it does not exclude 0."""
    if abs(mean) <= stdtrit(replicates - 1, 0.975) * spread / replicates**0.5:
        return ""
    return "better" if mean < 0 else "worse"


def _verdict_hint(answer: str, difference: np.ndarray, margin: float) -> str:
    mean, spread = float(difference.mean()), float(difference.std(ddof=1))
    right = verdict_of(mean, spread, REPLICATES, margin)
    if answer == right:
        return "right"
    if right == "equivalent" and answer == different(mean, spread, REPLICATES):
        return f"hint: that fits too, but {right} stands above it in the table: so small a difference is none"
    half = float(stdtrit(REPLICATES - 1, 0.95)) * spread / REPLICATES**0.5
    ends = f"[{mean - half:+.4f}, {mean + half:+.4f}]"
    return f"hint: the 90 % interval is the mean ± 1.68 × spread/√40, {ends}; compare it with ±{margin:.4f}"

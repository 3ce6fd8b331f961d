"""What to say to an answer: "right", or a hint; shared by the checks of all tutorials."""

from __future__ import annotations

from typing import Any

import numpy as np

RIGHT = "right"
NOT_YET = "not answered yet: put your answer in place of the dots"


def unanswered(answer: Any) -> str:
    """The sentence for an answer that is still the three dots, or empty."""
    return NOT_YET if answer is ... or answer is None else ""


def close(answer: Any, value: float) -> bool:
    """Equal to 1 %, since an answer may be rounded."""
    return bool(np.isclose(float(answer), value, rtol=0.01, atol=0))


def number_verdict(answer: Any, right: float, hints: dict[float, str], otherwise: str) -> str:
    """What to say to a number that should be `right`: hints belong to known wrong numbers."""
    if unanswered(answer):
        return NOT_YET
    if isinstance(answer, np.ndarray) and answer.size == 1 and answer.dtype.kind in "biuf":
        answer = answer.item()  # a metric of one value is a (1, 1) array
    if not isinstance(answer, int | float | np.number):
        return f"hint: one number is asked for, not {_with_article(type(answer).__name__)}"
    if close(answer, right):
        return RIGHT
    return "hint: " + next((hint for wrong, hint in hints.items() if close(answer, wrong)), otherwise)


def _with_article(noun: str) -> str:
    spoken_vowel = noun[0] in "aeiou" or noun == "ndarray"  # en-dee-array
    return f"{'an' if spoken_vowel else 'a'} {noun}"

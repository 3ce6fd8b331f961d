"""The checks of tutorial 5 know right from wrong; right answers are held against qgeo's own error bars."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qgeo.circuit import catalogue
from qgeo.estimators import BlockDiagonalQFI, ParameterShiftQFI
from qgeo.estimators.multinomial import MultinomialSampler
from tutorials import answers

THETA = [0.4, 1.0, 0.5, 0.2]

OVERLAPS = np.array([0.33340, 0.49149, 0.49149, 0.33340])  # as the notebook prints them
OF_FOUR = (OVERLAPS * (1 - OVERLAPS)).sum()
RIGHT = [
    (answers.check_5a, 2500),
    (answers.check_5b, 10_000),
    (answers.check_5c, OF_FOUR / 4 / 1e-4),
]
WRONG = [
    (answers.check_5a, ..., "not answered yet"),
    (answers.check_5a, 25, "hint: the variance f(1 − f)/N should be the square"),
    (answers.check_5a, 50, "hint: this compares √(f(1 − f))/N"),
    (answers.check_5a, 5000, "hint: the variance of a frequency is f(1 − f)/N, not f/N"),
    (answers.check_5a, 625, "hint: no weight ½ here"),
    (answers.check_5a, 7, "hint: the variance of the frequency"),
    (answers.check_5b, ..., "not answered yet"),
    (answers.check_5b, 5000, "hint: this is for the error of m itself"),
    (answers.check_5b, 7071, "hint: the error is multiplied by 2m, so the variance by its square"),
    (answers.check_5b, 2500, "hint: this is 5a"),
    (answers.check_5b, 100, "hint: the variance should be the square of 0.01"),
    (answers.check_5b, 7, "hint: the variance of 1 − m̂²"),
    (answers.check_5c, ..., "not answered yet"),
    (answers.check_5c, OF_FOUR / 1e-4, "hint: this is for all four circuits together, or the weight ½"),
    (answers.check_5c, OF_FOUR / 2 / 1e-4, "hint: the weight ½ enters the variance squared"),
    (answers.check_5c, OF_FOUR / 16 / 1e-4, "hint: the variances of four independent runs add up"),
    (answers.check_5c, 7, "hint: add up"),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_a_right_answer_is_right(check: Any, answer: float, capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: 5a with f in place of f(1 − f); 5b with the slope m for 2m; 5c without ⟨P_0P_2⟩.
    check(answer)
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(("check", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_its_hint(
    check: Any, answer: Any, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Seen to fail: the hints of 5b for the error of m and for 2m exchanged.
    check(answer)
    assert capsys.readouterr().out.startswith(hint)


@pytest.mark.parametrize(
    ("method", "shots", "entry"),
    [
        (ParameterShiftQFI, 2500, (0, 0)),
        (BlockDiagonalQFI, 10_000, (0, 0)),
        (ParameterShiftQFI, round(OF_FOUR / 4 / 1e-4), (0, 2)),
    ],
)
def test_so_many_shots_give_the_standard_error(method: Any, shots: int, entry: tuple[int, int]) -> None:
    # Seen to fail: half of the shots.
    sampler = MultinomialSampler(np.random.default_rng(0))
    estimate = method(sampler).estimate(catalogue.circuit("stokes"), THETA, shots=shots)
    assert estimate.stderr[entry] == pytest.approx(0.01, rel=0.03)

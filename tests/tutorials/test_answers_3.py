"""The checks of tutorial 3 know right from wrong; their right answers are held against qgeo's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import qgeo
from qgeo.geometry.operators import DenseMatrix
from qgeo.tasks import source_task
from tutorials import answers

UNIGRAM = np.log(3) - 2 / 3 * np.log(2)
"""Entropy of (⅔, ⅓), nats."""

RIGHT = [
    (answers.check_3a, UNIGRAM - 2 / 3 * np.log(2)),
    (answers.check_3b, 30 + 128 + 120 + 10),
    (answers.check_3c, -25 / 0.35),
]
WRONG = [
    (answers.check_3a, ..., "not answered yet"),
    (answers.check_3a, UNIGRAM, "hint: this is its loss; the excess"),
    (answers.check_3a, UNIGRAM / np.log(2), "hint: this is its loss in bits"),
    (answers.check_3a, UNIGRAM / np.log(2) - 2 / 3, "hint: this is in bits"),
    (answers.check_3a, np.log(2) / 3, "hint: this is the coin flip"),
    (answers.check_3a, 2 / 3 * np.log(2), "hint: this is the floor"),
    (answers.check_3a, 0.5, "hint: the entropy of (⅔, ⅓) less the floor"),
    (answers.check_3a, "a", "hint: one number is asked for"),
    (answers.check_3b, ..., "not answered yet"),
    (answers.check_3b, 288.0, "hint: a whole number is asked for"),
    (answers.check_3b, 30, "hint: these are the angles of the circuit"),
    (answers.check_3b, 278, "hint: the encoder's bias is missing"),
    (answers.check_3b, 160, "hint: the embedding is missing"),
    (answers.check_3b, 258, "hint: this is the encoder"),
    (answers.check_3b, 256, "hint: these are the numbers with four qubits"),
    (answers.check_3b, 208, "hint: W takes the numbers of all three"),
    (answers.check_3b, 287, "hint: add up values"),
    (answers.check_3c, ..., "not answered yet"),
    (answers.check_3c, 25 / 0.35, "hint: the size is right"),
    (answers.check_3c, -5 / 0.35, "hint: this is the change of φ₂"),
    (answers.check_3c, -1 / 0.11, "hint: this is your own step"),
    (answers.check_3c, -100.0, "hint: this is the step without damping"),
    (answers.check_3c, -25 / 0.15, "hint: A stands on both sides"),
    (answers.check_3c, -1.0, "hint: their F_C is AᵀFA"),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_a_right_answer_is_right(check: Any, answer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: ONES for 1 − ONES in the floor of 3a; one angle per qubit in 3b; right = step in 3c.
    check(answer)
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(("check", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_its_hint(
    check: Any, answer: Any, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Seen to fail: the sum without the embedding in place of that without the bias.
    check(answer)
    assert capsys.readouterr().out.startswith(hint)


def test_the_excess_is_that_of_the_source(capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: (⅓, ⅔) here.
    def unigram(contexts: torch.Tensor) -> torch.Tensor:
        return torch.tensor([2 / 3, 1 / 3], dtype=torch.float64).log().expand(len(contexts), 2)

    answers.check_3a(source_task("golden-mean", context=2).exact_excess(unigram))
    assert capsys.readouterr().out == "right\n"


def test_the_count_is_that_of_the_head(capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: vocabulary=31 here.
    head = qgeo.BornHead(vocabulary=32, context=3)
    answers.check_3b(sum(parameter.numel() for parameter in head.parameters()))
    assert capsys.readouterr().out == "right\n"


def test_the_damped_step_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: the step left in φ₂, without A before it.
    A = torch.diag(torch.tensor([1.0, 5.0], dtype=torch.float64))
    F_C, gradient = torch.tensor([[1.0, 0.0], [0.0, 0.01]]).double(), torch.ones(2).double()
    step = -A @ DenseMatrix(A.T @ F_C @ A).solve(A.T @ gradient, 0.1)
    answers.check_3c(float(step[1]))
    assert capsys.readouterr().out == "right\n"

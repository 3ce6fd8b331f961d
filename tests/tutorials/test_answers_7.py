"""The checks of tutorial 7 know right from wrong; their right answer is held against qgeo's planner."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit.circuit.library import efficient_su2

from qgeo.backends.device import device_by_name
from qgeo.backends.plan import Plan
from qgeo.hardware.fisher_request import FisherRequest
from qgeo.hardware.plan import expected_stderr
from tutorials import answers

PLAN = Plan(
    "parameter-shift",
    jobs=1,
    circuits=100,
    distinct=1,
    shots=100_000,
    depth=9,
    two_qubit=4,
    seconds=37,
    stderr=None,
)
"""A shot takes 350 µs: ⌊598/(100 · 350 µs)⌋ = 17,085 shots per circuit fit in 600 s."""

RIGHT = [(answers.check_7a, 17_085), (answers.check_7b, 0.5 / 17_085**0.5)]
WRONG = [
    (answers.check_7a, ..., "not answered yet"),
    (answers.check_7a, "many", "hint: one number is asked for, not a str"),
    (answers.check_7a, 1_708_500, "hint: these are the shots of all circuits"),
    (answers.check_7a, 23_920, "hint: a shot takes longer than the pause"),
    (answers.check_7a, 1000, "hint: this is the plan as it is, and it takes 37 s"),
    (answers.check_7a, 17_086, "hint: almost, but so many do not fit"),
    (answers.check_7a, 598 / 0.035, "hint: almost, but so many do not fit"),
    (answers.check_7a, 17_084, "hint: almost, but one shot more fits"),
    (answers.check_7a, 5000, "hint: solve 2·jobs + N s t = 600"),
    (answers.check_7b, ..., "not answered yet"),
    (answers.check_7b, 1 / 17_085**0.5, "hint: this is 1/√s, the error of lin-comb"),
    (answers.check_7b, 0.5 / 1000**0.5 * 37 / 600, "hint: an error does not fall as 1/s"),
    (answers.check_7b, 0.5 / 1_708_500**0.5, "hint: s is the number of shots of one circuit"),
    (answers.check_7b, 0.1, "hint: at equal shots, how do the two stderr"),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_a_right_answer_is_right(check: Any, answer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: not divided by the number of circuits; 1/√s for ½/√s.
    check(answer, PLAN)
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(("check", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_its_hint(
    check: Any, answer: Any, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Seen to fail: all shots divided by N where they are multiplied; the error that falls as 1/s upside down;
    # every whole number to 1 % right, one too many among them.
    check(answer, PLAN)
    assert capsys.readouterr().out.startswith(hint)


def test_so_many_shots_fit_by_the_planner(capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: a shot taken to be the pause of 250 µs alone; 166 shots by rounding up.
    most = 165
    assert _planned(most).seconds <= 600 < _planned(most + 1).seconds
    answers.check_7a(most, _planned(100))
    answers.check_7b(expected_stderr("parameter-shift", most), _planned(100))
    assert capsys.readouterr().out == "right\nright\n"


def _planned(shots: int) -> Plan:
    """As in the notebook: twelve qubits, two repetitions."""
    circuit = efficient_su2(12, reps=2, entanglement="linear")
    request = FisherRequest(circuit, np.zeros(circuit.num_parameters), "parameter-shift", shots)
    return request.plan(device_by_name("fake_kolkata"))

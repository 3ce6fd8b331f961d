"""The checks of tutorial 6 know right from wrong; their right answers are held against qgeo's matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import qgeo
from qgeo.estimators import Executor
from qgeo.estimators.overlaps import overlap_experiment, overlaps
from qgeo.estimators.pauli_circuit import pauli_circuit
from qgeo.geometry.mixed import sld_fisher
from tutorials import answers
from tutorials.answers import tutorial_6

Check = Callable[[Any], None]

RIGHT = [(answers.check_6a, 0.5184), (answers.check_6b, 2.778), (answers.check_6c, 0.6875)]
WRONG = [
    (answers.check_6a, ..., "not answered yet"),
    (answers.check_6a, 0.64, "hint: this is F_Q of the state"),
    (answers.check_6a, 0.81, "hint: this is the readout alone"),
    (answers.check_6a, 0.72, "hint: this is κ"),
    (answers.check_6a, 0.5776, "hint: flips both ways"),
    (answers.check_6a, 1, "hint: this is without any noise"),
    (answers.check_6a, 0.3, "hint: F_C = κ²sin²θ"),
    (answers.check_6b, 1, "hint: this is |∂r|² alone"),
    (answers.check_6b, 1.778, "hint: this is the second term alone"),
    (answers.check_6b, 0.64, "hint: this is F_Q for θ"),
    (answers.check_6b, 5, "hint: the denominator"),
    (answers.check_6b, 7, "hint: |∂r|² + (r·∂r)²/(1 − r²)"),
    (answers.check_6c, "0.6875", "hint: one number is asked for"),
    (answers.check_6c, 0.7, "hint: this is what parameter shift says"),
    (answers.check_6c, 0.55, "hint: this is c F_kk"),
    (answers.check_6c, 0.647, "hint: c is not f(0)"),
    (answers.check_6c, 0.875, "hint: take the filled diagonal away first"),
    (answers.check_6c, 0.8, "hint: this is c"),
    (answers.check_6c, 0.1, "hint: F_kk = (1 − f(2s_k)"),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_a_right_answer_is_right(check: Check, answer: float, capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: e in place of 2e in 6a; the second term of 6b alone; the drop of 6c divided by f(0).
    check(answer)
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(("check", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_its_hint(
    check: Check, answer: Any, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Seen to fail: the hints of f(0) and of c in 6c exchanged.
    check(answer)
    assert capsys.readouterr().out.startswith(hint)


def test_6a_is_the_fisher_information_behind_both_channels(capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: depolarising taken for flips with p in place of p/2.
    qubit = QuantumCircuit(1)
    qubit.ry(Parameter("θ"), 0)
    channel = _flips(tutorial_6.FLIPPED) @ _flips(tutorial_6.DEPOLARISED / 2)
    answers.check_6a(qgeo.classical_fisher(qubit, [np.pi / 2], readout=channel)[0, 0])
    assert capsys.readouterr().out == "right\n"


def test_6b_is_the_information_of_the_density_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: the derivative by p left undivided by 2.
    r, slope = 1 - tutorial_6.DEPOLARISED, np.array([[0, -1], [-1, 0]]) / 2  # along X
    answers.check_6b(sld_fisher(np.array([[1, r], [r, 1]]) / 2, slope[None])[0, 0])
    assert capsys.readouterr().out == "right\n"


def test_6c_is_the_information_of_a_state_with_these_overlaps(capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: the shift by π/2 in place of π.
    circuit = QuantumCircuit(2)
    circuit.ry(np.arccos(np.sqrt(0.6875)), 0)  # F_Q = 1 − ⟨X⟩² = cos² of this angle
    circuit.rx(Parameter("θ"), 0)
    forth_and_back, shifts = overlap_experiment(pauli_circuit(circuit)), np.array([[[0], [np.pi]]])
    at_zero, at_shift = overlaps(forth_and_back, Executor(), np.zeros((1, 1)), shifts, None).values[0]
    left = 0.8  # of the state; the rest is completely mixed
    assert left * at_zero + (1 - left) / 4 == pytest.approx(tutorial_6.AT_ZERO)
    assert left * at_shift + (1 - left) / 4 == pytest.approx(tutorial_6.AT_SHIFT)
    answers.check_6c(qgeo.quantum_fisher(circuit, [0.0])[0, 0])
    assert capsys.readouterr().out == "right\n"


def _flips(rate: float) -> np.ndarray:
    return np.array([[1 - rate, rate], [rate, 1 - rate]])

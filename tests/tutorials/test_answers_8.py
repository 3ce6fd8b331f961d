"""The checks of tutorial 8 know right from wrong; right answers are held against qgeo's step and counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import SparsePauliOp

import qgeo
from qgeo.vqe.minimization import circuits_per_step
from tutorials.answers import check_8a, check_8b

LANDING = 0.4 + 0.5 * np.sin(1.2) / 3
FRACTION = 50 / 128

WRONG = [
    (check_8a, ..., "not answered yet"),
    (check_8a, "left", "hint: one number is asked for, not a str"),
    (check_8a, LANDING - 0.4, "hint: this is the step"),
    (check_8a, 0.4 + 1.5 * np.sin(1.2), "hint: this is the plain gradient step"),
    (check_8a, 0.4 + 1.5 * np.sin(1.2) / 2.25, "hint: this divides by the Fubini–Study metric"),
    (check_8a, 0.4 + 0.5 * np.sin(1.2), "hint: F_Q is quadratic in derivatives"),
    (check_8a, 0.4 + 0.5 * np.sin(1.2) / 9, "hint: the slope has the factor, too"),
    (check_8a, 0.4 - 0.5 * np.sin(1.2) / 3, "hint: this goes uphill"),
    (check_8a, 0.4 - 0.5 * np.cos(1.2) / 9, "hint: this takes the energy for its slope"),
    (check_8a, 3.0, "hint: θ − lr ∂E/F_Q"),
    (check_8b, ..., "not answered yet"),
    (check_8b, 128 / 50, "hint: this is the other way round"),
    (check_8b, 50 / 78, "hint: a natural step needs the gradient"),
    (check_8b, 50 / 194, "hint: F_Q is symmetric"),
    (check_8b, 50 / 116, "hint: this leaves out the diagonal"),
    (check_8b, 48 / 126, "hint: this leaves out the energy itself"),
    (check_8b, 25 / 103, "hint: energy and gradient are measured in both groups"),
    (check_8b, 0.9, "hint: G(1 + 2m) over"),
]


@pytest.mark.parametrize(("check", "answer"), [(check_8a, LANDING), (check_8b, FRACTION)])
def test_a_right_answer_is_right(check: Any, answer: float, capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: F_Q = 3 for 9; pairs of rotations without those of a rotation with itself.
    check(answer)
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(("check", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_its_hint(
    check: Any, answer: Any, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Seen to fail: the hints of Fubini–Study and of the plain gradient exchanged.
    check(answer)
    assert capsys.readouterr().out.startswith(hint)


def test_a_natural_step_of_qgeo_lands_there() -> None:
    # Seen to fail: a damping of 1.
    circuit = QuantumCircuit(1)
    circuit.ry(3 * Parameter("θ"), 0)
    energy = qgeo.Expectation(circuit, SparsePauliOp("Z"), values=[0.4])
    energy().sum().backward()
    qgeo.NaturalGradient(energy, lr=0.5, damping=0.0).step()
    np.testing.assert_allclose(energy.values.detach(), [LANDING], rtol=1e-12)


def test_qgeo_counts_the_same_circuits() -> None:
    # Seen to fail: an observable of one group.
    angles, circuit = ParameterVector("θ", 12), QuantumCircuit(4)
    for place, angle in enumerate(angles):
        [circuit.ry, circuit.rz, circuit.rx][place // 4](angle, place % 4)
    observable = SparsePauliOp(["IIZZ", "ZZII", "IIXI"])
    energy = qgeo.Expectation(circuit, observable)
    plain, natural = (circuits_per_step(energy, observable, method) for method in ("adam", "quantum"))
    assert plain / natural == FRACTION

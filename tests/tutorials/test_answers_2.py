"""The check of tutorial 2 knows right from wrong; its right answer is held against qgeo's matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import qgeo
from tutorials.answers import check_2

SECOND_AXIS = 1 + np.arctan(np.cos(np.pi / 3) ** 2 / np.tan(1.0))
"""Beside X, at θ = π/3 and φ = 1: where both directions of the tangent plane are seen alike."""


@pytest.mark.parametrize("answer", [SECOND_AXIS, SECOND_AXIS - np.pi])
def test_a_right_answer_is_right(answer: float, capsys: pytest.CaptureFixture[str]) -> None:
    check_2(answer)
    assert capsys.readouterr().out == "right: the mean of the two F_C is F_Q/2\n"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (..., "hint: expected one number"),
        (np.nan, "hint: expected a finite number"),
        (np.pi / 2, "hint: the mean of the two F_C keeps the shares"),
    ],
)
def test_a_wrong_answer_gets_its_hint(answer: Any, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    check_2(answer)
    assert capsys.readouterr().out.startswith(hint)


def test_the_second_axis_makes_up_for_the_first() -> None:
    # Seen to fail: the measurement along Y.
    by_axis = [qgeo.classical_fisher(_measured_along(beta), [np.pi / 3, 1.0]) for beta in (0.0, SECOND_AXIS)]
    np.testing.assert_allclose(sum(by_axis) / 2, np.diag([1.0, 0.75]) / 2, atol=1e-12)


def _measured_along(beta: float) -> QuantumCircuit:
    """RY(a), RZ(b), then the equator's axis at longitude β turned to the pole."""
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("a"), 0)
    circuit.rz(Parameter("b"), 0)
    circuit.rz(-beta, 0)
    circuit.ry(-np.pi / 2, 0)
    return circuit

"""The checks of tutorial 9 know right from wrong; right metrics are written here without its formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from qgeo.geometry.operators import DenseMatrix
from qgeo.optim.metrics import METRICS
from tutorials.answers import check_9a, check_9b

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\ninput float[64] a;\ninput float[64] b;\nqubit[5] q;\n'
NO_MATRIX = "expected an information matrix (qgeo.geometry.operators)"


@pytest.mark.parametrize(
    "gates",
    [
        "ry(a) q[0]; ry(2 * b) q[1];",
        "h q[0]; rz(a) q[0]; rx(-2 * b) q[3];",
        "rx(a) q[0]; for int i in [1:4] { ry(b) q[i]; }",
    ],
)
def test_a_circuit_with_the_asked_metric_is_right(gates: str, capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: WANTED = np.diag([1.0, 2.0]).
    check_9a(HEAD + gates)
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (..., "not answered yet"),
        (4, "hint: the text of an OpenQASM file is asked for, not a int"),
        (HEAD + "rzz(a) q[0], q[1];", "hint: expected OpenQASM text that Qiskit cannot read (line 6"),
        (HEAD.replace(" b;", " c;"), "hint: the parameters should be a and b, and they are a, c\n"),
        ("OPENQASM 3.0; qubit q;", "hint: the parameters should be a and b, and they are none\n"),
        (HEAD + "ry(a) q[0];", "hint: F_Q is diag(1, 0)"),
        (HEAD + "ry(a) q[0]; ry(2 * b) q[0];", "hint: F_Q has 2 between a and b"),
        (HEAD + "ry(a) q[0]; rz(2 * b) q[0];", "hint: F_Q depends on the values"),
        (HEAD + "ry(2 * a) q[0]; ry(b) q[1];", "hint: the other way round"),
        (HEAD + "ry(a) q[0]; ry(4 * b) q[1];", "hint: b has 16"),
        (HEAD + "ry(a) q[0]; ry(b) q[1];", "hint: F_Q is diag(1, 1)"),
    ],
)
def test_a_wrong_circuit_gets_its_hint(answer: Any, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: `if False` for the test of other values, and for that of the entry between a and b.
    check_9a(answer)
    assert capsys.readouterr().out.startswith(hint)


def _rule(of: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., DenseMatrix]:
    """The metric that is this function of F_C and F_Q."""

    def rule(head: Any, contexts: Any, targets: Any = None) -> DenseMatrix:
        F_C, F_Q = (
            METRICS[name](head, contexts, targets).to_dense().numpy() for name in ("classical", "quantum")
        )
        return DenseMatrix(torch.from_numpy(np.ascontiguousarray(of(F_C, F_Q))))

    return rule


def _geometric_mean(F_C: np.ndarray, F_Q: np.ndarray) -> np.ndarray:
    """F_Q^½ (F_Q^-½ F_C F_Q^-½)^½ F_Q^½ on the range of F_Q."""
    root = _root(F_Q)
    inverse = np.linalg.pinv(root, rcond=1e-6, hermitian=True)
    return root @ _root(inverse @ F_C @ inverse) @ root


def _root(matrix: np.ndarray) -> np.ndarray:
    return np.real(sqrtm((matrix + matrix.T) / 2 + 1e-16 * np.eye(len(matrix))))


def test_the_harmonic_mean_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: the shares (μ + 1)/2 held to be right.
    check_9b(_rule(lambda C, Q: 2 * C @ np.linalg.pinv(C + Q, rcond=1e-9, hermitian=True) @ Q))
    assert capsys.readouterr().out == "right\n"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (..., "not answered yet"),
        (lambda *_: ..., "not answered yet"),
        ("harmonic", "hint: the rule itself is asked for"),
        (
            lambda *_: torch.eye(3),
            f"hint: {NO_MATRIX} of the metric harmonic, got Tensor",
        ),
        (
            lambda *_: np.eye(3),
            f"hint: {NO_MATRIX} of the metric harmonic, got ndarray",
        ),
        (lambda *_: DenseMatrix(torch.eye(3)), "hint: a matrix (16, 16) over the head's parameters"),
        (_rule(_geometric_mean), "hint: these are the shares √μ"),
        (_rule(lambda C, Q: (C + Q) / 2), "hint: these are the shares (μ + 1)/2"),
        (_rule(lambda C, Q: C @ np.linalg.pinv(C + Q, rcond=1e-9, hermitian=True) @ Q), "hint: half of it"),
        (_rule(lambda C, _: C), "hint: this is F_C itself"),
        (_rule(lambda _, Q: Q), "hint: this is F_Q itself"),
        (_rule(lambda _, Q: 3 * Q), "hint: only the power of μ"),
    ],
)
def test_a_wrong_metric_gets_its_hint(answer: Any, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: (μ + 1)/3 for the shares of the arithmetic mean; `made` not checked.
    check_9b(answer)
    assert capsys.readouterr().out.startswith(hint)

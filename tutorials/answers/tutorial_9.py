"""Checks of tutorial 9, bring your own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import qgeo

from .verdicts import unanswered

Floats = NDArray[np.float64]

WANTED = np.diag([1.0, 4.0])  # as exercise 9a asks for it

SHARES: dict[str, Callable[[Floats], Floats]] = {
    "right": lambda mu: 2 / (1 / mu + 1),
    "hint: these are the shares √μ, of the geometric mean": np.sqrt,
    "hint: these are the shares (μ + 1)/2, of the arithmetic mean": lambda mu: (mu + 1) / 2,
    "hint: half of it: the mean of two equal numbers must be that number": lambda mu: 1 / (1 / mu + 1),
    "hint: this is F_C itself": lambda mu: mu,
    "hint: this is F_Q itself": np.ones_like,
}
"""What to say to a metric whose shares are these functions of those of F_C."""


def check_9a(answer: Any) -> None:
    """An OpenQASM 3 text with the parameters a and b whose F_Q is diag(1, 4) at all values."""
    print(unanswered(answer) or _circuit_verdict(answer))


def check_9b(answer: Any) -> None:
    """A rule (head, contexts) → information matrix whose shares are the harmonic mean 2μ/(1 + μ)."""
    if not callable(answer):
        print(unanswered(answer) or "hint: the rule itself is asked for, a function of (head, contexts)")
        return
    head, contexts = _small_head()
    made = answer(head, contexts)
    print(unanswered(made) or _metric_verdict(made, head, contexts))


# --- helpers -----------------------------------------------------------------------------------------------


def _circuit_verdict(text: Any) -> str:
    from qgeo.circuit.qasm import read_qasm  # which imports Qiskit: other tutorials do without

    if not isinstance(text, str):
        return f"hint: the text of an OpenQASM file is asked for, not a {type(text).__name__}"
    try:
        circuit = read_qasm(text).circuit
        names = [parameter.name for parameter in circuit.parameters]
        if names != ["a", "b"]:
            return f"hint: the parameters should be a and b, and they are {', '.join(names) or 'none'}"
        draws = np.random.default_rng(0).uniform(-np.pi, np.pi, size=(5, 2))
        return _fisher_verdict(np.array([qgeo.quantum_fisher(circuit, values) for values in draws]))
    except qgeo.QGeoError as error:
        return f"hint: {error}"


def _fisher_verdict(matrices: Floats) -> str:
    """What to say to F_Q at several values, (N, 2, 2)."""
    if np.allclose(matrices, WANTED, atol=1e-9):
        return "right"
    if np.ptp(matrices, axis=0).max() > 1e-9:
        return "hint: F_Q depends on the values; no turn may come before one that it does not commute with"
    (of_a, between), (_, of_b) = matrices[0]
    if abs(between) > 1e-9:
        return (
            f"hint: F_Q has {between:.3g} between a and b, whose steps move the state the same way; "
            "give each a qubit of its own"
        )
    if np.isclose(of_a, 4) and np.isclose(of_b, 1):
        return "hint: the other way round: 1 is for a, the first parameter"
    if np.isclose(of_b, 16):
        return "hint: b has 16: with θ = 4φ lengths are four times as long, and F_Q is a length squared"
    return f"hint: F_Q is diag({of_a:.3g}, {of_b:.3g}); with θ = cφ the entry of φ is c² times that of θ"


def _small_head() -> tuple[Any, Any]:
    """A Born head of four tokens, away from where F_C is singular, and all of its contexts."""
    import torch

    head = qgeo.BornHead(vocabulary=4, context=1, layers=1, embedding=1, start="random")
    return head, torch.arange(4)[:, None]


def _metric_verdict(made: Any, head: Any, contexts: Any) -> str:
    from qgeo.geometry.filter import spectral_filter
    from qgeo.optim.metrics import METRICS, checked_matrix

    F_C, F_Q = (METRICS[name](head, contexts).to_dense().numpy() for name in ("classical", "quantum"))
    try:
        matrix = np.asarray(checked_matrix(made, "harmonic").to_dense())
    except qgeo.QGeoError as error:
        return f"hint: {error}"
    if matrix.shape != F_Q.shape:
        return f"hint: a matrix {F_Q.shape} over the head's parameters is asked for, not {matrix.shape}"
    found = spectral_filter(F_C, F_Q)
    columns, mu = F_Q @ found.directions, np.maximum(found.kept, np.finfo(float).tiny)
    for words, shares in SHARES.items():
        if np.allclose(matrix, columns * shares(mu) @ columns.T, rtol=0, atol=1e-6 * np.trace(F_Q)):
            return words
    return "hint: only the power of μ in my_metric.py must change: M = F_Q V diag(shares) Vᵀ F_Q"

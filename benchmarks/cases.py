"""What is measured beside opponents: one table a question, one case a row, one opponent a column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.case import Case

OWN, PEERS = ".venv", ".venv-peers"
"""Environments: qgeo's own with the extra `peers`; opponents that do not fit beside it
(opponents/requirements.txt)."""


@dataclass(frozen=True)
class Opponent:
    """A column.

    Attributes:
        module: of `benchmarks.opponents`, a worker.
        measurement: what the worker is asked for, if not what ours is.
        left_out: cases that it is not asked for, with the reason.
    """

    title: str
    module: str
    environment: str = OWN
    measurement: str = ""
    left_out: Mapping[Case, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    title: str
    question: str
    measurement: str
    opponents: tuple[Opponent, ...]
    cases: tuple[Case, ...]


def layered(*sizes: tuple[int, ...]) -> tuple[Case, ...]:
    """Cases of RY–RZ–CX layers by (n, layers) or (n, layers, contexts)."""
    return tuple(Case("layered", *each) for each in sizes)


STRONG = Opponent("strong JAX", "jax_blocks")
PLAIN = Opponent("plain JAX", "jax_plain")
MINDQUANTUM = Opponent("MindQuantum", "mindquantum_gates", PEERS)
QULACS = Opponent("qulacs", "qulacs_gates", PEERS)

AUTOGRAD = Opponent("qgeo, autograd", "qgeo_autograd")

_SINGLE = layered((4, 3), (8, 4), (10, 4), (12, 6))
_PACKAGED = _SINGLE[:3]

TABLES = (
    Table(
        "QFIM of one circuit",
        "F_Q of RY–RZ–CX layers, no data",
        "quantum_fisher",
        (STRONG, Opponent("TensorCircuit", "tensorcircuit_qng"), MINDQUANTUM),
        _SINGLE,
    ),
    Table(
        "QFIM of one circuit, packages",
        "the same by the functions that packages have for it",
        "quantum_fisher",
        (
            Opponent(
                "PennyLane adjoint_metric_tensor",
                "pennylane_layers",
                left_out=dict.fromkeys(_PACKAGED[2:], "minutes"),
            ),
            Opponent("qiskit-algorithms ReverseQGT", "qiskit_qgt", measurement="reverse"),
            Opponent(
                "qiskit-ML LinCombQGT",
                "qiskit_qgt",
                measurement="linear_combination",
                left_out=dict.fromkeys(_PACKAGED[1:], "minutes"),
            ),
        ),
        _PACKAGED,
    ),
    Table(
        "Mean QFIM over contexts",
        "F_Q of RY–RZ–CX layers, data in a first RY layer, mean over B contexts",
        "mean_quantum_fisher",
        (STRONG,),
        layered((4, 3, 64), (6, 4, 64), (8, 4, 32), (10, 4, 16)),
    ),
    Table(
        "Mean QFIM with the data in every layer",
        "the same with RY(x) in front of every layer",
        "mean_quantum_fisher",
        (PLAIN,),
        (Case("reuploaded", 4, 3, 64), Case("reuploaded", 8, 4, 32)),
    ),
    Table(
        "Classical Fisher information",
        "F_C of all bits, RY–RZ–CX layers, no data",
        "classical_fisher",
        (PLAIN, STRONG),
        layered((4, 3), (8, 4), (10, 4)),
    ),
    Table(
        "Gradient of a Born loss",
        "mean −log p of the targets of B contexts and its gradient by all circuit parameters",
        "born_gradient",
        (AUTOGRAD, PLAIN, STRONG, MINDQUANTUM, Opponent("PennyLane (torch)", "pennylane_layers")),
        layered((4, 3, 32), (5, 4, 64), (6, 4, 64), (8, 4, 256), (10, 4, 64)),
    ),
    Table(
        "Gradient of an expectation value",
        "gradient of ⟨Z₀⟩ by all parameters, RY–RZ–CX layers, one circuit",
        "expectation_gradient",
        (AUTOGRAD, PLAIN, STRONG, MINDQUANTUM, QULACS),
        layered((4, 3), (10, 4), (12, 4), (15, 4), (16, 4), (18, 4)),
    ),
    Table(
        "Gradient, Pauli strings and unitary coupled cluster",
        "gradient of ⟨Z₀⟩; eight strings on six qubits a layer, and four double excitations a layer",
        "expectation_gradient",
        (QULACS,),
        (Case("strings6", 12, 4), Case("ucc", 12, 5)),
    ),
    Table(
        "QFIM, Pauli strings and unitary coupled cluster",
        "F_Q of the same circuits; qulacs moves tangents in a Python loop",
        "quantum_fisher",
        (QULACS,),
        (Case("strings6", 12, 4), Case("ucc", 12, 5)),
    ),
)

ALONE = {
    "step": (
        "A natural-gradient step beside a gradient step",
        "Born head, n=6, 48 circuit parameters, 64 contexts: loss, gradient, F_Q, solve",
    ),
    "imports": ("Start-up", "medians of seven fresh processes"),
    "scale": (
        "Scale",
        "matrix-free products and conjugate gradients; each in a process of its own",
    ),
}
"""Measurement of `alone.py` → title, and what is measured."""

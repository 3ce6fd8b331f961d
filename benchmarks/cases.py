"""What is measured: one table a question, one case a row, one opponent a column."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Cases that ask the same question.

    Attributes:
        ours: name of the measurement in `ours.py`.
        opponents: column title → command after `python` (a script of opponents/ and leading arguments).
        cases: arguments of every measurement in a row; labels: how the row is called.
        skip: (column, label) pairs left out, with the reason.
    """

    title: str
    question: str
    ours: str
    opponents: dict[str, tuple[str, ...]]
    cases: tuple[tuple[int, ...], ...]
    label: str
    skip: dict[tuple[str, tuple[int, ...]], str]


_SIZES = ((4, 3, 64), (6, 4, 64), (8, 4, 32), (10, 4, 16), (12, 6, 1))
_HEADS = ((4, 3, 32), (5, 4, 64), (6, 4, 64), (8, 4, 256))

TABLES = (
    Table(
        title="Mean QFIM over contexts",
        question="F_Q of RY–RZ–CX layers, data in a first RY layer, mean over B contexts; warm",
        ours="mean_qfim",
        opponents={"JAX (jit, vmap, jacfwd)": ("jax_expert.py",)},
        cases=_SIZES,
        label="n={0}, P={P}, B={2}",
        skip={},
    ),
    Table(
        title="Mean QFIM with the data in every layer",
        question="the same with RY(x) in front of every layer, against JAX code of the same kind",
        ours="mean_qfim_reuploaded",
        opponents={"JAX (jit, vmap, jacfwd)": ("jax_expert_reuploaded.py",)},
        cases=_SIZES,
        label="n={0}, P={P}, B={2}",
        skip={},
    ),
    Table(
        title="QFIM of one circuit",
        question="F_Q of RY–RZ–CX layers, no data; compiled program, warm",
        ours="single_qfim",
        opponents={
            "PennyLane adjoint_metric_tensor": ("single_circuit.py", "pl_adjoint"),
            "qiskit-algorithms ReverseQGT": ("single_circuit.py", "reverse"),
            "qiskit-ML LinCombQGT": ("single_circuit.py", "lincomb"),
            "TensorCircuit (JAX, jit)": ("single_circuit.py", "tc"),
        },
        cases=((4, 3), (8, 4), (10, 4)),
        label="n={0}, P={P}",
        skip={("qiskit-ML LinCombQGT", case): "minutes" for case in ((8, 4), (10, 4))},
    ),
    Table(
        title="Loss and gradient of a Born head",
        question="mean −log p of B contexts and its gradient by all circuit parameters, warm",
        ours="head_gradient",
        opponents={
            "JAX (jit)": ("jax_head.py",),
            "PennyLane (torch backprop)": ("pennylane_head.py",),
            "SamplerQNN + TorchConnector": ("sampler_qnn_head.py",),
        },
        cases=_HEADS,
        label="n={0}, P={P}, B={2}",
        skip={("SamplerQNN + TorchConnector", case): "minutes" for case in _HEADS[1:]},
    ),
)

ALONE = {
    "step": (
        "A natural-gradient step beside a gradient step",
        "Born head, n=6, 48 circuit parameters, 64 contexts: loss, gradient, F_Q, solve",
    ),
    "roofline": (
        "Distance from the roofline",
        "what the Gram product (half, by symmetry) and propagation need at this process's GEMM rate",
    ),
    "scale": (
        "Scale",
        "matrix-free products and conjugate gradients; each in a process of its own",
    ),
    "imports": ("Start-up", "medians of seven fresh processes"),
}
"""Measurement of `alone.py` → title, and what is measured."""

"""Opponent: PennyLane on `default.qubit`: adjoint_metric_tensor, and a Born head by torch's backpropagation.

Needs pennylane, torch, numpy. Usage: see benchmarks/worker.py.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pennylane as qml
import torch

from benchmarks.case import Case, point
from benchmarks.worker import Call, serve

warnings.filterwarnings("ignore")


def layers(case: Case, values: Any) -> None:
    angles = iter(values)
    for _ in range(case.layers):
        for gate in (qml.RY, qml.RZ):
            for qubit in range(case.n):
                gate(next(angles), wires=qubit)
        for qubit in range(case.n - 1):
            qml.CNOT(wires=[qubit, qubit + 1])


def quantum_fisher(case: Case) -> Call:
    @qml.qnode(qml.device("default.qubit", wires=case.n))
    def circuit(values: Any) -> Any:
        layers(case, values)
        return qml.expval(qml.PauliZ(0))

    metric = qml.adjoint_metric_tensor(circuit)
    values = qml.numpy.array(point(case).values, requires_grad=True)
    return lambda: 4 * np.asarray(metric(values))


def born_gradient(case: Case) -> Call:
    @qml.qnode(qml.device("default.qubit", wires=case.n), interface="torch", diff_method="backprop")
    def circuit(inputs: Any, values: Any) -> Any:
        for qubit in range(case.n):
            qml.RY(inputs[:, qubit], wires=qubit)
        layers(case, values)
        return qml.probs(wires=range(case.n - 1, -1, -1))  # the last wire first, as in Qiskit

    at, rows = point(case), torch.arange(case.contexts)
    values = torch.tensor(at.values, requires_grad=True)
    inputs, targets = torch.tensor(at.inputs), torch.tensor(at.targets)

    def gradient() -> Any:
        values.grad = None
        likelihoods = circuit(inputs, values)[rows, targets]
        (-(likelihoods + 1e-12).log().mean()).backward()
        return values.grad

    return gradient


if __name__ == "__main__":
    serve({"quantum_fisher": quantum_fisher, "born_gradient": born_gradient})

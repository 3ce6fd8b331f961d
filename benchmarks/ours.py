"""qgeo's own measurements, one a process: `python -m benchmarks.ours NAME N LAYERS [CONTEXTS]`.

The circuits, numbers and repetitions are those of the opponents' scripts; a JSON line comes out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

import qgeo
from qgeo.simulate.statevector import probabilities

WARM_UP_SECONDS, MEASURED_SECONDS = 0.3, 1.0


def layered_circuit(
    num_qubits: int, layers: int, data: bool, again: bool = False
) -> tuple[QuantumCircuit, ParameterVector]:
    """RY(x) on every qubit, once or `again` in every layer; layers of RY, RZ and a CX chain."""
    x, t = ParameterVector("x", num_qubits), ParameterVector("t", 2 * num_qubits * layers)
    circuit, angles = QuantumCircuit(num_qubits), iter(t)
    for layer in range(layers):
        for qubit in range(num_qubits if data and (again or layer == 0) else 0):
            circuit.ry(x[qubit], qubit)
        for gate in (circuit.ry, circuit.rz):
            for qubit in range(num_qubits):
                gate(next(angles), qubit)
        for qubit in range(num_qubits - 1):
            circuit.cx(qubit, qubit + 1)
    return circuit, x


def mean_qfim(n: int, layers: int, contexts: int, again: bool = False) -> dict[str, float]:
    circuit, x = layered_circuit(n, layers, data=True, again=again)
    draw = np.random.default_rng(0)
    values, inputs = draw.uniform(-3, 3, 2 * n * layers), draw.uniform(-3, 3, (contexts, n))
    return timed(
        lambda: qgeo.compile(circuit, input_parameters=x),
        lambda program: qgeo.quantum_fisher(program, values, inputs=inputs),
    )


def mean_qfim_reuploaded(n: int, layers: int, contexts: int) -> dict[str, float]:
    return mean_qfim(n, layers, contexts, again=True)


def single_qfim(n: int, layers: int) -> dict[str, float]:
    circuit, _ = layered_circuit(n, layers, data=False)
    values = np.random.default_rng(0).uniform(-np.pi, np.pi, 2 * n * layers)
    return timed(lambda: qgeo.compile(circuit), lambda program: qgeo.quantum_fisher(program, values))


def head_gradient(n: int, layers: int, batch: int) -> dict[str, float]:
    circuit, x = layered_circuit(n, layers, data=True)
    draw = np.random.default_rng(0)
    values = torch.tensor(draw.random(2 * n * layers), requires_grad=True)
    inputs = torch.tensor(draw.random((batch, n)))
    targets = torch.tensor(draw.integers(0, 2**n, batch))

    def step(program: qgeo.Program) -> np.ndarray:
        values.grad = None
        likelihoods = probabilities(program, values, inputs)[torch.arange(batch), targets]
        (-(likelihoods + 1e-12).log().mean()).backward()
        return np.diag(values.grad.numpy())

    return timed(lambda: qgeo.compile(circuit, input_parameters=x), step)


def timed(
    prepare: Callable[[], qgeo.Program], call: Callable[[qgeo.Program], np.ndarray]
) -> dict[str, float]:
    """First call with its compilation, then the median of warm calls; seconds."""
    started = perf_counter()
    program = prepare()
    compiled = perf_counter() - started
    matrix = call(program)
    first = perf_counter() - started
    trace = float(np.trace(matrix))
    median = warm_median(lambda: call(program))
    return {"first": first, "compile": compiled, "median": median, "trace": trace}


def warm_median(call: Callable[[], object]) -> float:
    """Median seconds of calls over about a second, after some that do not count; at least five."""
    _repeated(call, WARM_UP_SECONDS, at_least=2)
    return float(np.median(_repeated(call, MEASURED_SECONDS, at_least=5)))


def _repeated(call: Callable[[], object], budget: float, at_least: int) -> list[float]:
    spent: list[float] = []
    while len(spent) < at_least or sum(spent) < budget:
        spent.append(_seconds(call))
    return spent


def _seconds(call: Callable[[], object]) -> float:
    started = perf_counter()
    call()
    return perf_counter() - started


MEASUREMENTS = (mean_qfim, mean_qfim_reuploaded, single_qfim, head_gradient)

if __name__ == "__main__":
    name, *sizes = sys.argv[1:]
    print(json.dumps({one.__name__: one for one in MEASUREMENTS}[name](*map(int, sizes))))

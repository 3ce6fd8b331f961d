"""qgeo's side of the paired measurements, by its public functions. Usage: see worker.py."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter

import numpy as np
import torch

import qgeo
from benchmarks.case import Case, point
from benchmarks.circuits import circuit_of
from benchmarks.worker import Call, serve
from qgeo.simulate.statevector import probabilities, probabilities_vjp

WARM_UP_SECONDS, MEASURED_SECONDS = 0.3, 1.0


def compiled(case: Case) -> qgeo.Program:
    circuit, x = circuit_of(case)
    return qgeo.compile(circuit, input_parameters=x) if case.contexts else qgeo.compile(circuit)


def quantum_fisher(case: Case) -> Call:
    program, values = compiled(case), point(case).values
    return lambda: qgeo.quantum_fisher(program, values)


def mean_quantum_fisher(case: Case) -> Call:
    program, at = compiled(case), point(case)
    return lambda: qgeo.quantum_fisher(program, at.values, inputs=at.inputs)


def classical_fisher(case: Case) -> Call:
    program, values = compiled(case), point(case).values
    return lambda: qgeo.classical_fisher(program, values)


def born_gradient(case: Case) -> Call:
    """Of the mean of −log p(target), and that mean; without autograd."""
    program, at, rows = compiled(case), point(case), np.arange(case.contexts)
    values, inputs, targets = torch.tensor(at.values), torch.tensor(at.inputs), np.asarray(at.targets)
    cotangent = np.zeros((case.contexts, program.dimension))

    def gradient() -> torch.Tensor:
        p, pull_back = probabilities_vjp(program, values, inputs)
        likelihoods = p.numpy()[rows, targets] + 1e-12
        np.log(likelihoods).mean()
        cotangent[rows, targets] = -1 / (case.contexts * likelihoods)
        return pull_back(torch.from_numpy(cotangent))

    return gradient


def born_gradient_by_autograd(case: Case) -> Call:
    """The same by torch's autograd."""
    program, at, rows = compiled(case), point(case), torch.arange(case.contexts)
    values = torch.tensor(at.values, requires_grad=True)
    inputs, targets = torch.tensor(at.inputs), torch.tensor(at.targets)

    def gradient() -> torch.Tensor | None:
        values.grad = None
        likelihoods = probabilities(program, values, inputs)[rows, targets]
        (-(likelihoods + 1e-12).log().mean()).backward()
        return values.grad

    return gradient


def expectation_gradient(case: Case) -> Call:
    """Of ⟨Z₀⟩, from the distribution of all bits: Z is diagonal."""
    return gradient_of_z(compiled(case), point(case).values)


def gradient_of_z(program: qgeo.Program, numbers: np.ndarray, dtype: str = "complex128") -> Call:
    """And ⟨Z₀⟩ itself; without autograd."""
    values, state_type = torch.tensor(numbers), getattr(torch, dtype)
    diagonal = z_on_qubit_0(program, state_type)

    def gradient() -> torch.Tensor:
        p, pull_back = probabilities_vjp(program, values, dtype=state_type)
        (p @ diagonal[0]).item()
        return pull_back(diagonal)

    return gradient


def z_on_qubit_0(program: qgeo.Program, state_type: torch.dtype) -> torch.Tensor:
    """The diagonal of Z₀, (1, 2ⁿ)."""
    return (1.0 - 2.0 * (torch.arange(program.dimension) & 1)).to(state_type.to_real()).unsqueeze(0)


def expectation_gradient_by_autograd(case: Case) -> Call:
    """The same by torch's autograd."""
    program, values = compiled(case), torch.tensor(point(case).values, requires_grad=True)
    diagonal = z_on_qubit_0(program, torch.complex128)[0]

    def gradient() -> torch.Tensor | None:
        values.grad = None
        (probabilities(program, values) @ diagonal).sum().backward()
        return values.grad

    return gradient


# --- for measurements without an opponent -------------------------------------------------------------------


def warm_median(call: Callable[[], object]) -> float:
    """Median seconds of calls over about a second, after some that do not count; at least five."""
    _repeated(call, WARM_UP_SECONDS, at_least=2)
    return float(np.median(_repeated(call, MEASURED_SECONDS, at_least=5)))


def _repeated(call: Callable[[], object], budget: float, at_least: int) -> list[float]:
    spent: list[float] = []
    while len(spent) < at_least or sum(spent) < budget:
        started = perf_counter()
        call()
        spent.append(perf_counter() - started)
    return spent


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    serve(
        {
            "quantum_fisher": quantum_fisher,
            "mean_quantum_fisher": mean_quantum_fisher,
            "classical_fisher": classical_fisher,
            "born_gradient": born_gradient,
            "expectation_gradient": expectation_gradient,
        }
    )

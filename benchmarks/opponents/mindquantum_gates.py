"""Opponent: MindQuantum 0.12 on its C++ simulator `mqvector`, RY–RZ–CX layers.

Gradients by its own adjoint method; F_Q by tangents that move gate by gate (its own `qfi` takes far longer).
Needs mindquantum, numpy. Usage: see benchmarks/worker.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import mindquantum as mq
import numpy as np
from mindquantum.core.circuit import Circuit
from mindquantum.core.operators import Hamiltonian, QubitOperator
from mindquantum.core.parameterresolver import ParameterResolver
from mindquantum.simulator import Simulator
from scipy.sparse import csr_matrix

from benchmarks.case import Case, point
from benchmarks.worker import Call, serve

THREADS = int(os.environ["OMP_NUM_THREADS"])


def encoder(n: int) -> Circuit:
    circuit = Circuit()
    for qubit in range(n):
        circuit.ry(f"x{qubit}", qubit)
    return circuit


def layered(case: Case) -> Circuit:
    circuit, numbers = Circuit(), iter(range(case.num_parameters))
    for _ in range(case.layers):
        for gate in (circuit.ry, circuit.rz):
            for qubit in range(case.n):
                gate(f"t{next(numbers)}", qubit)
        for qubit in range(case.n - 1):
            circuit.x(qubit + 1, qubit)
    return circuit


def simulator(n: int) -> Simulator:
    made = Simulator("mqvector", n, dtype=mq.complex128)
    with suppress(NotImplementedError):  # some builds take what OMP_NUM_THREADS says, always
        made.set_threads_number(THREADS)
    return made


def quantum_fisher(case: Case) -> Call:
    values, circuit = point(case).values, layered(case)
    gates = list(zip(circuit, circuit.get_cpp_obj(), strict=True))
    resolver = ParameterResolver({f"t{i}": float(value) for i, value in enumerate(values)}).to_real_obj()

    def fisher() -> np.ndarray:
        psi, tangents = _tangents(case.n, gates, resolver)
        projected = tangents - np.outer(tangents @ psi.conj(), psi)
        rows = projected.view(np.float64)
        return 4 * rows @ rows.T

    return fisher


def _tangents(n: int, gates: list[tuple[Any, Any]], resolver: Any) -> tuple[np.ndarray, np.ndarray]:
    """ψ (2ⁿ,) and ∂ψ (P, 2ⁿ): a tangent begins with its gate's derivative, then every later gate."""
    psi, tangents = simulator(n), []
    for gate, compiled in gates:
        arguments = (compiled, resolver, False) if gate.parameterized else (compiled,)
        for state in tangents:
            state.backend.sim.apply_gate(*arguments)
        if gate.parameterized:
            tangents.append(psi.copy())
            tangents[-1].backend.sim.apply_gate(compiled, resolver, True)
        psi.backend.sim.apply_gate(*arguments)
    return psi.get_qs(), np.stack([np.array(state.get_qs()) for state in tangents])


def expectation_gradient(case: Case) -> Call:
    values = point(case).values
    observable = Hamiltonian(QubitOperator("Z0"), dtype=mq.complex128)
    function = simulator(case.n).get_expectation_with_grad(observable, layered(case))
    return lambda: np.real(function(values)[1])


def born_gradient(case: Case) -> Call:
    """One projector for each target that occurs, with all of its contexts in one call."""
    at = point(case)
    circuit, backend = encoder(case.n).as_encoder() + layered(case).as_ansatz(), simulator(case.n)
    calls = [
        (_likelihoods(backend, circuit, target, case.n), at.inputs[at.targets == target])
        for target in np.unique(at.targets)
    ]

    def gradient() -> np.ndarray:
        total = np.zeros(len(at.values))
        for function, inputs in calls:
            likelihoods, _, by_values = (np.real(part)[:, 0] for part in function(inputs, at.values))
            total -= (by_values / (likelihoods[:, None] + 1e-12)).sum(0)
        return total / case.contexts

    return gradient


def _likelihoods(backend: Simulator, circuit: Circuit, target: int, n: int) -> Callable[..., Any]:
    projector = csr_matrix((np.ones(1), ([target], [target])), (2**n, 2**n))
    observable = Hamiltonian(projector, dtype=mq.complex128)
    return backend.get_expectation_with_grad(observable, circuit, parallel_worker=THREADS)


if __name__ == "__main__":
    serve(
        {
            "quantum_fisher": quantum_fisher,
            "expectation_gradient": expectation_gradient,
            "born_gradient": born_gradient,
        }
    )

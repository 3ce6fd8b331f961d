"""Opponent: F_Q of one circuit by TensorCircuit's `qng` on JAX, jit and forward mode.

`postprocess=None`: its default adds 10⁻⁴ to the diagonal, so that traces differ. Needs tensorcircuit-ng, jax,
numpy. Usage: see benchmarks/worker.py.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import tensorcircuit as tc
import tensorcircuit.experimental

from benchmarks.case import Case, point
from benchmarks.worker import Call, serve

jax.config.update("jax_enable_x64", True)
tc.set_backend("jax")
tc.set_dtype("complex128")


def state(case: Case, values: Any) -> Any:
    circuit, angles = tc.Circuit(case.n), iter(values)
    for _ in range(case.layers):
        for gate in (circuit.ry, circuit.rz):
            for qubit in range(case.n):
                gate(qubit, theta=next(angles))
        for qubit in range(case.n - 1):
            circuit.cnot(qubit, qubit + 1)
    return circuit.state()


def quantum_fisher(case: Case) -> Call:
    values = jax.numpy.array(point(case).values)
    metric = tensorcircuit.experimental.qng(lambda v: state(case, v), mode="fwd", postprocess=None)
    function = tc.backend.jit(metric)
    return lambda: 4 * np.real(jax.block_until_ready(function(values)))


if __name__ == "__main__":
    serve({"quantum_fisher": quantum_fisher})

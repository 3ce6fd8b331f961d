"""A backend of one's own: Aer with the same depolarizing noise after every gate."""

from __future__ import annotations

from functools import partial

import numpy as np
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from qgeo.backends.names import BACKENDS, Backend, BackendKind, FreshSeedSampler

GATES = ("rz", "sx", "x", "cx")


def depolarized(name: str, generator: np.random.Generator, threads: int) -> Backend:
    """depolarized-P: probability P after each gate."""
    noise = NoiseModel(basis_gates=[*GATES])
    for gate in GATES:
        error = depolarizing_error(float(name.removeprefix("depolarized-")), 2 if gate == "cx" else 1)
        noise.add_all_qubit_quantum_error(error, gate)
    make = partial(AerSimulator, noise_model=noise, max_parallel_threads=threads)
    manager = generate_preset_pass_manager(1, basis_gates=[*GATES], seed_transpiler=7)
    sampler = FreshSeedSampler(make(), generator)
    return Backend(name, sampler, manager, lambda: make(method="density_matrix"))


BACKENDS.register(BackendKind("depolarized-P", lambda name: name.startswith("depolarized-"), depolarized))

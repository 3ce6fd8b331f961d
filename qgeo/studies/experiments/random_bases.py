"""F_C in Haar-random bases of a pure state: its mean, and its variance after Lu and Sha (arXiv 2509.08196).

    E F_C = ½ F_Q,      Var F_C,ij = (F_ii F_jj + F_ij² + B_ij²)/(8N),      F + iB = 4Q, F = F_Q, N = 2ⁿ

Both are exact at every N.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from scipy.stats import unitary_group

from qgeo.circuit.compiler import compile
from qgeo.geometry.classical import bitstring_fisher_sum
from qgeo.geometry.exact import quantum_geometric_tensor
from qgeo.simulate.tangents import states_and_tangents
from qgeo.studies.experiments.published_numbers import PublishedNumber
from qgeo.studies.experiments.readings import Floats

BASES, ERROR = 4000, 0.0024
"""Of so many bases the ratio of variances, summed over all entries, has this standard error (from ten parts
of them)."""


def in_random_bases(
    circuit: QuantumCircuit, values: Floats, bases: int, seed: int
) -> tuple[NDArray[np.complex128], Floats]:
    """4Q (P, P), and F_C in each basis, (bases, P, P)."""
    program = compile(circuit)
    psi, tangents = states_and_tangents(program, torch.from_numpy(values))
    unitaries = unitary_group.rvs(psi.shape[-1], size=bases, random_state=seed)
    seen = [
        bitstring_fisher_sum(psi @ basis, tangents @ basis).numpy()
        for basis in map(torch.from_numpy, unitaries)
    ]
    return 4 * quantum_geometric_tensor(program, values), np.stack(seen)


def variance(four_q: NDArray[np.complex128], dimension: int) -> Floats:
    """Var F_C,ij by the formula, (P, P)."""
    f_q, berry, diagonal = four_q.real, four_q.imag, np.diag(four_q.real)
    return np.asarray((np.outer(diagonal, diagonal) + f_q**2 + berry**2) / (8 * dimension))


def random_state_in_bases(num_qubits: int, bases: int = BASES) -> tuple[NDArray[np.complex128], Floats]:
    """The same, of efficient_su2(n, reps=1) at a random point."""
    circuit = efficient_su2(num_qubits, reps=1)
    values = np.random.default_rng(num_qubits).uniform(-np.pi, np.pi, circuit.num_parameters)
    return in_random_bases(circuit, values, bases, seed=num_qubits)


def lu_sha(num_qubits: int, bases: int = BASES) -> list[PublishedNumber]:
    """Variance over the formula, all entries together; four standard errors are allowed."""
    four_q, seen = random_state_in_bases(num_qubits, bases)
    ratio = seen.var(0, ddof=1).sum() / variance(four_q, 2**num_qubits).sum()
    allowed = 4 * ERROR * np.sqrt(BASES / bases)
    setting = f"variance of F_C over {bases} bases / formula, n = {num_qubits}"
    return [PublishedNumber(setting, "1.000", float(ratio), float(allowed))]

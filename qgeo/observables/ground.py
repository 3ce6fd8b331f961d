"""The ground energy of an observable, exactly: what a variational energy is held against.

    E₀ = min_ψ ⟨ψ|H|ψ⟩,   H = Σ_k w_k P_k

Dense up to 8 qubits, by the Lanczos method (ARPACK, `scipy.sparse.linalg.eigsh`) beyond.
"""

from __future__ import annotations

import numpy as np
from qiskit.quantum_info import SparsePauliOp
from scipy.sparse.linalg import eigsh

from qgeo.errors import ConfigurationError
from qgeo.observables.weights import real_weights

MOST_QUBITS = 16
"""The sparse matrix of an Ising chain of 16 qubits has 13 MB, that of a molecule some hundred."""

MOST_DENSE_QUBITS = 8
"""Up to here all eigenvalues take some ten milliseconds."""


def ground_energy(observable: SparsePauliOp) -> float:
    """The smallest eigenvalue of H, to rounding; degenerate or not, real or complex.

    The matrix has 2ⁿ entries for every pattern of X and Y among the terms. Where there is one pattern, all I
    and Z, the smallest entry of the diagonal is the answer.

    Raises:
        ConfigurationError: more than 16 qubits, weights that are not real, or no observable.

    >>> round(ground_energy(SparsePauliOp(["ZZ", "XI", "IX"], [-1.0, -1.0, -1.0])), 6)  # −√5
    -2.236068
    """
    real_weights(observable)
    if observable.num_qubits > MOST_QUBITS:
        raise ConfigurationError(
            f"expected an observable of at most {MOST_QUBITS} qubits for an exact ground energy, got "
            f"{observable.num_qubits}; leave the ground energy out, or give the one you know"
        )
    simple = SparsePauliOp(observable.paulis, observable.coeffs.real).simplify(atol=0, rtol=0)
    matrix = simple.to_matrix(sparse=True)
    if not simple.paulis.x.any():
        return float(matrix.diagonal().real.min())
    if not matrix.data.imag.any():
        matrix = matrix.real  # half of the memory and a third of the time
    if simple.num_qubits <= MOST_DENSE_QUBITS:
        return float(np.linalg.eigvalsh(matrix.toarray())[0])
    start = np.random.default_rng(0).standard_normal(matrix.shape[0])  # random: no symmetry hides E₀ from it
    return float(eigsh(matrix, k=1, which="SA", v0=start, tol=0, return_eigenvectors=False)[0])

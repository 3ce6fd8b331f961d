"""Named repairs of a noisy information matrix; none is ever applied without being asked for.

    nearest_positive_semidefinite   negative eigenvalues set to zero
    shrunk                          (1 − α) F̂ + α diag(F̂), α from the standard errors
    bounded                         |F_ij| ≤ b_i b_j, 0 ≤ F_ii ≤ b_i², b the largest eigenvalue gap

Each trades bias for variance: the first raises the trace, the second pulls off-diagonal entries towards zero,
the third does nothing to an exact matrix. `benchmarks/estimators.md` shows what each did to bias and error.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit import QuantumCircuit

from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.estimator import checked_rows
from qgeo.estimators.pauli_circuit import pauli_circuit

Floats = NDArray[np.float64]


def nearest_positive_semidefinite(estimate: FisherEstimate) -> FisherEstimate:
    """The positive semidefinite matrix nearest in Frobenius norm (Higham 1988): never further from F than F̂.

    >>> raw = FisherEstimate(np.array([[1.0, 2.0], [2.0, 1.0]]), np.zeros((2, 2)), 0, 0)
    >>> nearest_positive_semidefinite(raw).matrix.round(6)
    array([[1.5, 1.5],
           [1.5, 1.5]])
    """
    return _repaired(estimate, without_negative_part(estimate.matrix), "nearest positive semidefinite")


def without_negative_part(matrix: Floats) -> Floats:
    """A symmetric matrix with its negative eigenvalues set to zero."""
    spectrum, basis = np.linalg.eigh(matrix)
    return np.asarray((basis * np.maximum(spectrum, 0)) @ basis.T)


def shrunk(estimate: FisherEstimate) -> FisherEstimate:
    """Towards the diagonal by α = Σ_{i≠j} stderr² / Σ_{i≠j} F̂², at most 1 (Ledoit and Wolf 2004).

    >>> raw = FisherEstimate(np.array([[1.0, 0.4], [0.4, 1.0]]), np.full((2, 2), 0.2), 1, 10)
    >>> shrunk(raw).matrix.round(6)
    array([[1. , 0.3],
           [0.3, 1. ]])
    """
    off = ~np.eye(len(estimate.matrix), dtype=bool)
    signal = float((estimate.matrix[off] ** 2).sum())
    weight = min(1.0, float((estimate.stderr[off] ** 2).sum()) / signal) if signal else 0.0
    return _repaired(estimate, np.where(off, 1 - weight, 1.0) * estimate.matrix, f"shrunk by {weight:.3g}")


def bounded(estimate: FisherEstimate, gaps: Floats) -> FisherEstimate:
    """Entries clipped to what any state allows; gaps: (P,), see `generator_gaps`."""
    limit = np.outer(gaps, gaps)
    matrix = np.clip(estimate.matrix, -limit, limit)
    np.fill_diagonal(matrix, np.maximum(matrix.diagonal(), 0))
    return _repaired(estimate, matrix, "bounded")


def generator_gaps(circuit: QuantumCircuit, values: ArrayLike) -> Floats:
    """(P,) upper bounds on each parameter's largest eigenvalue gap, so that F_ii ≤ gap²."""
    rows = checked_rows(circuit, np.atleast_2d(np.asarray(values, dtype=float)))
    return np.asarray(pauli_circuit(circuit).gaps(rows)[0])


def _repaired(estimate: FisherEstimate, matrix: Floats, how: str) -> FisherEstimate:
    """The estimate with another matrix; its standard errors stay those of the raw entries."""
    repairs = [*estimate.metadata.get("repairs", []), how]
    return replace(estimate, matrix=matrix, metadata=estimate.metadata | {"repairs": repairs})

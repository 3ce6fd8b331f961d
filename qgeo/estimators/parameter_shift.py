"""ParameterShiftQFI: F_Q as the Hessian of the overlap, by shift rules (Mari, Bromley and Killoran 2021,
arXiv 2008.06517, eq. 20).

    F_kl = −½ [f(s_k + s_l) − f(s_k − s_l) − f(−s_k + s_l) + f(−s_k − s_l)],    s = π/2,
    F_kk = 1 − f(2 s_k),                      f(v) = |⟨ψ(a)|ψ(a + v)⟩|²

for the Pauli terms k, l; gates with several eigenvalue gaps are products of terms, each with the two-term
rule (together their four-term rule); parameters follow by the chain rule, F(θ) = TᵀF T.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.estimator import FisherEstimator, Points, Remembered, largest_entries
from qgeo.estimators.execution import Executor, Progress
from qgeo.estimators.overlaps import Overlaps, overlap_experiment, overlaps
from qgeo.estimators.pauli_circuit import pauli_circuit
from qgeo.estimators.primitives import PassManager, Primitive

Floats = NDArray[np.float64]

_SIGNS = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) * (np.pi / 2)
_WEIGHTS = np.array([-0.5, 0.5, 0.5, -0.5])


class ParameterShiftQFI(FisherEstimator):
    """Full F_Q from overlaps: 4 per pair of terms, 1 per term; twice the depth, no ancilla; unbiased.

    Args:
        sampler, pass_manager, generator, progress: see `Executor`.
    """

    def __init__(
        self,
        sampler: Primitive | None = None,
        *,
        pass_manager: PassManager | None = None,
        generator: np.random.Generator | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.executor = Executor(sampler, pass_manager=pass_manager, generator=generator, progress=progress)
        self.prepared = Remembered(lambda circuit: overlap_experiment(pauli_circuit(circuit)))

    def at_points(self, circuit: QuantumCircuit, points: Points, shots: int | None) -> FisherEstimate:
        """See `FisherEstimator`."""
        rows, share = points.rows, points.share
        experiment = self.prepared(circuit)
        by_term = points.pulled_back(experiment.source.jacobian(rows))
        angles, shifts = experiment.source.angles(rows), _shifts(experiment.source.num_terms)
        measured = overlaps(experiment, self.executor, angles, angles[:, None] + shifts, shots)
        matrices, variances, rare = _by_term(measured, experiment.source.num_terms)
        weighted = share[:, None, None] ** 2 * np.stack([variances, np.broadcast_to(rare, variances.shape)])
        seen, unseen = (_pulled_back_variance(part, by_term) for part in weighted)
        return FisherEstimate(
            matrix=np.tensordot(share, by_term.transpose(0, 2, 1) @ matrices @ by_term, 1),
            stderr=np.sqrt(seen + unseen),
            circuits=measured.cost.circuits,
            shots=measured.cost.shots,
            parameters=experiment.source.parameters,
            metadata={"distinct_circuits": len(shifts)},
            resolution=np.sqrt(unseen),
            largest=largest_entries(by_term, share),
        )


def _shifts(terms: int) -> Floats:
    """(M, K): 2s_k for every term, then the four shifts of every pair k < l."""
    unit, (first, second) = np.eye(terms), np.triu_indices(terms, 1)
    pairs = _SIGNS[:, :1, None] * unit[first] + _SIGNS[:, 1:, None] * unit[second]
    return np.concatenate([np.pi * unit, pairs.transpose(1, 0, 2).reshape(-1, terms)])


def _by_term(measured: Overlaps, terms: int) -> tuple[Floats, Floats, Floats]:
    """F over terms and the variances of its entries, (B, K, K); what one shot of each overlap could add to
    them, (K, K)."""
    count, (first, second) = len(measured.values), np.triu_indices(terms, 1)
    matrices, variances = np.zeros((2, count, terms, terms))
    diagonal = np.arange(terms)
    matrices[:, diagonal, diagonal] = 1 - measured.values[:, :terms]
    variances[:, diagonal, diagonal] = measured.variances[:, :terms]
    pairs = measured.values[:, terms:].reshape(count, -1, 4) @ _WEIGHTS
    noise = measured.variances[:, terms:].reshape(count, -1, 4) @ _WEIGHTS**2
    matrices[:, first, second] = matrices[:, second, first] = pairs
    variances[:, first, second] = variances[:, second, first] = noise
    rare = np.where(np.eye(terms, dtype=bool), 1.0, (_WEIGHTS**2).sum()) * measured.rare
    return matrices, variances, rare


def _pulled_back_variance(variances: Floats, by_term: Floats) -> Floats:
    """Σ over rows and k ≤ l of Var(F_kl) (∂F_ij/∂F_kl)²: an off-diagonal F_kl stands in two places.

    (T_ki T_lj + T_li T_kj)² sums over k < l to Σ_{k≠l} V_kl (T_ki² T_lj² + T_ki T_kj T_li T_lj).
    """
    total = np.zeros((by_term.shape[2],) * 2)
    for noise, t in zip(variances, by_term, strict=True):
        single, pairs = noise.diagonal(), noise - np.diag(noise.diagonal())
        squares, products = t**2, np.einsum("ki,kj->kij", t, t)
        total += squares.T @ np.diag(single) @ squares + squares.T @ pairs @ squares
        total += np.einsum("kij,kl,lij->ij", products, pairs, products, optimize=True)
    return np.maximum(total, 0)  # rounding, where the products cancel

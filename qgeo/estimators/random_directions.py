"""F_Q from overlaps along random directions: what SPSA and Stein share.

Per draw m a matrix F̂_m = q_m W_m: a curvature q_m = Σ_g c_g (f_mg − 1) from overlaps, and a pattern W_m from
the directions alone. The estimate is their mean over draws and contexts, its standard error their spread,
which holds the noise of directions and of shots together. A few draws may miss what the next one brings: half
of the largest curvature that the overlaps allow, times a large pattern, counts as what one could change.
(Halves, and what is large, from the coverage at 2 to 100 draws in `benchmarks/estimators.md`.)
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qgeo.arguments import checked_integer, checked_real
from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.estimator import FisherEstimator, Points, Remembered, checked_draws
from qgeo.estimators.execution import Cost, Executor, Progress
from qgeo.estimators.overlaps import overlap_experiment, overlaps
from qgeo.estimators.pauli_circuit import pauli_circuit
from qgeo.estimators.primitives import PassManager, Primitive

Floats = NDArray[np.float64]


class RandomDirectionsQFI(FisherEstimator):
    """Args:
    sampler, pass_manager, progress: see `Executor`.
    generator: source of directions, and of Aer's seeds.
    draws: directions (pairs of them for SPSA) per estimate and context, at least 2.
    spread: how far overlaps are taken from the point, in radians of the parameters.
    """

    def __init__(
        self,
        sampler: Primitive | None = None,
        *,
        pass_manager: PassManager | None = None,
        generator: np.random.Generator | None = None,
        progress: Progress | None = None,
        draws: int = 100,
        spread: float = 0.1,
    ) -> None:
        draws = checked_integer("draws", draws, 2)  # for a standard error
        spread = checked_real("a spread", spread, above=0)
        self.generator = np.random.default_rng() if generator is None else generator
        self.executor = Executor(
            sampler, pass_manager=pass_manager, generator=self.generator, progress=progress
        )
        self.draws, self.spread = draws, spread
        self.prepared = Remembered(lambda circuit: overlap_experiment(pauli_circuit(circuit)))

    least_shots = 1

    @abstractmethod
    def directions(self, parameters: int) -> Directions:
        """Drawn anew at every context."""

    @abstractmethod
    def bias(self, gaps: Floats) -> Floats:
        """(P, P) the most that |E F̂ − F| can be, from the largest gap (P,) of every generator.

        f is between 0 and 1 and, in every parameter, a trigonometric sum of frequencies up to the gap g, so
        that |∂_i ∂_j ∂_k² f| ≤ ½ g_i g_j g_k² (Bernstein).
        """

    def at_points(self, circuit: QuantumCircuit, points: Points, shots: int | None) -> FisherEstimate:
        """See `FisherEstimator`."""
        rows, share = points.rows, points.share
        checked_draws(self.draws, 4 * rows.shape[1] ** 2)
        source = self.prepared(circuit).source
        pullbacks = points.pulled_back(np.tile(np.eye(rows.shape[1]), (len(rows), 1, 1)))
        pairs = zip(rows, pullbacks, strict=True)
        drawn = [self._drawn(circuit, row, pullback, shots) for row, pullback in pairs]
        biases = [
            _pulled(self.bias(gaps), np.abs(pullback))
            for gaps, pullback in zip(source.gaps(rows), pullbacks, strict=True)
        ]
        rare = np.tensordot(share**2, np.array([each.rare for each in drawn]), 1)
        seen = np.tensordot(share**2, np.array([each.variance for each in drawn]), 1)
        cost = sum((each.cost for each in drawn), Cost())
        return FisherEstimate(
            matrix=np.tensordot(share, np.array([each.matrix for each in drawn]), 1),
            stderr=np.sqrt(seen + rare),
            circuits=cost.circuits,
            shots=cost.shots,
            parameters=source.parameters,
            metadata={"draws": self.draws, "spread": self.spread},
            resolution=np.sqrt(rare),
            degrees=(self.draws - 1) / float((share**2).sum()),
            bias=np.tensordot(share, np.array(biases), 1),
        )

    def _drawn(self, circuit: QuantumCircuit, row: Floats, pullback: Floats, shots: int | None) -> _Drawn:
        """All draws at one context."""
        experiment, chosen = self.prepared(circuit), self.directions(len(row))
        at, around = (
            experiment.source.angles(points)
            for points in (row[None], (row + chosen.shifts).reshape(-1, len(row)))
        )
        measured = overlaps(experiment, self.executor, at, around[None], shots)
        lost = 1 - measured.values.reshape(self.draws, -1)  # f(θ, θ) = 1 is known
        matrices = (-lost @ chosen.weights)[:, None, None] * _pulled(chosen.patterns, pullback)
        size = np.sqrt((pullback**2).sum(0))  # of the pulled-back directions
        furthest = (lost @ chosen.bounds).max() + np.abs(chosen.weights).max() / measured.shots
        one_draw = furthest / 2 * np.outer(size, size) * _large(chosen, len(size))
        return _Drawn(
            matrices.mean(0),
            matrices.var(0, ddof=1) / self.draws,
            (one_draw / self.draws) ** 2,
            measured.cost,
        )


@dataclass(frozen=True, eq=False)
class Directions:
    """Where overlaps are taken in M draws, and what becomes of them.

    shifts: (M, G, P) from the point; weights: (G,) c of the overlaps in q; bounds: (G, R) sums of 1 − f, the
    largest of which, over all draws, bounds |q|; patterns: (M, P, P); large: elements of a pattern, on the
    diagonal and off it, that few draws exceed, or the largest.
    """

    shifts: Floats
    weights: Floats
    bounds: Floats
    patterns: Floats
    large: tuple[float, float]


@dataclass(frozen=True, eq=False)
class _Drawn:
    """At one context: the mean of the draws, its variance, and the square of what one more could change."""

    matrix: Floats
    variance: Floats
    rare: Floats
    cost: Cost


def _large(chosen: Directions, width: int) -> Floats:
    return np.where(np.eye(width, dtype=bool), *chosen.large)


def _pulled(matrices: Floats, pullback: Floats) -> Floats:
    """JᵀMJ."""
    return np.asarray(pullback.T @ matrices @ pullback)

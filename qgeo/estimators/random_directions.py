"""F_Q from overlaps along random directions: what SPSA and Stein share.

Per draw m a matrix F̂_m; the estimate is their mean over draws and contexts, its standard error their spread,
which holds the noise of directions and of shots together.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qgeo.errors import ConfigurationError
from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.estimator import FisherEstimator, Points, Remembered, checked_draws
from qgeo.estimators.execution import Executor, Progress
from qgeo.estimators.overlaps import overlap_plan, overlaps
from qgeo.estimators.pauli_circuit import pauli_circuit

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
        sampler: Any = None,
        *,
        pass_manager: Any = None,
        generator: np.random.Generator | None = None,
        progress: Progress | None = None,
        draws: int = 100,
        spread: float = 0.1,
    ) -> None:
        if draws < 2:
            raise ConfigurationError(f"expected at least 2 draws, for a standard error, got {draws}")
        if not spread > 0:
            raise ConfigurationError(f"expected a spread > 0, got {spread}")
        self.generator = np.random.default_rng() if generator is None else generator
        self.executor = Executor(
            sampler, pass_manager=pass_manager, generator=self.generator, progress=progress
        )
        self.draws, self.spread = draws, spread
        self.prepared = Remembered(lambda circuit: overlap_plan(pauli_circuit(circuit)))

    least_shots = 1

    @abstractmethod
    def directions(self, parameters: int) -> tuple[Floats, Floats]:
        """Shifts (M, G, P) of the G overlaps of every draw, and their weights (M, G, P, P) in F̂_m."""

    def at_points(self, circuit: QuantumCircuit, points: Points, shots: int | None) -> FisherEstimate:
        """See `FisherEstimator`."""
        rows, share = points.rows, points.share
        checked_draws(self.draws, 4 * rows.shape[1] ** 2)
        plan, matrices, cost = self.prepared(circuit), [], None
        pullbacks = points.pulled_back(np.tile(np.eye(rows.shape[1]), (len(rows), 1, 1)))
        for row, pullback in zip(rows, pullbacks, strict=True):
            shifts, entries = self.directions(len(row))
            around = (row + shifts).reshape(-1, len(row))
            found = overlaps(
                plan, self.executor, plan.source.angles(row[None]), plan.source.angles(around)[None], shots
            )
            cost = found.cost if cost is None else cost + found.cost
            values_of_draws = found.values.reshape(shifts.shape[:2])
            drawn = np.einsum("mg,mgij->mij", values_of_draws - 1, entries)  # f(θ, θ) = 1 is known
            matrices.append(pullback.T @ drawn @ pullback)
        stacked = np.array(matrices)
        variance = np.tensordot(share**2, stacked.var(axis=1, ddof=1), 1) / stacked.shape[1]
        return FisherEstimate(
            matrix=np.tensordot(share, stacked.mean(axis=1), 1),
            stderr=np.sqrt(variance),
            circuits=0 if cost is None else cost.circuits,
            shots=0 if cost is None else cost.shots,
            parameters=plan.source.parameters,
            metadata={"draws": self.draws, "spread": self.spread},
        )

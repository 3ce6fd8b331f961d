"""The estimator behind every layer-by-layer method: prepare once, run, sum up, allocate shots on request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qgeo.estimators.allocation import Allocation, allocated, pilot_shots
from qgeo.estimators.estimate import FisherEstimate, mean_spread
from qgeo.estimators.estimator import FisherEstimator, Points, Remembered, largest_entries
from qgeo.estimators.execution import CircuitTask, Cost, Executor, Progress
from qgeo.estimators.layered import LayeredExperiments, Moments, Scheme, layered_experiments
from qgeo.estimators.outcomes import Outcomes, pooled
from qgeo.estimators.pauli_circuit import PauliCircuit, pauli_circuit
from qgeo.estimators.primitives import PassManager, Primitive

Floats = NDArray[np.float64]
Results = list[list[Outcomes]]
"""Outcomes per experiment and row."""


class LayeredEstimator(FisherEstimator):
    """Shared by the methods that read commuting layers; a subclass names its circuits and its sum.

    Args:
        sampler: any Qiskit V2 sampler; None for Aer.
        pass_manager: transpiles to the sampler's target.
        generator: source of Aer's seeds.
        allocation: how the budget (shots × circuits) is spread; None for the same shots for every circuit.
            The pilot's shots are kept although they decide the rest: a bias of order 1/shots, a fraction of
            the standard error.
        progress: told (circuits done, circuits in all) on the way.
        mitigate_readout: see `Executor`.
    """

    scheme: ClassVar[Scheme]

    def __init__(
        self,
        sampler: Primitive | None = None,
        *,
        pass_manager: PassManager | None = None,
        generator: np.random.Generator | None = None,
        allocation: Allocation | None = None,
        progress: Progress | None = None,
        mitigate_readout: bool = False,
    ) -> None:
        self.executor = Executor(
            sampler,
            pass_manager=pass_manager,
            generator=generator,
            progress=progress,
            mitigate_readout=mitigate_readout,
        )
        self.allocation = allocation
        self.prepared = Remembered(self._experiments)

    def check_entries(self, source: PauliCircuit) -> None:
        """Refuse a circuit whose entries of F_Q the method does not give; nothing by default."""

    def at_points(self, circuit: QuantumCircuit, points: Points, shots: int | None) -> FisherEstimate:
        """See `FisherEstimator`."""
        rows, share = points.rows, points.share
        prepared = self.prepared(circuit)
        if points.jacobian is None:
            self.check_entries(prepared.source)
        by_term = points.pulled_back(prepared.source.jacobian(rows))
        angles = prepared.source.angles(rows)
        results, cost = self._run(prepared, angles, by_term, share, shots)
        mean = _mean(self._moments(prepared, results, by_term), share, cost, prepared)
        return replace(mean, largest=largest_entries(by_term, share))

    def _experiments(self, circuit: QuantumCircuit) -> LayeredExperiments:
        return layered_experiments(pauli_circuit(circuit), self.scheme)

    def _run(
        self, prepared: LayeredExperiments, angles: Floats, by_term: Floats, share: Floats, shots: int | None
    ) -> tuple[Results, Cost]:
        count = len(prepared.experiments)
        if self.allocation is None or shots is None:
            return self._execute(prepared, angles, [shots] * count)
        first = pilot_shots(self.allocation, shots)
        results, cost = self._execute(prepared, angles, [first] * count)
        variances = _variances(self._moments(prepared, results, by_term), share, self.allocation)
        if first == shots:
            return results, cost
        more, extra = self._execute(prepared, angles, allocated(variances, (shots - first) * count))
        both = [
            [pooled(a, b) for a, b in zip(*rows, strict=True)] for rows in zip(results, more, strict=True)
        ]
        return both, cost + extra

    def _execute(
        self, prepared: LayeredExperiments, angles: Floats, shots: Sequence[int | None]
    ) -> tuple[Results, Cost]:
        tasks = [
            CircuitTask(experiment.circuit, angles, count)
            for experiment, count in zip(prepared.experiments, shots, strict=True)
        ]
        return self.executor.run(tasks)

    def _moments(self, prepared: LayeredExperiments, results: Results, by_term: Floats) -> list[Moments]:
        by_row = list(zip(*results, strict=True)) or [()] * len(by_term)
        return [
            self.scheme.moments(prepared, outcomes, jacobian)
            for outcomes, jacobian in zip(by_row, by_term, strict=True)
        ]


def _mean(moments: list[Moments], share: Floats, cost: Cost, prepared: LayeredExperiments) -> FisherEstimate:
    """The mean over rows, whose errors are independent."""
    spread = mean_spread([each.spread for each in moments], share)
    return FisherEstimate(
        matrix=np.tensordot(share, np.array([each.matrix for each in moments]), 1),
        stderr=spread.stderr,
        circuits=cost.circuits,
        shots=cost.shots,
        parameters=prepared.source.parameters,
        metadata={"distinct_circuits": len(prepared.experiments), "layers": prepared.num_layers},
        squares=spread.squares,
        resolution=spread.resolution,
    )


def _variances(moments: list[Moments], share: Floats, allocation: Allocation) -> Floats:
    """(E,) weighted variance that one shot of each experiment gives."""
    matrix = np.tensordot(share, np.array([each.matrix for each in moments]), 1)
    weights = allocation.entry_weights(matrix)
    by_row = [
        [
            float((weights[np.ix_(noise.columns, noise.columns)] * noise.smoothed).sum())
            for noise in each.noise
        ]
        for each in moments
    ]
    return np.asarray(share**2 @ np.array(by_row))

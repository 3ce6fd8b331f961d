"""SampledCFI: F_C of the measured bitstrings, from the shots of the parameter-shift gradient.

    F_ij = Σ_y ∂_ip(y) ∂_jp(y) / p(y)
    F̂_ij = Σ_y [D_i(y) D_j(y) − V_ij(y)] (s + 1)/(N_y + 1)

D is the measured derivative, V the variance that would bias its square, N_y the counts at the point itself.
E[(s+1)/(N+1)] = [1 − (1−p)^{s+1}]/p for a binomial N: F̂ is unbiased but for outcomes with p ≲ 1/s, which
count for [1 − (1−p)^{s+1}] of their share: F̂ is then too small on the diagonal, never too large. What they
may hide stands in the estimate's `bias`. A fixed channel behind the measurement (folding, smoothing) acts on
p and D alike and gives F_C of what it puts out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qgeo.errors import ShapeError
from qgeo.estimators.derivatives import (
    DerivativeRule,
    Derivatives,
    Probabilities,
    read_probabilities,
    shifted_derivatives,
    state_task,
)
from qgeo.estimators.estimate import FisherEstimate, Spread, mean_spread
from qgeo.estimators.estimator import FisherEstimator, Points, Remembered, checked_weights, largest_entries
from qgeo.estimators.execution import Executor, Progress
from qgeo.estimators.pauli_circuit import PauliCircuit, pauli_circuit
from qgeo.estimators.primitives import PassManager, Primitive
from qgeo.estimators.sampled_noise import MeasuredPoint, hidden, spread
from qgeo.geometry.classical import marginal_outcomes
from qgeo.geometry.request import real_array

Floats = NDArray[np.float64]


class SampledCFI(FisherEstimator):
    """F_C of the bits that a circuit measures (all qubits in Z where it measures none), or of a channel's
    output.

    Args:
        sampler, pass_manager, generator, progress: see `Executor`.
        channel: (2ⁿ, V) probabilities of output v given the bitstring y of all qubits, rows summing to 1;
            None: the measured bits.
        rule: `shifted_derivatives` or `ancilla_derivatives`.
    """

    reads_measurements = True

    def __init__(
        self,
        sampler: Primitive | None = None,
        *,
        pass_manager: PassManager | None = None,
        generator: np.random.Generator | None = None,
        progress: Progress | None = None,
        channel: Floats | None = None,
        rule: DerivativeRule = shifted_derivatives,
    ) -> None:
        self.executor = Executor(sampler, pass_manager=pass_manager, generator=generator, progress=progress)
        self.channel, self.rule = channel, rule
        self.prepared = Remembered(pauli_circuit)

    def at_points(self, circuit: QuantumCircuit, points: Points, shots: int | None) -> FisherEstimate:
        """See `FisherEstimator`."""
        rows, share = points.rows, points.share
        source = self.prepared(circuit)
        by_term = points.pulled_back(source.jacobian(rows))
        angles = source.angles(rows)
        tasks = [state_task(source, angles, shots), *self.rule.tasks(source, angles, shots)]
        (at_point, *others), cost = self.executor.run(tasks)
        probabilities = read_probabilities(source, at_point, shots)
        slopes = self.rule.read(source, len(rows), others, shots)
        matrix, noise, bias = output_fisher_estimate(
            probabilities, slopes, by_term, channel=self._channel(source), weights=share
        )
        return FisherEstimate(
            matrix,
            noise.stderr,
            cost.circuits,
            cost.shots,
            source.parameters,
            squares=noise.squares,
            resolution=noise.resolution,
            largest=largest_entries(by_term, share),
            bias=bias,
        )

    def _channel(self, source: PauliCircuit) -> Floats | None:
        """What is read from a bitstring, as a channel."""
        if self.channel is not None or source.measured is None:
            return self.channel
        outcomes = marginal_outcomes(source.num_qubits, source.measured).numpy()
        return np.asarray(np.eye(2 ** len(source.measured))[outcomes])


def output_fisher_estimate(
    probabilities: Probabilities,
    slopes: Derivatives,
    by_term: Floats,
    *,
    channel: Floats | None = None,
    weights: Floats | None = None,
) -> tuple[Floats, Spread, Floats]:
    """F̂ (W, W), the variances of its noise, and what rare outcomes may hide of it (W, W).

    The weighted mean over rows; by_term: (B, K, W).

    Raises:
        ShapeError: a channel of another height than 2ⁿ.
    """
    through = None if channel is None else _checked(channel, probabilities.values.shape[-1])
    points = [
        MeasuredPoint(Probabilities(p, probabilities.shots), slopes.at(row), t, through)
        for row, (p, t) in enumerate(zip(probabilities.values, by_term, strict=True))
    ]
    share = checked_weights(weights, len(points))
    matrix = np.tensordot(share, np.array([point.matrix for point in points]), 1)
    bias = np.tensordot(share, np.array([hidden(point) for point in points]), 1)
    return matrix, mean_spread([spread(point) for point in points], share), bias


def _checked(channel: Floats, height: int) -> Floats:
    channel = real_array(channel, "a channel")
    if channel.ndim != 2 or len(channel) != height or np.abs(channel.sum(1) - 1).max() > 1e-9:
        raise ShapeError(
            f"expected a channel with {height} rows, one per bitstring, that sum to 1, got {channel.shape}"
        )
    return channel

"""SampledCFI: F_C of the measured bitstrings, from the shots of the parameter-shift gradient.

    F_ij = Σ_y ∂_ip(y) ∂_jp(y) / p(y)
    F̂_ij = Σ_y [D_i(y) D_j(y) − V_ij(y)] (s + 1)/(N_y + 1)

D is the measured derivative, V the variance that would bias its square, N_y the counts at the point itself.
E[(s+1)/(N+1)] = [1 − (1−p)^{s+1}]/p for a binomial N: F̂ is unbiased but for outcomes with p ≲ 1/s, which
count for [1 − (1−p)^{s+1}] of their share: F̂ is then too small, never too large. A fixed channel behind the
measurement (folding, smoothing) acts on p and D alike and gives F_C of what it puts out.
"""

from __future__ import annotations

from typing import Any

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
from qgeo.estimators.pauli_circuit import pauli_circuit
from qgeo.geometry.request import real_array

Floats = NDArray[np.float64]

_SMALLEST = 1e-14


class SampledCFI(FisherEstimator):
    """F_C of the bitstrings (all qubits measured in Z), or of a channel's output.

    Args:
        sampler, pass_manager, generator, progress: see `Executor`.
        channel: (2ⁿ, V) probabilities of output v given bitstring y, rows summing to 1; None: the bitstrings.
        rule: `shifted_derivatives` or `ancilla_derivatives`.
    """

    def __init__(
        self,
        sampler: Any = None,
        *,
        pass_manager: Any = None,
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
        found = read_probabilities(source, at_point, shots)
        slopes = self.rule.read(source, len(rows), others, shots)
        matrix, spread = output_fisher_estimate(found, slopes, by_term, channel=self.channel, weights=share)
        return FisherEstimate(
            matrix,
            spread.stderr,
            cost.circuits,
            cost.shots,
            source.parameters,
            squares=spread.squares,
            resolution=spread.resolution,
            largest=largest_entries(by_term, share),
        )


def output_fisher_estimate(
    found: Probabilities,
    slopes: Derivatives,
    by_term: Floats,
    *,
    channel: Floats | None = None,
    weights: Floats | None = None,
) -> tuple[Floats, Spread]:
    """F̂ (W, W) and the variances of its noise, the weighted mean over rows; by_term: (B, K, W).

    Raises:
        ShapeError: a channel of another height than 2ⁿ.
    """
    if channel is not None:
        found, slopes = _behind(found, slopes, channel)
    rows = [
        _one_row(p, found.shots, Derivatives(signed[None], plain[None], slopes.shots), t)
        for p, signed, plain, t in zip(found.values, slopes.signed, slopes.plain, by_term, strict=True)
    ]
    matrices, spreads = zip(*rows, strict=True)
    share = checked_weights(weights, len(rows))
    return np.tensordot(share, np.array(matrices), 1), mean_spread(list(spreads), share)


def _one_row(p: Floats, shots: float, slopes: Derivatives, t: Floats) -> tuple[Floats, Spread]:
    """F̂ and the variances of its noise, at one context."""
    inverse = _inverse(p, shots)
    by_parameter = t.T @ slopes.values[0]  # (W, Y)
    noise = np.einsum("ki,kj,ky->ijy", t, t, slopes.variances[0], optimize=True)
    products = by_parameter[:, None] * by_parameter - noise
    matrix = products @ inverse
    none = np.zeros_like(matrix)
    if np.isinf(slopes.shots):
        return matrix, Spread(none, none, none, np.zeros(len(matrix)))
    own = noise.diagonal().T
    quadratic = (own[:, None] * own + noise**2) @ inverse**2
    plug_in = _slope_variance(slopes, by_parameter * inverse, t) + _inverse_variance(p, shots, products)
    return matrix, Spread(plug_in, quadratic, none, np.sqrt(quadratic.diagonal() / 2))


def _inverse(p: Floats, shots: float) -> Floats:
    """1/p, or its estimate (s + 1)/(N + 1)."""
    if not np.isinf(shots):
        return (shots + 1) / (p * shots + 1)
    return np.where(p > _SMALLEST, 1 / np.maximum(p, _SMALLEST), 0.0)


def _slope_variance(slopes: Derivatives, weighted: Floats, t: Floats) -> Floats:
    """From the noise of D: Σ_k Var(Σ_y h_ij(y) D_k(y)), h_ij = (T_ki D_j + T_kj D_i)/p."""
    total = np.zeros((t.shape[1],) * 2)
    for signed, plain, row in zip(slopes.signed[0], slopes.plain[0], t, strict=True):
        for first, second in zip(signed, plain, strict=True):
            mean, square = weighted @ first, (weighted * second) @ weighted.T
            covariance = (square - np.outer(mean, mean)) / (slopes.shots - 1)
            one_sided = np.outer(row**2, covariance.diagonal())
            total += one_sided + one_sided.T + 2 * np.outer(row, row) * covariance
    return np.maximum(total, 0)


def _inverse_variance(p: Floats, shots: float, products: Floats) -> Floats:
    """From the noise of 1/p̂: d(1/p) = −dp/p²."""
    slope = products * _inverse(p, shots) ** 2
    return np.maximum((slope**2 @ p - (slope @ p) ** 2) / shots, 0)


def _behind(found: Probabilities, slopes: Derivatives, channel: Floats) -> tuple[Probabilities, Derivatives]:
    channel, height = real_array(channel, "a channel"), found.values.shape[-1]
    if channel.ndim != 2 or len(channel) != height or np.abs(channel.sum(1) - 1).max() > 1e-9:
        raise ShapeError(
            f"expected a channel with {height} rows, one per bitstring, that sum to 1, got {channel.shape}"
        )
    through = Derivatives(slopes.signed @ channel, slopes.plain @ channel, slopes.shots)
    return Probabilities(found.values @ channel, found.shots), through

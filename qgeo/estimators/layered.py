"""F_Q layer by layer: what grouped linear combination, mid-circuit measurement and block-diagonal share.

Per shot of layer J's circuit let y_J = m_J T_J ∈ R^W: the readings of its terms, carried to parameters by
T = ∂a/∂θ. Per shot of the circuit of term i and a later layer J let u_iJ = x m_J T_J, with E[x m_j] =
Re⟨P_i P_j⟩. Then

    F = Σ_J Cov(y_J) + Σ_{i, J > layer of i} (T_i ⊗ E u_iJ + transposed) − Σ_{I≠J} E y_I ⊗ E y_J.

Cov takes s/(s−1), products of different circuits are unbiased: so is F̂. With Y = Σ_J E y_J the last sum is
Y⊗Y without its in-layer part, and the error of layer J's circuit is that of the second moment of y_J − Y. Its
measured variance is 0 where all shots agree; `Noise.reach` says what a shot that did not come could do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qgeo.estimators.estimate import Spread, weighted_mean
from qgeo.estimators.experiments import Experiment, layer_experiment
from qgeo.estimators.outcomes import Outcomes
from qgeo.estimators.pauli_circuit import PauliCircuit

Floats = NDArray[np.float64]
PairExperiment = Callable[[PauliCircuit, int, int], Experiment]


@dataclass(frozen=True, eq=False)
class LayeredExperiments:
    """Experiments of a circuit: one per layer, then one per `pairs` (term, later layer)."""

    source: PauliCircuit
    experiments: tuple[Experiment, ...]
    pairs: tuple[tuple[int, int], ...]

    @property
    def num_layers(self) -> int:
        return len(self.experiments) - len(self.pairs)


@dataclass(frozen=True, eq=False)
class Noise:
    """What one shot of an experiment adds to the entries on `columns`, (C, C) each.

    per_shot: measured variance of its contribution; reach: the furthest that its readings allow it to lie
    from the mean, for outcomes that no shot showed.
    """

    columns: NDArray[np.int64]
    per_shot: Floats
    reach: Floats
    shots: float

    @property
    def smoothed(self) -> Floats:
        """`per_shot` as if one shot more had gone as far as it can: no variance of 0 where all agree."""
        return self.per_shot + self.reach**2 / self.shots


@dataclass(frozen=True, eq=False)
class Moments:
    """A matrix (W, W), the noise of every experiment (none where exact), the variance of the part that is
    quadratic in measured means, and (W,) the variance of the means whose squares are in F_ii."""

    matrix: Floats
    noise: tuple[Noise, ...]
    quadratic: Floats
    of_squared: Floats

    @property
    def spread(self) -> Spread:
        """Variances of F̂."""
        plug_in, rare = np.zeros_like(self.matrix), np.zeros_like(self.matrix)
        for noise in self.noise:
            block = np.ix_(noise.columns, noise.columns)
            plug_in[block] += noise.per_shot / noise.shots
            rare[block] += (noise.reach / noise.shots) ** 2
        return Spread(plug_in, self.quadratic, rare, -self.of_squared)


@dataclass(frozen=True)
class Scheme:
    """A layer-by-layer method: its circuits for pairs (None: layers only), and its sum.

    All its circuits have `ancillas` qubits more than the source, so that one layout serves them all.
    """

    pair_experiment: PairExperiment | None
    moments: Callable[[LayeredExperiments, Sequence[Outcomes], Floats], Moments]
    ancillas: int = 0


def layered_experiments(source: PauliCircuit, scheme: Scheme) -> LayeredExperiments:
    """All experiments of a scheme; without circuits for pairs those of layers only."""
    layers = range(len(source.layers))
    pairs = [
        (term, later)
        for number in layers
        for term in source.layers[number].terms
        for later in range(number + 1, len(layers))
    ]
    experiments = [layer_experiment(source, layer, scheme.ancillas) for layer in layers]
    if scheme.pair_experiment is None:
        return LayeredExperiments(source, tuple(experiments), ())
    experiments += [scheme.pair_experiment(source, term, layer) for term, layer in pairs]
    return LayeredExperiments(source, tuple(experiments), tuple(pairs))


def full_moments(prepared: LayeredExperiments, outcomes: Sequence[Outcomes], jacobian: Floats) -> Moments:
    """F̂ at one context from the outcomes of every experiment; jacobian T: (K, W)."""
    samples, layers = _samples(prepared, outcomes, jacobian), prepared.num_layers
    sums = _Sum(jacobian.shape[1])
    total = sum((sample.mean for sample in samples[:layers]), np.zeros(jacobian.shape[1]))
    for sample in samples[:layers]:
        sums.add_layer(sample, total)
        sums.matrix += np.outer(sample.mean, sample.mean)
    sums.matrix -= np.outer(total, total)
    for sample, (term, _) in zip(samples[layers:], prepared.pairs, strict=True):
        sums.add_pair(sample, jacobian[term])
    return sums.moments()


def block_moments(prepared: LayeredExperiments, outcomes: Sequence[Outcomes], jacobian: Floats) -> Moments:
    """Σ_J Cov(y_J) alone: F̂ on the blocks of commuting layers, zero elsewhere; jacobian T: (K, W)."""
    sums = _Sum(jacobian.shape[1])
    for sample in _samples(prepared, outcomes, jacobian):
        sums.add_layer(sample, sample.mean)
    return sums.block_moments()


@dataclass(frozen=True, eq=False)
class _Sample:
    """y or u of an experiment.

    values: (S, W) per distinct outcome; bound: (W,) the largest |value| that readings of ±1 allow; single:
    (W,) whether it is ±bound always, a single term's reading.
    """

    outcome: Outcomes
    values: Floats
    bound: Floats
    single: NDArray[np.bool_]

    @property
    def mean(self) -> Floats:
        return self.outcome.weights @ self.values

    @property
    def growth(self) -> float:
        """How much further than its reading a shot goes where readout errors are inverted."""
        return float(np.sqrt(self.outcome.errors.sum()))

    def on(self, columns: NDArray[np.int64]) -> _Sample:
        return _Sample(self.outcome, self.values[:, columns], self.bound[columns], self.single[columns])


def _samples(prepared: LayeredExperiments, outcomes: Sequence[Outcomes], jacobian: Floats) -> list[_Sample]:
    layer_of = [*range(prepared.num_layers), *(layer for _, layer in prepared.pairs)]
    rows = [jacobian[list(prepared.source.layers[layer].terms)] for layer in layer_of]
    return [
        _Sample(
            outcome,
            experiment.readings(outcome.bits) @ terms,
            np.abs(terms).sum(0),
            (terms != 0).sum(0) <= 1,
        )
        for experiment, outcome, terms in zip(prepared.experiments, outcomes, rows, strict=True)
    ]


class _Sum:
    """F̂ and its noise while experiments are added."""

    def __init__(self, width: int) -> None:
        self.matrix = np.zeros((width, width))
        self.noise: list[Noise] = []
        self.of_means = np.zeros((width, width))  # covariance of the measured Y
        self.in_layers: list[Floats] = []  # covariances of the measured y_J

    def add_layer(self, sample: _Sample, total: Floats) -> None:
        """Cov(y), unbiased, and the variance of (y − Y)⊗(y − Y) for one shot."""
        columns = np.flatnonzero((sample.bound > 0) | (total != sample.mean))
        block, y = np.ix_(columns, columns), sample.on(columns)
        shots, per_shot = y.outcome.shots, _per_shot(y)
        self.matrix[block] += _covariance(y, per_shot)
        if np.isinf(shots):
            return
        in_layer = np.zeros_like(self.of_means)
        in_layer[block] = per_shot / shots
        self.of_means += in_layer
        self.in_layers.append(in_layer)
        variance = y.outcome.unbias * np.maximum(_of_products(y.outcome, y.values - total[columns]), 0)
        self.noise.append(Noise(columns, variance, _reach_of_products(y, total[columns]), shots))

    def add_pair(self, sample: _Sample, row: Floats) -> None:
        """T_i ⊗ u + u ⊗ T_i, and its variance for one shot."""
        columns = np.flatnonzero((sample.bound > 0) | (row != 0))
        block, u, term = np.ix_(columns, columns), sample.on(columns), row[columns]
        self.matrix[block] += _symmetric(term, u.mean)
        if np.isinf(u.outcome.shots):
            return
        per_shot = _per_shot(u)
        variance = _symmetric(term**2, per_shot.diagonal()) + 2 * np.outer(term, term) * per_shot
        reach = u.growth * _symmetric(np.abs(term), u.bound + np.abs(u.mean))
        self.noise.append(Noise(columns, variance, reach, u.outcome.shots))

    def moments(self) -> Moments:
        """With the error of Y ⊗ Y as the quadratic part."""
        quadratic = _of_square(self.of_means)
        return Moments(self.matrix, tuple(self.noise), quadratic, self.of_means.diagonal())

    def block_moments(self) -> Moments:
        """With the errors of the layers' own Y_J ⊗ Y_J as the quadratic part."""
        none = np.zeros_like(self.of_means)
        variances = np.array([none, *self.in_layers]).diagonal(axis1=1, axis2=2)
        quadratic = sum(map(_of_square, self.in_layers), none)
        return Moments(self.matrix, tuple(self.noise), quadratic, weighted_mean(variances, variances**2))


def _reach_of_products(y: _Sample, total: Floats) -> Floats:
    """The furthest that (y − Y)⊗(y − Y) can lie from its mean, over |y_i| ≤ bound_i: at a corner, or for a
    square at 0 if y can be Y."""
    ends = y.bound - total, -y.bound - total
    deviations = y.values - total
    mean = (y.outcome.weights[:, None] * deviations).T @ deviations
    reach = np.max([np.abs(np.outer(a, b) - mean) for a in ends for b in ends], axis=0)
    squares = np.max([np.abs(end**2 - mean.diagonal()) for end in ends], axis=0)
    lowest = np.where(y.single, 0, np.abs(mean.diagonal()))
    np.fill_diagonal(reach, np.maximum(squares, lowest))
    return np.asarray(y.growth * reach)


def _symmetric(first: Floats, second: Floats) -> Floats:
    """a ⊗ b + b ⊗ a."""
    product = np.outer(first, second)
    return product + product.T


def _of_square(covariance: Floats) -> Floats:
    """Var(δ_i δ_j) of Gaussian errors δ: C_ii C_jj + C_ij²."""
    spread = covariance.diagonal()
    return np.outer(spread, spread) + covariance**2


def _per_shot(sample: _Sample) -> Floats:
    """What one shot adds to the covariance of the measured mean."""
    outcome, deviations = sample.outcome, sample.values - sample.mean
    return outcome.unbias * ((outcome.errors[:, None] * deviations).T @ deviations)


def _covariance(sample: _Sample, per_shot: Floats) -> Floats:
    """Of the readings, unbiased: E[mean ⊗ mean] is too large by the covariance of the mean."""
    outcome, deviations = sample.outcome, sample.values - sample.mean
    if outcome.error_weights is None:
        return per_shot
    return (outcome.weights[:, None] * deviations).T @ deviations + per_shot / outcome.shots


def _of_products(outcome: Outcomes, samples: Floats) -> Floats:
    """Variance of s_i s_j in one shot."""
    weighted, errors = outcome.weights[:, None] * samples, outcome.errors[:, None] * samples
    mean, squares = weighted.T @ samples, (errors * samples).T @ samples**2
    if outcome.error_weights is None:
        return squares - mean**2
    return np.asarray(squares - 2 * mean * (errors.T @ samples) + mean**2 * outcome.errors.sum())

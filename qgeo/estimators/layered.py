"""F_Q layer by layer: what grouped linear combination, mid-circuit measurement and block-diagonal share.

Per shot of layer J's circuit let y_J = m_J T_J ∈ R^W: the readings of its terms, carried to parameters by
T = ∂a/∂θ. Per shot of the circuit of term i and a later layer J let u_iJ = x m_J T_J, with E[x m_j] =
Re⟨P_i P_j⟩. Then

    F = Σ_J Cov(y_J) + Σ_{i, J > layer of i} (T_i ⊗ E u_iJ + transposed) − Σ_{I≠J} E y_I ⊗ E y_J.

Cov takes s/(s−1), products of different circuits are unbiased: so is F̂. With Y = Σ_J E y_J the last sum is
Y⊗Y without its in-layer part, and the error of layer J's circuit is that of the second moment of y_J − Y.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qgeo.estimators.experiments import Experiment, layer_experiment
from qgeo.estimators.outcomes import Outcomes
from qgeo.estimators.pauli_circuit import PauliCircuit

Floats = NDArray[np.float64]
PairExperiment = Callable[[PauliCircuit, int, int], Experiment]


@dataclass(frozen=True, eq=False)
class Plan:
    """Experiments of a circuit: one per layer, then one per `pairs` (term, later layer)."""

    source: PauliCircuit
    experiments: tuple[Experiment, ...]
    pairs: tuple[tuple[int, int], ...]

    @property
    def num_layers(self) -> int:
        return len(self.experiments) - len(self.pairs)


@dataclass(frozen=True, eq=False)
class Noise:
    """What one shot of an experiment adds to the variance of the entries on `columns`: (C, C)."""

    columns: NDArray[np.int64]
    per_shot: Floats
    shots: float


@dataclass(frozen=True, eq=False)
class Moments:
    """A matrix (W, W), the noise of every experiment (none where exact), and the variance of the part that
    is quadratic in the measured means."""

    matrix: Floats
    noise: tuple[Noise, ...]
    quadratic: Floats

    @property
    def plug_in(self) -> Floats:
        """(W, W) variance of the linear part."""
        found = np.zeros_like(self.matrix)
        for one in self.noise:
            found[np.ix_(one.columns, one.columns)] += one.per_shot / one.shots
        return found


@dataclass(frozen=True)
class Scheme:
    """A layer-by-layer method: its circuits for pairs (None: layers only), and its sum.

    All its circuits have `ancillas` qubits more than the source, so that one layout serves them all.
    """

    pair_experiment: PairExperiment | None
    moments: Callable[[Plan, Sequence[Outcomes], Floats], Moments]
    ancillas: int = 0


def plan(source: PauliCircuit, scheme: Scheme) -> Plan:
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
        return Plan(source, tuple(experiments), ())
    experiments += [scheme.pair_experiment(source, term, layer) for term, layer in pairs]
    return Plan(source, tuple(experiments), tuple(pairs))


def full_moments(plan: Plan, outcomes: Sequence[Outcomes], jacobian: Floats) -> Moments:
    """F̂ at one context from the outcomes of every experiment; jacobian T: (K, W)."""
    samples = _samples(plan, outcomes, jacobian)
    means = [outcome.weights @ y for outcome, y in zip(outcomes, samples, strict=True)]
    layers = plan.num_layers
    found = _Sum(jacobian.shape[1])
    total = sum(means[:layers], np.zeros(jacobian.shape[1]))
    for outcome, y, mean in zip(outcomes[:layers], samples, means, strict=False):
        found.add_layer(outcome, y, mean, total)
        found.matrix += np.outer(mean, mean)
    found.matrix -= np.outer(total, total)
    for number, (term, _) in enumerate(plan.pairs, layers):
        found.add_pair(outcomes[number], samples[number], means[number], jacobian[term])
    return found.moments()


def block_moments(plan: Plan, outcomes: Sequence[Outcomes], jacobian: Floats) -> Moments:
    """Σ_J Cov(y_J) alone: F̂ on the blocks of commuting layers, zero elsewhere; jacobian T: (K, W)."""
    found = _Sum(jacobian.shape[1])
    for outcome, y in zip(outcomes, _samples(plan, outcomes, jacobian), strict=True):
        mean = outcome.weights @ y
        found.add_layer(outcome, y, mean, mean)
    return found.block_moments()


def _samples(plan: Plan, outcomes: Sequence[Outcomes], jacobian: Floats) -> list[Floats]:
    """y or u of every experiment, (S, W) each."""
    layer_of = [*range(plan.num_layers), *(layer for _, layer in plan.pairs)]
    return [
        experiment.readings(outcome.bits) @ jacobian[list(plan.source.layers[layer].terms)]
        for experiment, outcome, layer in zip(plan.experiments, outcomes, layer_of, strict=True)
    ]


class _Sum:
    """F̂ and its noise while experiments are added."""

    def __init__(self, width: int) -> None:
        self.matrix = np.zeros((width, width))
        self.noise: list[Noise] = []
        self.of_means = np.zeros((width, width))  # covariance of the measured Y
        self.in_layers = np.zeros((width, width))  # variance of Σ_J δy_J ⊗ δy_J

    def add_layer(self, outcome: Outcomes, y: Floats, mean: Floats, total: Floats) -> None:
        """Cov(y), unbiased, and the variance of (y − Y)⊗(y − Y) for one shot."""
        columns = np.flatnonzero(y.any(axis=0) | (total != mean))
        here = np.ix_(columns, columns)
        per_shot = _per_shot(outcome, y[:, columns], mean[columns])
        self.matrix[here] += _covariance(outcome, y[:, columns], mean[columns], per_shot)
        if np.isinf(outcome.shots):
            return
        self.of_means[here] += per_shot / outcome.shots
        self.in_layers[here] += _of_square(per_shot / outcome.shots)
        variance = _of_products(outcome, y[:, columns] - total[columns])
        self.noise.append(Noise(columns, outcome.unbias * np.maximum(variance, 0), outcome.shots))

    def add_pair(self, outcome: Outcomes, u: Floats, mean: Floats, row: Floats) -> None:
        """T_i ⊗ u + u ⊗ T_i, and its variance for one shot."""
        columns = np.flatnonzero(u.any(axis=0) | (row != 0))
        here, own, square = np.ix_(columns, columns), row[columns], row[columns] ** 2
        one_sided = np.outer(own, mean[columns])
        self.matrix[here] += one_sided + one_sided.T
        if np.isinf(outcome.shots):
            return
        per_shot = _per_shot(outcome, u[:, columns], mean[columns])
        spread = np.outer(square, per_shot.diagonal())
        variance = spread + spread.T + 2 * np.outer(own, own) * per_shot
        self.noise.append(Noise(columns, variance, outcome.shots))

    def moments(self) -> Moments:
        """With the error of Y ⊗ Y as the quadratic part."""
        return Moments(self.matrix, tuple(self.noise), _of_square(self.of_means))

    def block_moments(self) -> Moments:
        """With the errors of the layers' own Y_J ⊗ Y_J as the quadratic part."""
        return Moments(self.matrix, tuple(self.noise), self.in_layers)


def _of_square(covariance: Floats) -> Floats:
    """Var(δ_i δ_j) of Gaussian errors δ: C_ii C_jj + C_ij²."""
    spread = covariance.diagonal()
    return np.outer(spread, spread) + covariance**2


def _per_shot(outcome: Outcomes, samples: Floats, mean: Floats) -> Floats:
    """What one shot adds to the covariance of the measured mean."""
    deviations = samples - mean
    return outcome.unbias * ((outcome.errors[:, None] * deviations).T @ deviations)


def _covariance(outcome: Outcomes, samples: Floats, mean: Floats, per_shot: Floats) -> Floats:
    """Of the readings, unbiased: E[mean ⊗ mean] is too large by the covariance of the mean."""
    if outcome.error_weights is None:
        return per_shot
    deviations = samples - mean
    return (outcome.weights[:, None] * deviations).T @ deviations + per_shot / outcome.shots


def _of_products(outcome: Outcomes, samples: Floats) -> Floats:
    """Variance of s_i s_j in one shot."""
    weighted, errors = outcome.weights[:, None] * samples, outcome.errors[:, None] * samples
    mean, squares = weighted.T @ samples, (errors * samples).T @ samples**2
    if outcome.error_weights is None:
        return squares - mean**2
    return squares - 2 * mean * (errors.T @ samples) + mean**2 * outcome.errors.sum()

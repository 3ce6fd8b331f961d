"""Random Markov sources with graded structure, whose entropy rate is known exactly.

    log p(y | x_1 … x_k) = s Σ c_{i_1 … i_k j} q_{i_1}(x_1) ⋯ q_{i_k}(x_k) r_j(y) + const,
    c ~ N(0, Π (1 + i)^(−2β)),     h = Σ_x π(x) H(p(·|x)), nats per token

q and r are random orthonormal bases of functions of a token, the first constant: what is to be learned falls
off as a power, so that heads of every size have something left to learn. All V^k contexts occur, a head that
sees k tokens can reach h, and no shorter context does.
"""

from __future__ import annotations

import numpy as np
import torch

from qgeo.studies.experiments.matched_heads import Population
from qgeo.studies.experiments.measured_output import Floats
from qgeo.tasks.entropy import entropy_bits

SPREAD = 1.0
"""Standard deviation of the logits over contexts and tokens."""

_SAME, _MOST_STEPS = 1e-15, 10_000
"""Where the stationary distribution no longer moves; tables without zeros mix within a few dozen steps."""


def graded_source(vocabulary: int, context: int, beta: float, generator: np.random.Generator) -> Population:
    """All contexts with their stationary weights and exact conditionals."""
    table = _conditionals(_logits(vocabulary, context, beta, generator))
    weights = stationary(table)
    places = np.stack(np.unravel_index(np.arange(weights.size), weights.shape), -1)
    return Population(torch.from_numpy(places), weights.ravel(), table.reshape(-1, vocabulary))


def entropy_rate(source: Population) -> float:
    """h in nats per token: the least loss of any head that sees the whole context."""
    return float(source.weights @ entropy_bits(source.conditionals) * np.log(2))


def stationary(table: Floats) -> Floats:
    """π over contexts (V, …, V) of a chain with conditionals (V, …, V, V), oldest token first."""
    weights = np.full(table.shape[:-1], table[..., 0].size ** -1.0)
    for _ in range(_MOST_STEPS):
        before, weights = weights, (weights[..., None] * table).sum(0)
        if np.abs(weights - before).max() < _SAME:
            break
    return np.asarray(weights / weights.sum())


def _logits(vocabulary: int, context: int, beta: float, generator: np.random.Generator) -> Floats:
    fall = (1.0 + np.arange(vocabulary)) ** -beta
    tokens, nexts = (_basis(vocabulary, generator) for _ in range(2))
    logits = generator.normal(size=(vocabulary,) * (context + 1))
    for axis in range(context + 1):
        logits = _along(axis, (nexts if axis == context else tokens) * fall, logits)
    return np.asarray(SPREAD * logits / _centred(logits).std())


def _basis(vocabulary: int, generator: np.random.Generator) -> Floats:
    """Orthonormal columns, the first constant."""
    drawn = generator.normal(size=(vocabulary, vocabulary))
    drawn[:, 0] = 1
    return np.asarray(np.linalg.qr(drawn)[0])


def _along(axis: int, matrix: Floats, table: Floats) -> Floats:
    return np.moveaxis(np.tensordot(matrix, table, (1, axis)), 0, axis)


def _centred(logits: Floats) -> Floats:
    return np.asarray(logits - logits.mean(-1, keepdims=True))


def _conditionals(logits: Floats) -> Floats:
    shares = np.exp(_centred(logits))
    return np.asarray(shares / shares.sum(-1, keepdims=True))

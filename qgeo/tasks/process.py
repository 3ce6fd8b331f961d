"""Linear processes: token sources whose probabilities are products of matrices.

    P(x_1 … x_k) = μ T[x_1] T[x_2] ⋯ T[x_k] τ

μ is the start, T[y] the operator of token y, τ the effect that turns a belief into its total probability.
After tokens x_1 … x_k the belief is b = μ T[x_1] ⋯ T[x_k] / P(x_1 … x_k), and the next token follows

    p(y | x_1 … x_k) = b T[y] τ.

A hidden Markov model is such a process (μ stationary, τ all ones), a measured qubit is one too (beliefs are
Bloch vectors): whatever is exact about either is written once, here and in `entropy.py` and `stream.py`.
Jaeger, Neural Computation 12, 1371 (2000), observable operator models.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qgeo.errors import ShapeError, TaskError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

IMPOSSIBLE = 1e-14
"""A token with at most this probability never comes: the rest is rounding."""

MOST_NUMBERS = 2**22
"""An exact enumeration holds arrays of at most this many numbers (32 MiB each)."""


class ContextDistribution(NamedTuple):
    """All contexts a source can show, exactly.

    Attributes:
        contexts: (C, k) int64, oldest token first, in lexicographic order, each with positive probability.
        probabilities: (C,) P(x), summing to one.
        conditionals: (C, V) p(y | x), each row summing to one.
    """

    contexts: Ints
    probabilities: Floats
    conditionals: Floats


class Branches(NamedTuple):
    """One more token after each of N beliefs: M possible (belief, token) pairs."""

    parents: Ints  # (M,) row of the belief before
    tokens: Ints  # (M,) the token that came
    beliefs: Floats  # (M, D) the belief after
    weights: Floats  # (M,) its probability


@dataclass(frozen=True, eq=False)
class LinearProcess:
    """P(x_1 … x_k) = start · operators[x_1] ⋯ operators[x_k] · effect.

    Args:
        operators: (V, D, D) T[y], acting on row vectors from the right.
        start: (D,) the belief before the first token, stationary: start · Σ_y T[y] = start.
        effect: (D,) with Σ_y T[y] · effect = effect and start · effect = 1.

    Raises:
        ShapeError: shapes that do not fit, fewer than two tokens, or an equation above that fails at 1e-9.

    >>> coin = LinearProcess(np.full((2, 1, 1), 0.5), np.ones(1), np.ones(1))
    >>> coin.context_distribution(2).probabilities
    array([0.25, 0.25, 0.25, 0.25])
    """

    operators: Floats
    start: Floats
    effect: Floats

    def __post_init__(self) -> None:
        shapes = self.operators.shape, self.start.shape, self.effect.shape
        count, size = len(self.operators), len(self.start)
        if shapes != ((count, size, size), (size,), (size,)) or count < 2:
            raise ShapeError(
                "expected operators (V, D, D) for V of two or more, start (D,) and effect (D,), got shapes "
                f"{', '.join(map(str, shapes))}; give them one D"
            )
        step = self.operators.sum(axis=0)
        _check_close("a stationary start", self.start @ step, self.start)
        _check_close("operators that keep the total probability", step @ self.effect, self.effect)
        _check_close("a start of total probability one", np.atleast_1d(self.start @ self.effect), np.ones(1))

    @property
    def vocabulary_size(self) -> int:
        """V, the number of tokens."""
        return len(self.operators)

    @cached_property
    def token_effects(self) -> Floats:
        """(D, V), column y is T[y] τ: beliefs @ token_effects are next-token probabilities."""
        return (self.operators @ self.effect).T

    def next_token(self, beliefs: Floats) -> Floats:
        """p(y | belief) for beliefs (N, D): shape (N, V), exactly 0 where the token cannot come."""
        probabilities: Floats = beliefs @ self.token_effects
        return np.where(probabilities > IMPOSSIBLE, probabilities, 0.0)

    def can_branch(self, beliefs: Floats) -> bool:
        """Whether the beliefs after one more token still fit in memory."""
        count = np.count_nonzero(self.next_token(beliefs))
        return bool(count * max(self.operators.shape[:2]) <= MOST_NUMBERS)

    def branch(self, beliefs: Floats, weights: Floats) -> Branches:
        """Beliefs (N, D) of probabilities (N,) after every token that can come next."""
        probabilities = self.next_token(beliefs)
        parents, tokens = np.nonzero(probabilities)
        chosen = probabilities[parents, tokens]
        after = (beliefs @ self.operators)[tokens, parents] / chosen[:, None]
        return Branches(parents, tokens, after, weights[parents] * chosen)

    def context_distribution(self, context: int) -> ContextDistribution:
        """Every context of `context` tokens with positive probability, and what follows it.

        Raises:
            TaskError: there are too many of them to hold (`MOST_NUMBERS`).
        """
        contexts, beliefs, weights = np.zeros((1, 0), np.int64), self.start[None], np.ones(1)
        for length in range(context):
            if not self.can_branch(beliefs):
                raise TaskError(
                    f"expected few enough contexts of {context} tokens to enumerate, got {len(contexts)} "
                    f"of {length} tokens already; choose a shorter context"
                )
            parents, tokens, beliefs, weights = self.branch(beliefs, weights)
            contexts = np.column_stack([contexts[parents], tokens])
        return ContextDistribution(contexts, weights, self.next_token(beliefs))


def _check_close(what: str, numbers: Floats, wanted: Floats) -> None:
    if not np.allclose(numbers, wanted, rtol=0, atol=1e-9):
        raise ShapeError(
            f"expected {what}, got {numbers.round(6).tolist()} where {wanted.round(6).tolist()} belongs; "
            "normalise the operators"
        )

"""How unpredictable a linear process is, exactly.

    h_k = H(X_{k+1} | X_1 … X_k) = Σ_b P(b) H(next token | b),     b the belief after k tokens, in bits

h_k falls to the entropy rate h. Beliefs that coincide are merged after every token (they are the mixed states
of computational mechanics, arXiv 1702.08565), so that sources with few of them are followed to any depth.
Knowing where the process really started, S, bounds h from below (Cover & Thomas, theorem 4.5.1):

    H(X_{k+1} | X_1 … X_k, S) ≤ h ≤ H(X_{k+1} | X_1 … X_k).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from qgeo.errors import TaskError
from qgeo.tasks.process import Floats, LinearProcess

TOLERANCE = 1e-9
"""An entropy bracket is narrow enough when its half-width is below this many bits."""

DEEPEST = 512
"""No bracket looks back further than this many tokens."""

MOST_MERGED = 2**13
"""Above this many beliefs, looking for equal ones costs more than it saves."""

SAME = 12
"""Beliefs equal to this many decimals are one belief."""


@dataclass(frozen=True)
class EntropyBracket:
    """lower ≤ h ≤ upper, in bits per symbol; equal where a closed form gives h.

    >>> EntropyBracket(0.25, 0.75).value, EntropyBracket(0.25, 0.75).half_width
    (0.5, 0.25)
    """

    lower: float
    upper: float

    @property
    def value(self) -> float:
        """The midpoint, reported as the entropy rate."""
        return (self.lower + self.upper) / 2

    @property
    def half_width(self) -> float:
        """How far h can be from `value`."""
        return (self.upper - self.lower) / 2


def entropy_bits(probabilities: Floats) -> Floats:
    """H = −Σ_y p_y log₂ p_y over the last axis, in bits; 0 log 0 = 0.

    >>> float(entropy_bits(np.array([0.5, 0.25, 0.25, 0.0])))
    1.5
    """
    safe = np.where(probabilities > 0, probabilities, 1.0)
    return np.asarray(-np.sum(safe * np.log2(safe), axis=-1) + 0.0)  # no −0.0 for certain tokens


def entropies_by_depth(process: LinearProcess, beliefs: Floats, weights: Floats) -> Iterator[float]:
    """H(X_{k+1} | X_1 … X_k, S) in bits for k = 0, 1, 2, …; S says in which belief the process starts.

    Ends when the beliefs no longer fit in memory.

    Args:
        beliefs: (N, D) possible starts; the start of the process alone gives h_k.
        weights: (N,) their probabilities.
    """
    while True:
        yield float(weights @ entropy_bits(process.next_token(beliefs)))
        if not process.can_branch(beliefs):
            return
        _, _, beliefs, weights = process.branch(beliefs, weights)
        if len(beliefs) <= MOST_MERGED:
            beliefs, weights = merge_equal(beliefs, weights)


def merge_equal(beliefs: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """One row for each distinct belief, with the sum of its weights.

    >>> merge_equal(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), np.array([0.25, 0.5, 0.25]))
    (array([[0., 1.],
           [1., 0.]]), array([0.5, 0.5]))
    """
    rounded = beliefs.round(SAME) + 0.0  # −0.0 and 0.0 are one number
    _, first, group = np.unique(rounded, axis=0, return_index=True, return_inverse=True)
    return beliefs[first], np.bincount(group.ravel(), weights).astype(np.float64)


def conditional_entropy(process: LinearProcess, context: int) -> float:
    """h_k in bits: what the best predictor that sees k = `context` tokens still does not know.

    Raises:
        TaskError: a negative context, or one so long that the beliefs do not fit in memory.
    """
    if context < 0:
        raise TaskError(f"expected a context of 0 or more tokens, got {context}; choose another")
    by_depth = entropies_by_depth(process, process.start[None], np.ones(1))
    for entropy in islice(by_depth, context, None):
        return entropy
    raise TaskError(
        f"expected a context short enough to enumerate exactly, got {context} tokens; choose a shorter one"
    )


def bracket(process: LinearProcess, starts: Floats, weights: Floats) -> EntropyBracket:
    """H(X_{k+1} | X_1 … X_k, S) ≤ h ≤ h_k where they first meet to `TOLERANCE`, or else at the last k.

    Args:
        starts: (N, D) beliefs the process can really be in, such that Σ weights · starts is its start.
        weights: (N,) their probabilities.
    """
    lower = entropies_by_depth(process, starts, weights)
    upper = entropies_by_depth(process, process.start[None], np.ones(1))
    for low, high in islice(zip(lower, upper, strict=False), DEEPEST):
        closer = EntropyBracket(min(low, high), high)
        if closer.half_width < TOLERANCE:
            break
    return closer

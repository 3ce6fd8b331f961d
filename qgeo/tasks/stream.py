"""Long token sequences of a linear process: drawing them, and scoring them under the exact filter.

    p(x_{t+1} | x_1 … x_t) = b_t T[x_{t+1}] τ,     b_{t+1} = b_t T[x_{t+1}] / p(x_{t+1} | x_1 … x_t)

The belief b has to be followed one step after another; to follow a million of them, a step is a block of m
tokens: the V^m products of m operators are made once, and a belief times their effects is the distribution of
whole blocks. Nothing is approximated.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qgeo.errors import TaskError
from qgeo.tasks.process import IMPOSSIBLE, Floats, Ints, LinearProcess

MOST_BLOCKS = 256
"""A block has as many tokens as keep the number of different blocks within this."""

BATCHES = 64
"""Tokens of a source depend on each other: standard errors come from the means of this many long batches."""


class MeanLoss(NamedTuple):
    """Mean of −log p in nats per token, and its standard error."""

    mean: float
    standard_error: float


class _Blocks(NamedTuple):
    """All sequences of m tokens at once: block w stands for the m base-V digits of w."""

    tokens: Ints  # (V^m, m)
    operators: Floats  # (V^m, D, D) products T[x_1] ⋯ T[x_m]


def _blocks(process: LinearProcess) -> _Blocks:
    """Blocks as long as `MOST_BLOCKS` allows, at least one token."""
    vocabulary, size = process.vocabulary_size, len(process.start)
    length = max(1, int(np.log(MOST_BLOCKS) / np.log(vocabulary) + 1e-9))
    operators = process.operators
    for _ in range(length - 1):
        operators = (operators[:, None] @ process.operators).reshape(-1, size, size)
    tokens = np.unravel_index(np.arange(vocabulary**length), (vocabulary,) * length)
    return _Blocks(np.column_stack(tokens), operators)


def sample(process: LinearProcess, length: int, generator: np.random.Generator) -> Ints:
    """`length` tokens from the stationary process, int64; the same for the same generator state.

    Raises:
        TaskError: a negative length.

    >>> coin = LinearProcess(np.full((2, 1, 1), 0.5), np.ones(1), np.ones(1))
    >>> sample(coin, 8, np.random.default_rng(0))
    array([1, 0, 1, 0, 0, 0, 1, 1])
    """
    if length < 0:
        raise TaskError(f"expected a length of 0 or more tokens, got {length}; choose another")
    blocks = _blocks(process)
    effects = np.ascontiguousarray((blocks.operators @ process.effect).T)
    # A uniform number never reaches 1, but times a total it could round up to it: stay below.
    uniform = generator.random(-(-length // blocks.tokens.shape[1])) * (1 - 2**-50)
    drawn, belief = np.empty(len(uniform), np.int64), process.start
    for step, fraction in enumerate(uniform.tolist()):
        cumulative = (belief @ effects).cumsum()
        total = cumulative[-1]  # of a belief that was last normalised one block ago
        drawn[step] = block = cumulative.searchsorted(fraction * total, side="right")
        belief = belief @ blocks.operators[block] / total
    return blocks.tokens[drawn].ravel()[:length]


def filtered_losses(process: LinearProcess, tokens: Ints) -> Floats:
    """−log p(x_{t+1} | x_1 … x_t) in nats for every token, shape (N,), from the stationary start.

    Raises:
        TaskError: a token outside the vocabulary, or one the process can never emit there.
    """
    _check_tokens(process, tokens)
    beliefs, columns = _beliefs_between_blocks(process, tokens)
    probabilities = np.empty(columns.shape)
    for place, column in enumerate(columns.T):
        beliefs = _after(process, beliefs, column)
        probabilities[:, place] = beliefs @ process.effect
        beliefs = beliefs / np.maximum(probabilities[:, place], IMPOSSIBLE)[:, None]
    seen = probabilities.ravel()[: len(tokens)]
    if (seen <= IMPOSSIBLE).any():
        first = int(np.argmax(seen <= IMPOSSIBLE))
        raise TaskError(
            f"expected tokens this source can emit, got token {tokens[first]} at position {first}, "
            "which never comes there; score tokens of the same source"
        )
    return -np.log(seen)


def filtered_log_loss(process: LinearProcess, tokens: Ints) -> MeanLoss:
    """Mean of −log p in nats under the exact filter, with the standard error of `BATCHES` batch means.

    Raises:
        TaskError: fewer than two tokens per batch, or tokens the process cannot emit.
    """
    if len(tokens) < 2 * BATCHES:
        raise TaskError(
            f"expected at least {2 * BATCHES} tokens for a standard error, got {len(tokens)}; give more"
        )
    losses = filtered_losses(process, tokens)
    batch_means = np.array([batch.mean() for batch in np.array_split(losses, BATCHES)])
    return MeanLoss(float(losses.mean()), float(batch_means.std(ddof=1) / np.sqrt(BATCHES)))


def _check_tokens(process: LinearProcess, tokens: Ints) -> None:
    if tokens.ndim != 1 or len(tokens) == 0 or tokens.min() < 0 or tokens.max() >= process.vocabulary_size:
        raise TaskError(
            f"expected a row of token ids from 0 to {process.vocabulary_size - 1}, got shape {tokens.shape}"
            f"{f' with {tokens.min()} to {tokens.max()}' if tokens.size else ''}; give tokens of this source"
        )


def _beliefs_between_blocks(process: LinearProcess, tokens: Ints) -> tuple[Floats, Ints]:
    """The belief before each block of the sequence (n, D), and the blocks (n, m), the last padded with 0."""
    blocks = _blocks(process)
    length = blocks.tokens.shape[1]
    columns = np.pad(tokens, (0, -len(tokens) % length)).reshape(-1, length)
    numbers = columns @ process.vocabulary_size ** np.arange(length)[::-1]
    beliefs = np.empty((len(columns), len(process.start)))
    belief = process.start
    for row, block in enumerate(numbers):
        beliefs[row] = belief
        belief = belief @ blocks.operators[block]
        total = belief @ process.effect
        belief = belief / total if total > 0 else belief  # impossible tokens are reported when scored
    return beliefs, columns


def _after(process: LinearProcess, beliefs: Floats, tokens: Ints) -> Floats:
    """Each belief (n, D) times the operator of its token (n,), not normalised."""
    after = np.empty_like(beliefs)
    for token, operator in enumerate(process.operators):
        rows = tokens == token
        after[rows] = beliefs[rows] @ operator
    return after

"""From one row of tokens to training rows: splits, windows, batches.

    tokens  x_1 x_2 x_3 x_4 …      k = 2      contexts [x_1 x_2], [x_2 x_3], …      targets x_3, x_4, …

A sequence is split into contiguous parts first (a text by paragraphs: `paragraphs.py`) and cut into
windows after, so that no window crosses a split: what is validated on was never seen in training, not
even as context.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qgeo.errors import ConfigurationError, ShapeError, TaskError

SPLIT = (0.8, 0.1, 0.1)
"""Training, validation and test share of a sequence."""

Tokens = TypeVar("Tokens", str, NDArray[np.int64])


@dataclass(frozen=True, eq=False)
class Windows:
    """Contexts and the token that followed each.

    Args:
        contexts: (N, k) int64, oldest token first.
        targets: (N,) int64.

    Raises:
        ShapeError: other shapes or dtypes, or different N.

    >>> Windows.of(np.array([5, 6, 7, 8]), context=2).contexts
    tensor([[5, 6],
            [6, 7]])
    """

    contexts: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        shapes = tuple(self.contexts.shape), tuple(self.targets.shape)
        if self.contexts.ndim != 2 or shapes[1] != shapes[0][:1]:
            raise ShapeError(
                f"expected contexts (N, k) and targets (N,), got {shapes[0]} and {shapes[1]}; align them"
            )
        if {self.contexts.dtype, self.targets.dtype} != {torch.int64}:
            raise ShapeError(
                f"expected int64 token ids, got {self.contexts.dtype} and {self.targets.dtype}; convert them"
            )

    @classmethod
    def of(cls, tokens: NDArray[np.int64], context: int) -> Windows:
        """All N = len(tokens) − context windows of a sequence, in order: overlapping views of one copy.

        Raises:
            ConfigurationError: context below one.
            TaskError: not a row of tokens, or too few for one window.
        """
        check_context(context)
        if tokens.ndim != 1 or len(tokens) <= context:
            raise TaskError(
                f"expected a row of at least {context + 1} tokens for windows of context {context}, "
                f"got shape {tokens.shape}; give more tokens or choose a shorter context"
            )
        rows = torch.from_numpy(np.array(tokens, dtype=np.int64)).unfold(0, context + 1, 1)
        return cls(rows[:, :context], rows[:, context])

    @classmethod
    def of_pieces(cls, pieces: Sequence[NDArray[np.int64]], context: int) -> Windows:
        """The windows of each piece, one piece after another: none reaches from one piece into the next.

        The first `context` tokens of a piece are nobody's target; shorter pieces give no window.

        Raises:
            ConfigurationError: context below one.
            TaskError: no piece is long enough for one window.

        >>> Windows.of_pieces([np.array([5, 6, 7]), np.array([8]), np.array([1, 2, 3])], context=2).contexts
        tensor([[5, 6],
                [1, 2]])
        """
        check_context(context)
        longer = [cls.of(piece, context) for piece in pieces if len(piece) > context]
        if not longer:
            raise TaskError(
                f"expected pieces of at least {context + 1} tokens for windows of context {context}, got "
                f"{max(map(len, pieces), default=0)} tokens at most; give more or choose a shorter context"
            )
        if len(longer) == 1:
            return longer[0]
        return cls(torch.cat([w.contexts for w in longer]), torch.cat([w.targets for w in longer]))

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: Tensor) -> Windows:
        """The windows at these positions (M,), in this order, copied."""
        return Windows(self.contexts[rows], self.targets[rows])


def check_context(context: int) -> None:
    """ConfigurationError unless a context has at least one token."""
    if context < 1:
        raise ConfigurationError(
            f"expected a context of at least 1 token, got {context}; choose a longer one"
        )


def split(tokens: Tokens, fractions: Sequence[float] = SPLIT) -> list[Tokens]:
    """Contiguous parts of a sequence (text or token ids), in order, cut at the rounded cumulative fractions.

    Raises:
        ConfigurationError: fractions that are not positive or do not sum to one.

    >>> split("abcdefghij")
    ['abcdefgh', 'i', 'j']
    """
    if min(fractions, default=0.0) <= 0 or abs(sum(fractions) - 1) > 1e-9:
        raise ConfigurationError(
            f"expected positive split fractions that sum to one, got {tuple(fractions)}; for instance {SPLIT}"
        )
    cuts = [round(share * len(tokens)) for share in accumulate(fractions, initial=0.0)]
    return [tokens[start:stop] for start, stop in pairwise(cuts)]


def batches(windows: Windows, batch: int, steps: int, generator: torch.Generator) -> Iterator[Windows]:
    """`steps` batches of exactly `batch` windows, drawn in epochs.

    Each epoch is one `torch.randperm` of all windows, epochs are laid end to end, and batches are cut from
    that row: every window comes once per epoch, and a batch may hold the end of one epoch and the start of
    the next. The same generator state gives the same batches; to resume after step s, skip s of them
    (`itertools.islice`).

    Raises:
        ConfigurationError: batch below one, or no windows; raised with the first batch.
    """
    if batch < 1 or len(windows) < 1:
        raise ConfigurationError(
            f"expected a batch of 1 or more, out of 1 or more windows, got {batch} out of {len(windows)}; "
            "choose another batch or a longer sequence"
        )
    left = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        while len(left) < batch:
            left = torch.cat([left, torch.randperm(len(windows), generator=generator)])
        yield windows.take(left[:batch])
        left = left[batch:]

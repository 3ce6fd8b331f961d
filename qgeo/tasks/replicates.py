"""The data of a replicate: its own training block of a text, or its own draw of a source.

A text is split once; its N training windows, in the order of the text, hold blocks of n windows for R
replicates, evenly spaced from the first window to the last:

    block r starts at window ⌊r (N − n) / (R − 1)⌋,      r = 0 … R − 1

With k tokens of context, two windows share a token only if they are at most k apart. Blocks are disjoint,
no token in two of them, where starts lie n + k apart: R n + (R − 1) k ≤ N. Where there is less text they
overlap, and the task says so. Validation, test and vocabulary are those of the whole text, the same for
all replicates: what is found holds *given this text*.

A source draws everything anew, from a seed of its own for every replicate.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from qgeo.errors import ConfigurationError, TaskError
from qgeo.tasks.task import Task, source_task
from qgeo.tasks.windows import Windows


class TrainingBlock(NamedTuple):
    """The training windows of one replicate.

    Attributes:
        windows: n of them, neighbours in the text.
        disjoint: whether no token of these windows is in another replicate's.
    """

    windows: Windows
    disjoint: bool


def training_block(train: Windows, replicate: int, replicates: int, tokens: int) -> TrainingBlock:
    """The block of one replicate, by the rule above: views of `train`.

    Args:
        replicate: r, from 0 to R − 1.
        replicates: R.
        tokens: n, training windows of each replicate: tokens that are predicted.

    Raises:
        ConfigurationError: no replicate of that number, or n below one.
        TaskError: fewer than n training windows.

    >>> windows = Windows.of(np.arange(101), context=1)
    >>> [training_block(windows, r, 3, tokens=20).windows.targets[0].item() for r in range(3)]
    [1, 41, 81]
    >>> training_block(windows, 0, 3, tokens=20).disjoint, training_block(windows, 0, 3, tokens=50).disjoint
    (True, False)
    """
    _check_replicate(replicate, replicates)
    _check_tokens(tokens, len(train))
    steps = max(1, replicates - 1)
    start = replicate * (len(train) - tokens) // steps
    rows = slice(start, start + tokens)
    context = train.contexts.shape[1]
    disjoint = replicates * tokens + (replicates - 1) * context <= len(train)
    return TrainingBlock(Windows(train.contexts[rows], train.targets[rows]), disjoint)


def replicate_task(task: Task, replicate: int, replicates: int, tokens: int) -> Task:
    """What replicate r of R trains, tunes and is tested on.

    A text keeps its validation, test and vocabulary, and trains on its block of `tokens` windows. A
    source is drawn anew in the same length, with a seed from `numpy.random.SeedSequence(task.seed,
    spawn_key=(r,))`, and trains on the first `tokens` windows of its training part. Both keep the task's
    trunk: replicates share it.

    Raises:
        ConfigurationError, TaskError: as `training_block`.

    >>> coin = source_task("perturbed-coin", context=2, length=1000)
    >>> first, second = (replicate_task(coin, r, 2, tokens=500) for r in range(2))
    >>> len(first.train), len(first.test), first.seed == second.seed, first.disjoint_blocks
    (500, 98, False, True)
    """
    _check_replicate(replicate, replicates)
    if task.source is None or task.seed is None:
        block = training_block(task.train, replicate, replicates, tokens)
        return replace(task, train=block.windows, disjoint_blocks=block.disjoint)
    length = sum(len(part) + task.context for part in (task.train, task.validation, task.test))
    drawn = source_task(task.source, context=task.context, length=length, seed=_seed(task.seed, replicate))
    block = training_block(drawn.train, 0, 1, tokens)
    return replace(drawn, train=block.windows, disjoint_blocks=True, trunk=task.trunk)


def _seed(seed: int, replicate: int) -> int:
    return int(np.random.SeedSequence(seed, spawn_key=(replicate,)).generate_state(1)[0])


def _check_replicate(replicate: int, replicates: int) -> None:
    if not 0 <= replicate < replicates:
        raise ConfigurationError(
            f"expected a replicate from 0 to {replicates - 1}, got {replicate}; choose another"
        )


def _check_tokens(tokens: int, windows: int) -> None:
    if tokens < 1:
        raise ConfigurationError(
            f"expected 1 or more training tokens in a replicate, got {tokens}; give more"
        )
    if tokens > windows:
        raise TaskError(
            f"expected {tokens} training windows for each replicate, got {windows} in all; "
            "ask for fewer, or give a longer text"
        )

"""What a replicate trains on: blocks of a text, fresh draws of a source."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch

from qgeo.errors import ConfigurationError, TaskError
from qgeo.tasks import DEFAULT_CORPUS, Windows, replicate_task, source_task, text_task, training_block


def tokens_of(windows: Windows) -> set[int]:
    return {*windows.contexts.flatten().tolist(), *windows.targets.tolist()}


def blocks(length: int, context: int, replicates: int, tokens: int):
    """Blocks of a row whose tokens are their own places."""
    train = Windows.of(np.arange(length), context)
    return [training_block(train, r, replicates, tokens) for r in range(replicates)]


SIZES = [(63, 1, 3, 20), (100, 3, 5, 17), (1001, 2, 7, 141), (40, 4, 2, 16), (50, 2, 1, 48), (64, 1, 32, 1)]
"""Rows that just hold their blocks: R (n + k) tokens."""


@pytest.mark.parametrize(("length", "context", "replicates", "tokens"), SIZES)
def test_blocks_are_disjoint_where_there_is_enough(length, context, replicates, tokens):
    # Seen to fail: starts R n / N apart, the last block before the end.
    found = blocks(length, context, replicates, tokens)
    assert all(block.disjoint for block in found)
    seen = [tokens_of(block.windows) for block in found]
    assert all(not first & second for first, second in combinations(seen, 2))
    for block in found:
        assert len(block.windows) == tokens
        assert (block.windows.targets.diff() == 1).all()


@pytest.mark.parametrize(("length", "context", "replicates", "tokens"), SIZES)
def test_blocks_that_share_a_token_say_so(length, context, replicates, tokens):
    # Seen to fail: disjoint where R n ≤ N.
    for shorter in range(length - 1, context + tokens, -1):
        found = blocks(shorter, context, replicates, tokens)
        seen = [tokens_of(block.windows) for block in found]
        shared = any(first & second for first, second in combinations(seen, 2))
        assert {block.disjoint for block in found} == {not shared}


def test_blocks_span_the_text():
    found = blocks(101, 1, 3, 60)
    assert [block.windows.targets[0].item() for block in found] == [1, 21, 41]
    assert found[-1].windows.targets[-1] == 100


def test_replicates_of_a_text():
    task = text_task(DEFAULT_CORPUS, context=3)
    parts = [replicate_task(task, r, 40, tokens=9_000) for r in range(40)]
    for part in parts:
        assert len(part.train) == 9_000
        assert part.validation is task.validation
        assert part.test is task.test
        assert (part.characters, part.sha256) == (task.characters, task.sha256)
        assert part.describe()["disjoint_blocks"] is True
    assert torch.equal(parts[1].train.contexts, training_block(task.train, 1, 40, 9_000).windows.contexts)
    assert replicate_task(task, 0, 40, tokens=20_000).disjoint_blocks is False
    assert task.describe()["disjoint_blocks"] is None


def test_replicates_of_a_source_are_fresh_draws():
    # Seen to fail: the task's own seed for every replicate, seed + r, a block of the draw that depends on r.
    tasks = [source_task("mess3", context=2, length=900, seed=seed) for seed in (0, 1)]
    parts = [replicate_task(task, r, 5, tokens=600) for task in tasks for r in range(5)]
    assert len({part.seed for part in [*tasks, *parts]}) == 12
    rows = {tuple(part.train.targets.tolist()) for part in parts}
    assert len(rows) == 10
    first = parts[2]
    again = source_task("mess3", context=2, length=900, seed=first.seed)
    assert torch.equal(first.train.targets, again.train.targets[:600])
    assert torch.equal(first.test.targets, again.test.targets)
    assert (first.disjoint_blocks, first.entropy_rate) == (True, tasks[0].entropy_rate)


def test_replicates_repeat():
    task = source_task("even", length=900)
    first, again = (replicate_task(task, 3, 5, tokens=600) for _ in range(2))
    assert torch.equal(first.train.contexts, again.train.contexts)


TRAIN = Windows.of(np.arange(50), 1)
SOURCE = source_task("even", length=100)

MISTAKES = [
    (lambda: training_block(TRAIN, 3, 3, 5), ConfigurationError, "a replicate from 0 to 2, got 3"),
    (lambda: training_block(TRAIN, -1, 3, 5), ConfigurationError, "a replicate from 0 to 2, got -1"),
    (lambda: training_block(TRAIN, 0, 3, 0), ConfigurationError, "1 or more training tokens .*, got 0"),
    (lambda: training_block(TRAIN, 0, 3, 50), TaskError, "expected 50 training windows .*, got 49 in all"),
    (lambda: replicate_task(SOURCE, 2, 2, 5), ConfigurationError, "a replicate from 0 to 1, got 2"),
    (lambda: replicate_task(SOURCE, 0, 2, 90), TaskError, "expected 90 training windows .*, got 77 in all"),
]


@pytest.mark.parametrize(("mistake", "error", "message"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_explained(mistake, error, message):
    with pytest.raises(error, match=message):
        mistake()

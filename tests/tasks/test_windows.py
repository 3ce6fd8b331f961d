"""Splits, windows, batches."""

from __future__ import annotations

from itertools import islice, pairwise

import numpy as np
import pytest
import torch

from qgeo.errors import ConfigurationError, ShapeError, TaskError
from qgeo.tasks import Windows, batches, split


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numbered(count: int, context: int = 1) -> Windows:
    """Windows whose target is the position in the sequence."""
    return Windows.of(np.arange(count + context), context)


# --- windows --------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", [1, 2, 5])
def test_windows_are_all_contexts_and_what_follows(context):
    # Seen to fail: newest token first, the last window dropped, the target inside the context.
    tokens = np.random.default_rng(0).integers(0, 9, 40)
    found = Windows.of(tokens, context)
    assert len(found) == 40 - context
    for row in range(len(found)):
        assert found.contexts[row].tolist() == tokens[row : row + context].tolist()
        assert found.targets[row] == tokens[row + context]
    assert found.contexts.dtype == found.targets.dtype == torch.int64


def test_windows_do_not_follow_later_changes():
    tokens = np.arange(5)
    tokens.setflags(write=False)
    found = Windows.of(tokens, 2)
    tokens.setflags(write=True)
    tokens[:] = 7
    assert found.targets.tolist() == [2, 3, 4]


def test_windows_of_pieces_stay_inside_them():
    # Seen to fail: windows of the joined pieces; short pieces joined to their neighbours.
    pieces = [np.arange(0, 7), np.arange(10, 12), np.arange(20, 23), np.arange(30, 31)]
    found = Windows.of_pieces(pieces, 2)
    assert found.targets.tolist() == [2, 3, 4, 5, 6, 22]
    assert found.contexts[:, 0].tolist() == [0, 1, 2, 3, 4, 20]
    assert torch.equal(Windows.of_pieces(pieces[:2], 2).contexts, Windows.of(pieces[0], 2).contexts)


def test_bad_windows_are_explained():
    with pytest.raises(TaskError, match="at least 4 tokens for windows of context 3, got 2 tokens at most"):
        Windows.of_pieces([np.arange(2), np.arange(1)], 3)
    with pytest.raises(TaskError, match="got 0 tokens at most"):
        Windows.of_pieces([], 1)
    with pytest.raises(ConfigurationError, match="at least 1 token, got 0"):
        Windows.of_pieces([np.arange(5)], 0)
    with pytest.raises(ConfigurationError, match="at least 1 token, got 0"):
        Windows.of(np.arange(5), 0)
    with pytest.raises(TaskError, match=r"at least 6 tokens for windows of context 5, got shape \(5,\)"):
        Windows.of(np.arange(5), 5)
    with pytest.raises(TaskError, match=r"got shape \(2, 5\)"):
        Windows.of(np.zeros((2, 5), int), 1)
    with pytest.raises(ShapeError, match="align them"):
        Windows(torch.zeros(3, 2, dtype=torch.int64), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ShapeError, match=r"got torch\.float32"):
        Windows(torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64))


# --- splits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [10, 11, 99, 1000, 12_347])
def test_splits_are_contiguous_and_complete(length):
    tokens = np.arange(length)
    parts = split(tokens)
    assert np.concatenate(parts).tolist() == tokens.tolist()
    assert [len(part) for part in parts] == pytest.approx([0.8 * length, 0.1 * length, 0.1 * length], abs=1)


def test_no_window_crosses_a_split():
    # Seen to fail: windows cut first and split after.
    seen = [set(w.contexts.flatten().tolist()) | set(w.targets.tolist()) for w in windows_of_parts(100, 3)]
    assert seen == [set(range(80)), set(range(80, 90)), set(range(90, 100))]


def windows_of_parts(length: int, context: int) -> list[Windows]:
    return [Windows.of(part, context) for part in split(np.arange(length))]


@pytest.mark.parametrize("fractions", [(), (0.5, 0.4), (1.2, -0.2), (1.0, 0.0)])
def test_bad_fractions_are_explained(fractions):
    with pytest.raises(ConfigurationError, match="positive split fractions that sum to one"):
        split("some text", fractions)


# --- batches --------------------------------------------------------------------------------------


def test_batches_repeat_with_their_seed_and_resume():
    # Seen to fail: a generator that is not handed on to randperm.
    def drawn(seed: int, start: int = 0) -> list[list[int]]:
        return [
            part.targets.tolist()
            for part in islice(batches(numbered(50), 16, 12, generator(seed)), start, None)
        ]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert drawn(1, start=5) == drawn(1)[5:]


@pytest.mark.parametrize("batch", [1, 7, 10, 25])
def test_every_window_comes_once_per_epoch(batch):
    # Seen to fail: drawing with replacement, dropping what is left of an epoch.
    steps = 30 // batch * 5
    rows = torch.cat([part.targets for part in batches(numbered(10), batch, steps, generator(0))])
    assert len(rows) == steps * batch
    for epoch in rows[: len(rows) // 10 * 10].reshape(-1, 10):
        assert sorted(epoch.tolist()) == list(range(1, 11))


def test_one_window_is_enough():
    # Seen to fail where two were asked for.
    (batch,) = batches(numbered(1), 3, 1, generator(0))
    assert batch.targets.tolist() == [1, 1, 1]


def test_batches_keep_contexts_with_their_targets():
    for part in batches(numbered(20, context=2), 6, 4, generator(0)):
        assert part.contexts.shape == (6, 2)
        assert torch.equal(part.contexts[:, 1] + 1, part.targets)


def test_bad_batches_are_explained():
    with pytest.raises(ConfigurationError, match="got 0 out of 5"):
        next(batches(numbered(5), 0, 1, generator(0)))


def test_every_epoch_is_shuffled_anew():
    # Seen to fail: every epoch after the first in the windows' own order.
    windows, generator = (
        Windows(torch.arange(50)[:, None], torch.arange(50)),
        torch.Generator().manual_seed(1),
    )
    epochs = [batch.targets.tolist() for batch in batches(windows, 50, 4, generator)]
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs)
    in_order = [sum(later == earlier + 1 for earlier, later in pairwise(epoch)) for epoch in epochs]
    assert max(in_order) < 8  # of 49; 1 is expected
    assert len({tuple(epoch) for epoch in epochs}) == 4

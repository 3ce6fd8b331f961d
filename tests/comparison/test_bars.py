"""Bars: what they are counted on, chosen on and judged by, and the unit of text.

The comment in each test names the planted faults it was seen to fail under, of: judged (validation windows
whatever is asked for), chosen (the discount chosen on the judged windows), twice (a window that comes twice
in a run counted twice), seed (the rows of another seed), unit (bigram minus unigram).
"""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch

from qgeo.comparison import bars
from qgeo.comparison.bars import ALL, SEEN, ngram_bars, text_unit, windows_seen
from qgeo.comparison.sections import TrainingSection
from qgeo.comparison.training import training_batches
from qgeo.heads.ngram import DISCOUNTS, NgramHead
from qgeo.tasks.task import source_task, text_task
from qgeo.tasks.text import DEFAULT_CORPUS
from qgeo.tasks.windows import Windows

TASK = source_task("zipf-bigram", context=2, length=3000)
TRAINING = TrainingSection(steps=30, batch=100)  # more windows than there are: some come twice


def loss(head: NgramHead, windows: Windows, discount: float) -> float:
    log_probs = head.log_probs(windows.contexts, discount).numpy()
    return -float(log_probs[np.arange(len(windows)), windows.targets.numpy()].mean())


@pytest.mark.parametrize("judged", ["validation", "test"])
def test_bars_are_interpolated_ngrams_with_a_discount_chosen_on_validation_windows(judged):
    # Seen to fail under judged, chosen.
    windows = getattr(TASK, judged)
    bars = ngram_bars(TASK, windows)
    assert [bar["name"] for bar in bars] == ["unigram", "bigram", "trigram"]
    for order, bar in enumerate(bars, 1):
        head = NgramHead(TASK.train.contexts, TASK.train.targets, 16, order)
        chosen = min(DISCOUNTS, key=lambda discount, head=head: loss(head, TASK.validation, discount))
        assert bar == {
            "name": bar["name"],
            "loss": pytest.approx(loss(head, windows, chosen), rel=1e-12),
            "discount": chosen,
            "counted_on": ALL,
        }


def test_bars_of_a_run_are_counted_on_the_windows_that_it_sees_each_once():
    # Seen to fail under twice, seed.
    few = TrainingSection(steps=4, batch=100)
    seen = windows_seen(TASK.train, few, seed=3)
    drawn = list(training_batches(TASK.train, few, seed=3))
    assert sorted(map(tuple, seen.contexts.tolist())) == sorted(
        tuple(row) for batch in drawn for row in batch.contexts.tolist()
    )
    both = ngram_bars(TASK, TASK.test, seen)
    assert [bar["counted_on"] for bar in both] == [ALL] * 3 + [SEEN] * 3
    assert both[:3] == ngram_bars(TASK, TASK.test)
    head = NgramHead(seen.contexts, seen.targets, 16, 3)
    assert both[5]["loss"] == pytest.approx(loss(head, TASK.test, both[5]["discount"]), rel=1e-12)


def test_a_run_that_sees_everything_sees_each_window_once():
    # Seen to fail under twice.
    assert torch.equal(windows_seen(TASK.train, TRAINING, seed=0).contexts, TASK.train.contexts)
    assert TRAINING.steps * TRAINING.batch > len(TASK.train)


def test_orders_end_where_tables_are_too_large(monkeypatch):
    monkeypatch.setattr(bars, "LARGEST_TABLE", 256)
    assert [bar["name"] for bar in ngram_bars(TASK, TASK.test)] == ["unigram", "bigram"]


def test_the_unit_of_a_source_is_what_one_token_tells():
    # h_0 − h_1 of the golden mean. Seen to fail under unit.
    task = source_task("golden-mean", context=3, length=200_000)
    source = task.source
    expected = (source.conditional_entropy(0) - source.conditional_entropy(1)) * log(2)
    assert text_unit(task, task.test) == pytest.approx(expected, rel=0.03)


def test_the_unit_of_text_is_the_bars_distance():
    # Seen to fail under judged, unit.
    task = text_task(DEFAULT_CORPUS, context=2, vocabulary=16)
    windows = task.test.take(torch.arange(0, len(task.test), 20))
    losses = {bar["name"]: bar["loss"] for bar in ngram_bars(task, windows)}
    assert text_unit(task, windows) == pytest.approx(losses["unigram"] - losses["bigram"], rel=1e-12)
    assert losses["trigram"] < losses["bigram"] < losses["unigram"] < log(16)

"""Bars: the losses of n-grams that are only counted, and the unit u of text.

    u = loss of unigrams − loss of bigrams                  nats per token, on the same windows

Interpolated n-grams (`qgeo/heads/ngram.py`) of every order up to the context, their discount chosen on
validation windows: counted on all training windows of a task, and on those alone that a run sees. Nothing of
this depends on an arm. A trunk that was trained with an output of its own is a bar beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from qgeo.comparison.sections import TrainingSection
from qgeo.comparison.training import mean_loss, training_batches, validation_windows
from qgeo.heads.ngram import LARGEST_TABLE, NgramHead, chosen_discount
from qgeo.tasks.task import Task
from qgeo.tasks.windows import Windows

ALL, SEEN = "all windows", "seen windows"

VALIDATION_WINDOWS = 4096
"""On which discounts are chosen, at most: the loss is flat around the best one."""

_NAMES = {1: "unigram", 2: "bigram", 3: "trigram"}


def ngram_bars(task: Task, judged: Windows, seen: Windows | None = None) -> list[dict[str, Any]]:
    """A bar per order, as it stands in results.json: its name, loss, discount and what it was counted on.

    Args:
        judged: windows that losses are taken over.
        seen: windows that a run saw (`windows_seen`); bars from these follow those from all.
    """
    counted = {ALL: task.train} | ({} if seen is None else {SEEN: seen})
    return [_bar(task, judged, windows, n, name) for name, windows in counted.items() for n in _orders(task)]


def trunk_bars(trunk: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """What the trunk says of the next token itself, as a bar; none where it has no such output."""
    if trunk is None or trunk["test_loss"] is None:
        return []
    return [{"name": "trunk", "loss": trunk["test_loss"], "discount": None, "counted_on": ALL}]


def windows_seen(windows: Windows, training: TrainingSection, seed: int) -> Windows:
    """The windows that the batches of a run hold, in their order, each once."""
    rows = torch.arange(len(windows))
    numbered = Windows(rows.unsqueeze(1), rows)
    drawn = torch.cat([batch.targets for batch in training_batches(numbered, training, seed)])
    return windows.take(drawn.unique())


def text_unit(task: Task, judged: Windows) -> float:
    """u: what the token before tells of the next one, nats per token; from all training windows."""
    unigram, bigram = (mean_loss(_ngram(task, task.train, order), judged) for order in (1, 2))
    return unigram - bigram


def _orders(task: Task) -> list[int]:
    return [n for n in range(1, task.context + 2) if task.vocabulary_size**n <= LARGEST_TABLE]


def _bar(task: Task, judged: Windows, counted: Windows, order: int, counted_on: str) -> dict[str, Any]:
    head = _ngram(task, counted, order)
    return {
        "name": _NAMES.get(order, f"{order}-gram"),
        "loss": mean_loss(head, judged),
        "discount": float(head.discount),
        "counted_on": counted_on,
    }


def _ngram(task: Task, counted: Windows, order: int) -> NgramHead:
    """Counted there, its discount chosen on validation windows."""
    head = NgramHead(counted.contexts, counted.targets, task.vocabulary_size, order)
    validation = validation_windows(task, VALIDATION_WINDOWS)
    head.discount.fill_(chosen_discount(head, validation.contexts, validation.targets))
    return head

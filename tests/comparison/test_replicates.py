"""Replicates of a comparison: whose they are, their seeds and their data."""

from __future__ import annotations

from dataclasses import replace

import torch

from qgeo.comparison.arms import parse_arm
from qgeo.comparison.config import parse_configuration
from qgeo.comparison.replicates import (
    TUNING_SEED,
    data_of,
    final_seeds,
    primary_pairs,
    replicate_of,
    replicates_of,
    tuning_seeds,
)
from qgeo.tasks.task import source_task, text_task

ARMS = [*map(parse_arm, ("born+quantum", "born+classical", "born+adam", "pauli+classical"))]
TEXT = text_task("the cat sat on the mat and the dog sat on the log. " * 60, context=2)


def comparison(**protocol):
    return parse_configuration({"protocol": protocol, "training": {"seeds": 3, "batch": 8}})


def test_a_verdict_is_about_one_head_under_both_metrics():
    # Seen to fail: two streams of an arm, or two sizes of a head, taken for a pair.
    assert primary_pairs(ARMS) == [(ARMS[0], ARMS[1])]
    for other in ({"seed_stream": 1}, {"refresh": 2}, {"circuit": "separable"}, {"frozen": ("encoder",)}):
        assert primary_pairs([ARMS[0], replace(ARMS[1], **other)]) == []
    assert len(primary_pairs([replace(ARMS[0], kl=0.1), ARMS[1]])) == 1


def test_only_what_a_verdict_is_about_has_all_replicates():
    configuration = comparison(replicates=40, exploratory=10)
    assert [len(replicates_of(configuration, arm, ARMS)) for arm in ARMS] == [40, 40, 10, 10]
    assert [len(replicates_of(comparison(replicates=4), arm, ARMS)) for arm in ARMS] == [4] * 4
    assert [len(replicates_of(comparison(), arm, ARMS)) for arm in ARMS] == [1] * 4


def test_no_seed_belongs_to_two_replicates():
    configuration = comparison(replicates=5, finals=3)
    seeds = [
        seed for r in range(5) for seed in (*final_seeds(configuration, r), *tuning_seeds(configuration, r))
    ]
    assert len(set(seeds)) == len(seeds) == 5 * 4
    assert [replicate_of(configuration, seed) for seed in final_seeds(configuration, 2)] == [2, 2, 2]
    assert max(final_seeds(configuration, 4)) < TUNING_SEED


def test_replicates_of_a_text_train_on_disjoint_blocks_and_end_on_one_test_part():
    # Seen to fail: every replicate trained on all of the text.
    blocks = [data_of(comparison(replicates=4), TEXT, r) for r in range(4)]
    assert all(block.disjoint_blocks for block in blocks)
    assert sum(len(block.train) for block in blocks) <= len(TEXT.train)
    assert len(blocks[0].train) > 0.9 * len(TEXT.train) / 4
    assert all(torch.equal(block.test.contexts, TEXT.test.contexts) for block in blocks)
    assert data_of(comparison(), TEXT, 0) is TEXT


def test_a_short_text_keeps_ten_batches_for_each_replicate_and_says_that_blocks_overlap():
    block = data_of(comparison(replicates=100), TEXT, 0)
    assert len(block.train) == 80
    assert block.disjoint_blocks is False


def test_replicates_of_a_source_are_fresh_draws():
    source = source_task("golden-mean", context=2, length=600)
    first, second = (data_of(comparison(replicates=2), source, r) for r in range(2))
    assert len(first.train) == len(source.train)
    assert not torch.equal(first.train.targets, second.train.targets)
    assert not torch.equal(first.test.targets, second.test.targets)

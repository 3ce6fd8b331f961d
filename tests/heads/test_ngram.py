"""n-gram tables against counts by hand.

The comment in each test names the planted faults it was seen to fail under, of: first (the first n−1 tokens
of a context for the last), reversed (digits of the row in reverse), one (add-1 for add-½), unseen (0 for
1/V).
"""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from numpy.testing import assert_allclose

from qgeo.errors import ConfigurationError, ShapeError
from qgeo.heads.ngram import NgramHead

TEXT = [0, 1, 2, 0, 1, 1, 2, 2, 0, 0, 1, 2, 1, 0, 2, 2, 2, 1]
CONTEXTS = torch.tensor([TEXT[i : i + 3] for i in range(len(TEXT) - 3)])
TARGETS = torch.tensor(TEXT[3:])
orders = pytest.mark.parametrize("order", [1, 2, 3, 4])


def by_hand(order: int, context: list[int], token: int) -> float:
    """(count(last n−1 tokens, token) + ½) / (count(last n−1 tokens) + V/2)."""
    keys = [tuple(c[3 - order + 1 :]) for c in CONTEXTS.tolist()]
    seen, pairs = Counter(keys), Counter(zip(keys, TARGETS.tolist(), strict=True))
    key = tuple(context[3 - order + 1 :])
    return (pairs[key, token] + 0.5) / (seen[key] + 1.5)


@orders
def test_probabilities_are_smoothed_counts(order):
    # Seen to fail under first, reversed, one, unseen.
    head = NgramHead(CONTEXTS, TARGETS, 3, order)
    every = torch.cartesian_prod(*[torch.arange(3)] * 3)
    expected = [[by_hand(order, context, token) for token in range(3)] for context in every.tolist()]
    assert_allclose(head(every).exp(), expected, rtol=1e-12)
    assert_allclose(head(every).exp().sum(1), torch.ones(27), rtol=1e-12)


def test_known_counts():
    # Seen to fail under one: of 15 targets 5 are 0.
    head = NgramHead(CONTEXTS, TARGETS, 3, 1)
    count = TEXT[3:].count(0)
    assert_allclose(head(CONTEXTS[:1])[0, 0].exp(), (count + 0.5) / (15 + 1.5))


def test_row_that_was_never_seen_is_uniform():
    # Seen to fail under unseen.
    head = NgramHead(torch.tensor([[0, 0]]), torch.tensor([1]), 4, 3)
    assert_allclose(head(torch.tensor([[3, 2]])).exp(), [[0.25] * 4], rtol=1e-12)


@orders
def test_nothing_is_trainable_and_state_comes_back(order):
    head = NgramHead(CONTEXTS, TARGETS, 3, order)
    other = NgramHead(CONTEXTS[:1], TARGETS[:1], 3, order)
    assert list(head.parameters()) == []
    other.load_state_dict(head.state_dict())
    assert torch.equal(head(CONTEXTS), other(CONTEXTS))


@pytest.mark.parametrize("order", [0, -1, 5])
def test_order_beyond_the_context_is_refused(order):
    with pytest.raises(ConfigurationError, match=rf"from 1 to 4.*{order}"):
        NgramHead(CONTEXTS, TARGETS, 3, order)


def test_table_too_large_is_refused():
    contexts = torch.zeros(1, 9, dtype=torch.long)
    with pytest.raises(ConfigurationError, match=r"32\^6"):
        NgramHead(contexts, torch.zeros(1, dtype=torch.long), 32, 6)


@pytest.mark.parametrize("contexts", [[[0, 1]], [[0, 1, 2, 0]], [0, 1, 2], [[0.0, 1.0, 2.0]]], ids=str)
def test_contexts_of_another_kind_are_refused(contexts):
    with pytest.raises(ShapeError, match=r"\(B, 3\)"):
        NgramHead(CONTEXTS, TARGETS, 3, 2)(torch.tensor(contexts))


@pytest.mark.parametrize("token", [-1, 3])
def test_tokens_outside_the_vocabulary_are_refused(token):
    bad = torch.tensor([[0, token, 1]])
    with pytest.raises(ShapeError, match="0 to 2"):
        NgramHead(CONTEXTS, TARGETS, 3, 2)(bad)
    with pytest.raises(ShapeError, match="0 to 2"):
        NgramHead(bad, TARGETS[:1], 3, 2)
    with pytest.raises(ShapeError, match="0 to 2"):
        NgramHead(CONTEXTS[:1], torch.tensor([token]), 3, 2)

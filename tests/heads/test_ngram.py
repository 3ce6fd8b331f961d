"""n-gram heads against counts by hand, and on a source whose entropies are known.

The comment in each test names the planted faults it was seen to fail under, of: first (the first n−1 tokens
of a context for the last), unseen (0 for the lower order), types (all V tokens for those that were seen),
lower (1/V for the lower order), worst (the discount with the largest loss).
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from qgeo.errors import ConfigurationError, ShapeError
from qgeo.heads.ngram import DISCOUNTS, NgramHead, chosen_discount
from qgeo.tasks.task import source_task

TEXT = [0, 1, 2, 0, 1, 1, 2, 2, 0, 0, 1, 2, 1, 0, 2, 2, 2, 1]
CONTEXTS = torch.tensor([TEXT[i : i + 3] for i in range(len(TEXT) - 3)])
TARGETS = torch.tensor(TEXT[3:])
EVERY = torch.cartesian_prod(*[torch.arange(3)] * 3)
orders = pytest.mark.parametrize("order", [1, 2, 3, 4])


def by_hand(order: int, context: list[int], token: int, discount: float) -> float:
    """The recursion of the module's first lines, in Counters."""
    if order == 0:
        return 1 / 3
    keys = [tuple(c[3 - order + 1 :]) for c in CONTEXTS.tolist()]
    pairs, key = Counter(zip(keys, TARGETS.tolist(), strict=True)), tuple(context[3 - order + 1 :])
    counts = [pairs[key, y] for y in range(3)]
    lower = by_hand(order - 1, context, token, discount)
    if not sum(counts):
        return lower
    kept = max(counts[token] - discount, 0)
    return (kept + discount * sum(count > 0 for count in counts) * lower) / sum(counts)


@pytest.mark.parametrize("discount", [0.05, 0.5, 1.0])
@orders
def test_probabilities_are_interpolated_counts(order, discount):
    # Seen to fail under first, unseen, types, lower.
    head = NgramHead(CONTEXTS, TARGETS, 3, order, discount)
    expected = [
        [by_hand(order, context, token, discount) for token in range(3)] for context in EVERY.tolist()
    ]
    assert_allclose(head(EVERY).exp(), expected, rtol=1e-12)
    other = NgramHead(CONTEXTS, TARGETS, 3, order)  # seen to fail in float32
    assert_allclose(other.log_probs(EVERY, discount).exp(), expected, rtol=1e-12)


def test_an_example_by_hand():
    # Five windows of a, b, c: a→b three times, a→c, b→a; with D = ½
    #   order 1   b (3 − ½)/5 + (½·3/5)/3 = .6    a, c ½/5 + .1 = .2
    #   after a   b (3 − ½)/4 + (½·2/4)·.6 = .775   c .125 + .05   a .05      after b   a .5 + .5·.2
    # Seen to fail under unseen, types, lower.
    contexts, targets = torch.tensor([[0], [0], [0], [0], [1]]), torch.tensor([1, 1, 1, 2, 0])
    head = NgramHead(contexts, targets, 3, 2, discount=0.5)
    expected = [[0.05, 0.775, 0.175], [0.6, 0.3, 0.1], [0.2, 0.6, 0.2]]
    assert_allclose(head(torch.tensor([[0], [1], [2]])).exp(), expected, rtol=1e-12)


@pytest.mark.parametrize("discount", [*DISCOUNTS, 1e-9])
@orders
def test_it_is_a_distribution_without_zeros(order, discount):
    # Seen to fail under types, unseen.
    generator = torch.Generator().manual_seed(order)
    contexts, targets = (
        torch.randint(5, (40, 3), generator=generator),
        torch.randint(4, (40,), generator=generator),
    )
    log_probs = NgramHead(contexts, targets, 6, order, discount)(torch.randint(6, (200, 3)))
    assert log_probs.isfinite().all()
    assert_allclose(log_probs.exp().sum(1), np.ones(200), rtol=1e-12)


@orders
def test_without_discount_it_is_the_maximum_likelihood_where_it_counted(order):
    # Seen to fail under first.
    head = NgramHead(CONTEXTS, TARGETS, 3, order, discount=1e-9)
    keys = [tuple(c[3 - order + 1 :]) for c in CONTEXTS.tolist()]
    pairs, seen = Counter(zip(keys, TARGETS.tolist(), strict=True)), Counter(keys)
    expected = [[pairs[key, token] / seen[key] for token in range(3)] for key in keys]
    assert_allclose(head(CONTEXTS).exp(), expected, rtol=0, atol=1e-8)


def test_known_counts():
    # Of 15 targets 5 are 0, and all three tokens were seen.
    head = NgramHead(CONTEXTS, TARGETS, 3, 1, discount=0.6)
    count = TEXT[3:].count(0)
    assert_allclose(head(CONTEXTS[:1])[0, 0].exp(), (count - 0.6) / 15 + 0.6 * 3 / 15 / 3)


@orders
def test_nothing_is_trainable_and_state_comes_back(order):
    # Seen to fail: the discount left out.
    head = NgramHead(CONTEXTS, TARGETS, 3, order, discount=0.3)
    other = NgramHead(CONTEXTS[:1], TARGETS[:1], 3, order)
    assert list(head.parameters()) == []
    other.load_state_dict(head.state_dict())
    assert torch.equal(head(CONTEXTS), other(CONTEXTS))


@pytest.mark.parametrize("order", [2, 3])
def test_the_chosen_discount_has_the_lowest_loss(order):
    # Seen to fail under worst.
    head = NgramHead(CONTEXTS, TARGETS, 3, order)
    contexts = torch.randint(3, (50, 3), generator=torch.Generator().manual_seed(order))
    targets = (contexts[:, 2] + 1) % 3
    losses = {}
    for discount in DISCOUNTS:
        probabilities = [
            by_hand(order, c, y, discount) for c, y in zip(contexts.tolist(), targets, strict=True)
        ]
        losses[discount] = -np.log(probabilities).mean()
    assert losses[chosen_discount(head, contexts, targets)] == pytest.approx(min(losses.values()), rel=1e-12)


@orders
def test_on_a_long_sample_the_loss_is_the_source_s_entropy(order):
    # Golden mean: h_0 = .918, h_1 = h_2 = … = ⅔ bits. Seen to fail under first.
    task = source_task("golden-mean", context=3, length=200_000)
    head = NgramHead(task.train.contexts, task.train.targets, 2, order)
    losses = -head(task.test.contexts).gather(1, task.test.targets.unsqueeze(1))[:, 0]
    error = float(losses.std()) / len(losses) ** 0.5
    assert abs(float(losses.mean()) - task.source.conditional_entropy(order - 1) * np.log(2)) < 4 * error
    assert order == 1 or task.exact_excess(head) < 1e-4


@pytest.mark.parametrize("discount", [0, -0.1, 1.01, float("nan"), "0.5", True])
def test_discounts_out_of_range_are_refused(discount):
    with pytest.raises(ConfigurationError, match=rf"\(0, 1\], got .*{discount}"):
        NgramHead(CONTEXTS, TARGETS, 3, 2, discount)


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

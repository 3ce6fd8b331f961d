"""Sampling from heads: the generator decides, each token sees the k before it, frequencies are the model's.

The comment in each test names the planted faults it was seen to fail under, of: stale (the start's context
for every token), seed (the global generator), argmax (the likeliest token for a drawn one).
"""

from __future__ import annotations

import pytest
import torch
from head_cases import build
from torch import Tensor, nn

from qgeo.errors import ShapeError
from qgeo.heads.ngram import NgramHead
from qgeo.heads.sampling import sample_tokens


class Successor(nn.Module):
    """Surely the sum of the last two tokens, mod 5."""

    vocabulary, context = 5, 2

    def forward(self, contexts: Tensor) -> Tensor:
        each = torch.zeros(len(contexts), 5, dtype=torch.float64)
        each[torch.arange(len(contexts)), contexts.sum(1) % 5] = 1
        return each.log()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("start", [[1, 1], [4, 4, 4, 1, 1]], ids=str)
def test_every_token_sees_the_ones_before_it(start):
    # Seen to fail under stale.
    drawn = sample_tokens(Successor(), torch.tensor(start), 8, seeded())
    assert drawn.tolist() == [2, 3, 0, 3, 3, 1, 4, 0]  # Fibonacci mod 5


@pytest.mark.parametrize("length", [0, 1])
def test_length_and_type(length):
    drawn = sample_tokens(build("born"), torch.tensor([0, 1]), length, seeded())
    assert drawn.shape == (length,)
    assert drawn.dtype == torch.long


@pytest.mark.parametrize("name", ["born", "softmax", "pauli"])
def test_tokens_are_the_generators(name):
    # Seen to fail under seed.
    head, start = build(name), torch.tensor([0, 1])
    each, two, other = (sample_tokens(head, start, 30, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(each, two)
    assert not torch.equal(each, other)
    assert all(parameter.grad is None for parameter in head.parameters())


def test_frequencies_are_the_models():
    # Seen to fail under argmax.
    contexts, targets = torch.tensor([[0]] * 9 + [[1]]), torch.tensor([0] * 6 + [1] * 3 + [0])
    head = NgramHead(contexts, targets, 2, 1)
    drawn = sample_tokens(head, torch.tensor([0]), 3000, seeded())
    probability = head(torch.tensor([[0]]))[0, 1].exp().item()
    error = (probability * (1 - probability) / 3000) ** 0.5
    assert abs(drawn.double().mean().item() - probability) < 4 * error


@pytest.mark.parametrize("start", [[], [1], [[0, 1]]], ids=str)
def test_start_that_is_too_short_is_refused(start):
    with pytest.raises(ShapeError, match=r"expected 2 tokens"):
        sample_tokens(build("born"), torch.tensor(start, dtype=torch.long), 3, seeded())

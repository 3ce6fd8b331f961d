"""Heads on a trunk: the encoder in plain numpy, what is remembered, what is no parameter, what is refused.

Jacobians, F_C and F_Q of heads on a trunk are held against autograd and the definitions by the suites over
`tests/head_cases.py`, of which the names with "trunk" are cases. The comment in each test names the planted
faults it was seen to fail under.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from head_cases import BUILDERS, TableTrunk, build, some_contexts
from numpy.testing import assert_allclose
from torch import Tensor, nn

from qgeo.errors import ConfigurationError, ShapeError
from qgeo.heads.born import BornHead
from qgeo.heads.classical import MLPHead, SoftmaxHead, feature_head_size
from qgeo.heads.jacobian import count_trainable
from qgeo.heads.kinds import HEADS, HeadSpec
from qgeo.heads.pauli import PauliHead
from qgeo.heads.trunk import FeatureEncoder, MemoisedTrunk, encoder_numbers, memoised
from qgeo.optim.natural_gradient import NaturalGradient

ON_TRUNKS = [name for name in BUILDERS if name.endswith("trunk")]
CONTEXTS = torch.tensor([[0, 1], [3, 3], [2, 0]])


def encoder(trunk: object = None, outputs: int = 4, seed: int = 0) -> FeatureEncoder:
    return FeatureEncoder(trunk or TableTrunk(4), outputs, torch.Generator().manual_seed(seed))


def test_output_is_the_formula():
    # Seen to fail: b left out.
    module, table = encoder(), TableTrunk(4).table.numpy()
    w, b = (p.detach().numpy() for p in (module.weight, module.bias))
    for context, output in zip(CONTEXTS.numpy(), module(CONTEXTS).detach().numpy(), strict=True):
        first, last = table[0, context[0]], table[1, context[1]]
        assert_allclose(output, w @ (np.sin(first * last) + last) + b, rtol=1e-13)


def test_initial_numbers_are_of_the_size_that_embedded_tokens_have():
    # Seen to fail: without 1/√width.
    wide = encoder(TableTrunk(2, width=100), outputs=40)
    assert 0.099 < wide.weight.detach().abs().max() <= 0.1  # ±1/√100
    assert wide.bias.detach().abs().max() <= 0.1


@pytest.mark.parametrize("outputs", [0, 1, 4])
def test_size_is_what_it_says(outputs):
    module = encoder(outputs=outputs)
    assert count_trainable(module) == encoder_numbers(4, 2, outputs, 99, TableTrunk(4)) == 4 * outputs
    assert module.outputs == outputs


@pytest.mark.parametrize("kind", [SoftmaxHead, MLPHead])
def test_a_classical_head_counts_its_own_numbers_alone(kind):
    head = kind(4, 2, features=5, trunk=TableTrunk(4, width=7))
    assert count_trainable(head) == feature_head_size(4, 2, 5, 4, TableTrunk(4, width=7)) == 5 * 8 + 4 * 6


def test_classical_heads_are_matched_on_the_trunk():
    # Seen to fail: features matched as if tokens were embedded.
    spec = HeadSpec(
        4, 2, 3, "brickwork", 2, 1, 100, torch.Generator().manual_seed(0), trunk=TableTrunk(4, 20)
    )
    sizes = {name: count_trainable(HEADS[name](spec)) for name in ("softmax", "mlp")}
    assert all(abs(size - 100) <= (21 + 4) / 2 for size in sizes.values())
    assert all(HEADS[name](spec).encoder.trunk is not None for name in HEADS)
    assert isinstance(HEADS["mlp"](replace(spec, trunk=None)).encoder, nn.Module)


class ModuleTrunk(nn.Module):
    """A trunk with torch parameters, as one's own may be."""

    name, vocabulary, context, width, parameters = "module", 4, 2, 3, 12

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.arange(12, dtype=torch.float64).view(4, 3))

    def features(self, contexts: Tensor) -> Tensor:
        return self.table[contexts].sum(1)


@pytest.mark.parametrize("kind", [BornHead, PauliHead, SoftmaxHead, MLPHead])
def test_the_trunks_numbers_are_none_of_the_heads(kind):
    # Seen to fail: the trunk as a submodule of the encoder.
    trunk = ModuleTrunk()
    head = kind(4, 2, trunk=trunk)
    names = [name for name, _ in head.named_parameters()]
    assert [name for name in names if name.startswith("encoder")] == ["encoder.weight", "encoder.bias"]
    assert not any("trunk" in name or "table" in name for name in (*names, *head.state_dict()))
    head(CONTEXTS).sum().backward()
    assert trunk.table.grad is None


@pytest.mark.parametrize("name", ON_TRUNKS)
def test_a_batch_is_sent_through_the_trunk_once(name):
    # Seen to fail: without the memory.
    head = build(name)
    counted, contexts = head.encoder.trunk.trunk, some_contexts(head, 4)
    for _ in range(3):
        head(contexts)
        head.log_probs_and_jacobian(contexts.clone())
        copy.deepcopy(head)(contexts)
    assert counted.batches == 1
    head(contexts[:2])
    assert counted.batches == 2


def test_a_step_of_natural_gradient_asks_once():
    head = build("born-trunk")
    contexts, targets = some_contexts(head, 6), torch.tensor([0, 1, 2, 3, 0, 1])
    optimizer = NaturalGradient(head, metric="quantum", lr=0.1, damping=1e-2)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = torch.nn.functional.nll_loss(head(contexts), targets)
        loss.backward()
        optimizer.step(contexts=contexts)
        losses.append(loss.item())
    assert head.encoder.trunk.trunk.batches == 1
    assert losses[-1] < losses[0]


def test_what_was_asked_for_last_is_remembered_longest():
    # Seen to fail: the newest forgotten; one that was asked for again not moved behind.
    trunk = MemoisedTrunk(TableTrunk(4), most=2 * 3 * 3)  # two batches of three contexts, three wide
    first, second, third = (CONTEXTS.roll(shift, 0) for shift in range(3))
    for batch in (first, second, first, third, first):
        trunk.features(batch)
    assert trunk.trunk.batches == 3
    trunk.features(second)
    assert trunk.trunk.batches == 4
    tiny = MemoisedTrunk(TableTrunk(4), most=1)
    assert torch.equal(tiny.features(first), trunk.features(first))


def test_other_contexts_have_other_features():
    trunk = memoised(TableTrunk(4))
    assert memoised(trunk) is trunk
    assert not torch.equal(trunk.features(CONTEXTS), trunk.features(CONTEXTS.flip(0)))
    narrow = CONTEXTS.to(torch.uint8)
    assert torch.equal(trunk.features(narrow), trunk.features(CONTEXTS))


class Wrong(TableTrunk):
    def __init__(self, change) -> None:
        super().__init__(4)
        self.change = change

    def features(self, contexts: Tensor) -> Tensor:
        return self.change(super().features(contexts))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.float(), r"features \(3, 3\) in float64.*float32"),
        (lambda f: f[:, :2], r"features \(3, 3\) in float64.*\(3, 2\)"),
        (lambda f: f / 0, "finite"),
    ],
    ids=["precision", "width", "infinite"],
)
def test_features_that_are_none_are_refused(change, message):
    with pytest.raises(ShapeError, match=message):
        encoder(Wrong(change))(CONTEXTS)


def test_a_trunk_for_other_contexts_is_refused():
    with pytest.raises(ConfigurationError, match=r"5 tokens and contexts of 2, got one of 4 and 2"):
        BornHead(5, 2, trunk=TableTrunk(4))
    with pytest.raises(ConfigurationError, match=r"contexts of 3, got one of 4 and 2; train it on this task"):
        MLPHead(4, 3, trunk=TableTrunk(4))
    with pytest.raises(ConfigurationError, match=r"expected a trunk with name.* got str"):
        SoftmaxHead(4, 2, trunk="gpt")

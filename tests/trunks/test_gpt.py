"""The GPT: its sums in plain numpy, causality, size, what it leaves alone and what it refuses.

The comment in each test names the planted faults it was seen to fail under, of: causal (is_causal=False),
scale (no 1/√d of the attention), first (features of the first position), single (features in float32).
"""

from __future__ import annotations

from math import erf

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from qgeo.comparison.trunk_section import TrunkSection
from qgeo.errors import ConfigurationError
from qgeo.heads.trunk import Trunk
from qgeo.tasks.text import MOST_VOCABULARY
from qgeo.trunks.gpt import GPT, MOST_PARAMETERS, GPTSizes, GPTTrunk

SIZES = GPTSizes(vocabulary=5, context=4, width=8, layers=2, attention_heads=2)


def model(seed: int = 0) -> GPT:
    """With every number moved off its start, norms and biases included."""
    made = GPT(SIZES, torch.Generator().manual_seed(seed))
    generator = torch.Generator().manual_seed(100 + seed)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    return made


# --- the same in numpy, one context at a time ---------------------------------------------------------------


def normed(h: np.ndarray, gain: np.ndarray, shift: np.ndarray) -> np.ndarray:
    mean, variance = h.mean(1, keepdims=True), h.var(1, keepdims=True)
    return (h - mean) / np.sqrt(variance + 1e-5) * gain + shift


def attended(h: np.ndarray, p: dict[str, np.ndarray], at: str) -> np.ndarray:
    length, width = h.shape
    size = width // SIZES.attention_heads
    projected = h @ p[f"{at}.read.weight"].T + p[f"{at}.read.bias"]
    query, key, value = np.split(projected, 3, axis=1)
    out = np.zeros((length, width))
    for head in range(SIZES.attention_heads):
        part = slice(head * size, (head + 1) * size)
        for i in range(length):
            scores = np.array([query[i, part] @ key[j, part] / np.sqrt(size) for j in range(i + 1)])
            weights = np.exp(scores) / np.exp(scores).sum()
            out[i, part] = sum(w * value[j, part] for j, w in enumerate(weights))
    return out @ p[f"{at}.write.weight"].T + p[f"{at}.write.bias"]


def by_hand(p: dict[str, np.ndarray], context: list[int]) -> np.ndarray:
    h = p["tokens"][context] + p["positions"][: len(context)]
    for layer in range(SIZES.layers):
        at = f"blocks.{layer}"
        before = normed(h, p[f"{at}.norm_attention.weight"], p[f"{at}.norm_attention.bias"])
        h = h + attended(before, p, at)
        before = normed(h, p[f"{at}.norm_mlp.weight"], p[f"{at}.norm_mlp.bias"])
        wide = before @ p[f"{at}.expand.weight"].T + p[f"{at}.expand.bias"]
        wide = wide * (1 + np.vectorize(erf)(wide / np.sqrt(2))) / 2
        h = h + wide @ p[f"{at}.contract.weight"].T + p[f"{at}.contract.bias"]
    return normed(h, p["norm.weight"], p["norm.bias"])


CONTEXTS = [[0, 1, 2, 3], [4, 4, 4, 4], [3, 0, 2, 1]]


def test_features_and_log_probabilities_are_those_of_the_formula():
    # Seen to fail under causal, scale, first, single.
    made, trunk = model(), GPTTrunk(model())
    p = {name: tensor.double().numpy() for name, tensor in made.state_dict().items()}
    features = np.array([by_hand(p, context)[-1] for context in CONTEXTS])
    assert_allclose(trunk.features(torch.tensor(CONTEXTS)), features, rtol=1e-10, atol=1e-12)
    scores = features @ p["tokens"].T + p["bias"]
    log_probs = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    assert_allclose(trunk.log_probs(torch.tensor(CONTEXTS)), log_probs, rtol=1e-10, atol=1e-12)


def test_a_later_token_changes_no_earlier_feature():
    # Seen to fail under causal.
    made = model()
    first = torch.tensor([[0, 1, 2, 3]])
    for place in range(4):
        other = first.clone()
        other[0, place] = 4
        moved = (made(other) - made(first)).abs().amax((0, 2)) > 1e-6
        assert moved.tolist() == [i >= place for i in range(4)]


def test_a_context_has_the_same_features_in_every_batch():
    # Seen to fail under single.
    trunk = GPTTrunk(model())
    every = torch.cartesian_prod(*[torch.arange(5)] * 4)
    together = trunk.features(every)
    for row in (0, 17, 600):
        assert_allclose(trunk.features(every[row : row + 1])[0], together[row], rtol=1e-12, atol=1e-13)


def test_it_is_a_trunk_without_gradient_that_its_model_does_not_move():
    made = model()
    trunk = GPTTrunk(made)
    assert isinstance(trunk, Trunk)
    features = trunk.features(torch.tensor(CONTEXTS))
    assert not features.requires_grad
    assert features.shape == (3, trunk.width)
    with torch.no_grad():
        made.tokens += 1
    assert torch.equal(trunk.features(torch.tensor(CONTEXTS)), features)


@pytest.mark.parametrize("sizes", [(5, 4, 8, 2, 2), (32, 3, 64, 3, 4), (2, 1, 6, 1, 3)])
def test_parameters_are_counted_right(sizes):
    made = GPT(GPTSizes(*sizes), torch.Generator().manual_seed(0))
    assert sum(parameter.numel() for parameter in made.parameters()) == GPTSizes(*sizes).parameters


def test_the_default_is_small_enough_for_every_task():
    default = TrunkSection()
    largest = GPTSizes(MOST_VOCABULARY, 64, default.width, default.layers, default.attention_heads)
    assert largest.parameters <= MOST_PARAMETERS == 200_000


def test_the_start_is_the_generators_and_leaves_torchs_own_alone():
    before = torch.get_rng_state()
    one, again, other = (GPT(SIZES, torch.Generator().manual_seed(seed)).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["tokens"], other["tokens"])
    wide = GPT(GPTSizes(100, 10, 64, 2, 4), torch.Generator().manual_seed(0))
    assert abs(wide.tokens.std().item() - 0.02) < 0.001
    assert abs(wide.blocks[1].write.weight.std().item() - 0.01) < 0.001  # 0.02/√(2·2)
    assert torch.equal(wide.norm.weight, torch.ones(64))
    assert not wide.bias.any()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [((5, 4, 8, 2, 3), "multiple of trunk.attention_heads, got 8 and 3"), ((5, 4, 128, 4, 4), "200,000")],
)
def test_sizes_that_make_no_trunk_are_refused(sizes, message):
    with pytest.raises(ConfigurationError, match=message):
        GPTSizes(*sizes)

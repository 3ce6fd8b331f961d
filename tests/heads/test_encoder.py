"""The shared context encoder: its formula in plain numpy, its size, what it refuses.

The comment in each test names the planted faults it was seen to fail under, of: reversed (tokens read last to
first), bias (left out), width (no 1/√width at the start), wrapped (negative ids read from the end).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from head_cases import autograd_jacobian
from numpy.testing import assert_allclose

from qgeo.errors import ConfigurationError, ShapeError
from qgeo.heads.encoder import Encoder, encoder_size
from qgeo.heads.jacobian import count_trainable, parameter_jacobian

VOCABULARY, CONTEXT, OUTPUTS, EMBEDDING = 5, 3, 4, 2


def encoder(seed: int = 0, outputs: int = OUTPUTS) -> Encoder:
    return Encoder(VOCABULARY, CONTEXT, outputs, EMBEDDING, torch.Generator().manual_seed(seed))


def by_hand(module: Encoder, context: list[int]) -> np.ndarray:
    """W (e(x_1), …, e(x_k)) + b in numpy."""
    e, w, b = (p.detach().numpy() for p in (module.embedding, module.weight, module.bias))
    return w @ np.concatenate([e[token] for token in context]) + b


CONTEXTS = [[0, 1, 2], [4, 4, 4], [2, 1, 0], [3, 0, 3]]


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8], ids=str)
def test_output_is_the_formula(dtype):
    # Seen to fail under reversed, bias.
    outputs = encoder()(torch.tensor(CONTEXTS, dtype=dtype))
    assert outputs.dtype == torch.float64
    assert_allclose(outputs.detach(), [by_hand(encoder(), context) for context in CONTEXTS], rtol=1e-13)


def test_jacobian_is_the_one_of_autograd():
    # Seen to fail with the columns in the order of the names.
    module = encoder()
    contexts = torch.tensor(CONTEXTS)
    expected = autograd_jacobian(module, module(contexts))
    jacobian = parameter_jacobian(module, contexts)
    assert not jacobian.requires_grad
    assert_allclose(jacobian, expected, rtol=1e-13)


@pytest.mark.parametrize("outputs", [0, 1, 4])
def test_size_is_what_it_says(outputs):
    assert count_trainable(encoder(outputs=outputs)) == encoder_size(VOCABULARY, CONTEXT, outputs, EMBEDDING)
    assert encoder(outputs=outputs).outputs == outputs


def test_encoder_without_outputs_has_an_empty_jacobian():
    module = encoder(outputs=0)
    contexts = torch.tensor(CONTEXTS)
    assert module(contexts).shape == (4, 0)
    assert parameter_jacobian(module, contexts).shape == (4, 0, count_trainable(module))


def test_initial_numbers_are_the_generators():
    # Seen to fail under width.
    each, two, other = encoder(3), encoder(3), encoder(4)
    assert all(torch.equal(a, b) for a, b in zip(each.parameters(), two.parameters(), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(each.parameters(), other.parameters(), strict=True))
    wide = Encoder(2, 50, 40, 2, torch.Generator().manual_seed(0))
    assert 0.099 < wide.weight.detach().abs().max() <= 0.1  # ±1/√100
    assert wide.bias.detach().abs().max() <= 0.1
    assert abs(wide.weight.std().item() - 0.1 / 3**0.5) < 0.002


@pytest.mark.parametrize("shape", [(3,), (2, 2), (2, 4), (1, 2, 3), ()], ids=str)
def test_contexts_of_another_shape_are_refused(shape):
    with pytest.raises(ShapeError, match=r"\(B, 3\)") as caught:
        encoder()(torch.zeros(shape, dtype=torch.long))
    assert str(tuple(shape)) in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bool], ids=str)
def test_contexts_that_are_no_integers_are_refused(dtype):
    with pytest.raises(ShapeError, match="token ids"):
        encoder()(torch.zeros((2, 3), dtype=dtype))


@pytest.mark.parametrize("token", [-1, VOCABULARY, 10**6])
def test_tokens_outside_the_vocabulary_are_refused(token):
    # Seen to fail under wrapped.
    contexts = torch.tensor([[0, 1, 2], [1, token, 0]])
    with pytest.raises(ShapeError, match="0 to 4"):
        encoder()(contexts)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [((1, 3, 4, 2), "vocabulary ≥ 2.*1"), ((5, 0, 4, 2), "context ≥ 1.*0"), ((5, 3, 4, 0), "embedding ≥ 1")],
    ids=["vocabulary", "context", "embedding"],
)
def test_sizes_that_make_no_encoder_are_refused(sizes, message):
    with pytest.raises(ConfigurationError, match=message):
        Encoder(*sizes, torch.Generator())

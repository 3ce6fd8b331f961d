"""Jacobians over weights by their structure, against the same Jacobian entry by entry.

Independent: sums over contexts written out with einsum on the dense Jacobian, which autograd confirms. The
comment in each test names the planted faults it was seen to fail under, of: order (bias between the rows of
W), bias (left out), token (added where another position's token says), pair (positions of a pair exchanged).
"""

from __future__ import annotations

import pytest
import torch
from head_cases import autograd_jacobian
from torch.testing import assert_close

from qgeo.geometry.weight_jacobian import DenseJacobian, JoinedJacobian, LinearJacobian, WeightJacobian
from qgeo.heads.encoder import Encoder

CONTEXTS = torch.tensor([[0, 1, 2], [4, 4, 4], [2, 1, 0], [3, 0, 3], [4, 4, 1]])
TIGHT = {"rtol": 1e-12, "atol": 1e-13}


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def encoder(frozen: str | None = None) -> Encoder:
    module = Encoder(5, 3, 4, 2, torch.Generator().manual_seed(0))
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name != frozen)
    return module


def linear() -> LinearJacobian:
    return LinearJacobian(draw(5, 3, seed=1), 4)


FORMS: dict[str, WeightJacobian] = {
    "dense": DenseJacobian(draw(5, 4, 6)),
    "linear": linear(),
    "joined": JoinedJacobian(DenseJacobian(draw(5, 4, 2)), linear()),
    "tokens": encoder().weight_jacobian(CONTEXTS),
    "no-bias": encoder("bias").weight_jacobian(CONTEXTS),
    "no-embedding": encoder("embedding").weight_jacobian(CONTEXTS),
}


@pytest.mark.parametrize("name", FORMS)
def test_sums_are_those_of_the_dense_form(name):
    # Seen to fail under order, bias, token, pair.
    form = FORMS[name]
    dense, left, middle = form.dense(), draw(5, 7, 4, seed=2), draw(5, 4, 4, seed=3)
    middle = middle + middle.mT
    assert form.shape == tuple(dense.shape)
    assert_close(form.summed(left), torch.einsum("bro,bow->rw", left, dense), **TIGHT)
    assert_close(form.congruence(middle), torch.einsum("bow,bop,bpv->wv", dense, middle, dense), **TIGHT)
    right = draw(5, 4, 3, seed=4)
    assert_close(form.transposed_times(right), torch.einsum("bow,bom->bwm", dense, right), **TIGHT)


@pytest.mark.parametrize("frozen", [None, "embedding", "weight", "bias"])
def test_dense_form_of_an_encoder_is_the_one_of_autograd(frozen):
    # Seen to fail under order, and with the positions of a context reversed.
    module = encoder(frozen)
    assert_close(
        module.weight_jacobian(CONTEXTS).dense(), autograd_jacobian(module, module(CONTEXTS)), **TIGHT
    )


def test_dense_form_of_a_layer_is_the_one_of_autograd():
    # Seen to fail under order, bias.
    layer = torch.nn.Linear(3, 4, dtype=torch.float64)
    features = draw(5, 3)
    assert_close(LinearJacobian(features, 4).dense(), autograd_jacobian(layer, layer(features)), **TIGHT)


def test_a_step_of_the_weights_moves_no_jacobian_that_was_taken():
    # Seen to fail where the form held the encoder's own weight.
    module = encoder()
    form = module.weight_jacobian(CONTEXTS)
    before = form.dense().clone()
    with torch.no_grad():
        module.weight.add_(1.0)
        module.embedding.add_(1.0)
    assert torch.equal(form.dense(), before)

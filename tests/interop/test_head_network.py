"""HeadNetwork: every kind of head against its own automatic differentiation, and trained by their tools.

The comment in each test names the planted faults it was seen to fail under, of: logarithm (log p for p in the
Jacobian), shared (the network computes with the head itself).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from head_cases import NAMES, autograd_jacobian, build, flat, own, some_contexts, some_targets
from numpy.testing import assert_allclose
from qiskit_machine_learning.algorithms import NeuralNetworkClassifier
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.optimizers import ADAM

from qgeo.errors import ConfigurationError, ShapeError
from qgeo.interop import HeadNetwork

TIGHT = {"rtol": 1e-9, "atol": 1e-11}


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_and_jacobian_are_those_of_the_head(name):
    # Seen to fail under logarithm, shared.
    head = build(name)
    network, contexts = HeadNetwork(head), some_contexts(head, 4)
    p = head(contexts).exp()
    weights = flat(own(head)).numpy()
    assert (network.num_inputs, network.num_weights) == (head.context, len(weights))
    assert network.output_shape == (head.vocabulary,)
    assert_allclose(network.initial_weights, weights, rtol=0)
    assert_allclose(network.forward(contexts.double().numpy(), weights), p.detach(), **TIGHT)
    by_input, by_weight = network.backward(contexts.numpy(), weights)
    assert by_input is None
    assert_allclose(by_weight, autograd_jacobian(head, p), **TIGHT)


def test_the_head_is_left_as_it_is():
    # Seen to fail under shared.
    head = build("born")
    network, before = HeadNetwork(head), flat(own(head))
    moved = network.head_at(before.numpy() + 0.1)
    network.forward(some_contexts(head).numpy(), before.numpy() - 1)
    assert_allclose(flat(own(head)), before, rtol=0)
    assert_allclose(flat(own(moved)), before + 0.1, rtol=1e-12)


def test_frozen_numbers_are_no_weights():
    # Seen to fail under logarithm.
    head = build("softmax")
    next(head.parameters()).requires_grad_(False)
    network, contexts = HeadNetwork(head), some_contexts(head)
    assert network.num_weights == len(flat(own(head)))
    by_weight = network.backward(contexts.numpy(), network.initial_weights)[1]
    assert_allclose(by_weight, autograd_jacobian(head, head(contexts).exp()), **TIGHT)


def test_a_torch_connector_trains_a_head():
    # Seen to fail under logarithm.
    head = build("born")
    network = HeadNetwork(head)
    model = TorchConnector(network, network.initial_weights)
    contexts, targets = some_contexts(head, 12), some_targets(head, 12)
    loss = torch.nn.functional.nll_loss(model(contexts).log(), targets)
    loss.backward()
    torch.nn.functional.nll_loss(head(contexts), targets).backward()
    gradient = torch.cat([parameter.grad.flatten() for parameter in own(head)])
    assert_allclose(model.weight.grad, gradient, rtol=1e-4, atol=1e-6)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(15):
        optimizer.zero_grad()
        last = torch.nn.functional.nll_loss(model(contexts).log(), targets)
        last.backward()
        optimizer.step()
    assert last < loss - 0.1
    trained = network.head_at(model.weight)
    assert torch.nn.functional.nll_loss(trained(contexts), targets) < loss - 0.1


def test_a_neural_network_classifier_trains_a_head():
    head = build("softmax")
    network = HeadNetwork(head)
    contexts, targets = some_contexts(head, 20).numpy(), np.arange(20) % head.vocabulary
    classifier = NeuralNetworkClassifier(
        network,
        loss="cross_entropy",
        one_hot=True,
        optimizer=ADAM(maxiter=40, lr=0.1),
        initial_point=network.initial_weights,
    )
    classifier.fit(contexts, targets)
    before = network.forward(contexts, network.initial_weights)[range(20), targets]
    after = network.forward(contexts, classifier.weights)[range(20), targets]
    assert np.log(after).mean() > np.log(before).mean() + 0.2


@pytest.mark.parametrize("entry", [0.5, -1, 4, np.nan])
def test_inputs_that_are_no_tokens(entry):
    head = build("born")
    network = HeadNetwork(head)
    with pytest.raises(ShapeError, match="expected token ids, integers from 0 to 3, got"):
        network.forward([[0, entry]], network.initial_weights)


def test_weights_that_do_not_fit():
    network = HeadNetwork(build("born"))
    with pytest.raises(ShapeError, match=rf"expected {network.num_weights} weights, got an array"):
        network.forward([[0, 1]], None)
    with pytest.raises(ShapeError, match="expected finite weights, got nan"):
        network.head_at(np.full(network.num_weights, np.nan))
    with pytest.raises(ShapeError, match=r"expected contexts \(B, 2\)"):
        network.forward(None, network.initial_weights)


def test_something_that_is_no_head():
    with pytest.raises(ConfigurationError, match="expected a head of qgeo, such as BornHead, got Linear"):
        HeadNetwork(torch.nn.Linear(2, 2))

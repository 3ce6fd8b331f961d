"""Classical heads: their formula in numpy, their size, and the width that matches a parameter count.

The comment in each test names the planted faults it was seen to fail under, of: tanh (left out or doubled),
bias (left out of the count), below (the largest width that does not exceed the target, for the closest).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from head_cases import build, some_contexts
from numpy.testing import assert_allclose

from qgeo.errors import ConfigurationError
from qgeo.heads.classical import MLPHead, SoftmaxHead, feature_head_size, matched_features
from qgeo.heads.jacobian import count_trainable
from qgeo.heads.sizes import chosen_qubits, closest_width, qubits_for

HEADS = {"softmax": (SoftmaxHead, lambda f: f), "mlp": (MLPHead, np.tanh)}
heads = pytest.mark.parametrize("name", HEADS)


@heads
def test_head_is_its_formula(name):
    # Seen to fail under tanh.
    head = build(name)
    _, activation = HEADS[name]
    e, w, b = (p.detach().numpy() for p in head.encoder.parameters())
    for context in some_contexts(head, 4).tolist():
        features = w @ np.concatenate([e[token] for token in context]) + b
        logits = head.weight.detach().numpy() @ activation(features) + head.bias.detach().numpy()
        expected = np.exp(logits) / np.exp(logits).sum()
        assert_allclose(head(torch.tensor([context]))[0].exp().detach(), expected, rtol=1e-12)


@heads
@pytest.mark.parametrize("sizes", [(2, 1, 1, 1), (5, 3, 4, 2), (32, 3, 7, 4)], ids=str)
def test_size_is_what_it_says(name, sizes):
    # Seen to fail under bias.
    vocabulary, context, features, embedding = sizes
    head = HEADS[name][0](vocabulary, context, features=features, embedding=embedding)
    assert count_trainable(head) == feature_head_size(vocabulary, context, features, embedding)


@pytest.mark.parametrize("target", [1, 60, 61, 137, 138, 139, 300, 1001])
@pytest.mark.parametrize("sizes", [(4, 2, 2), (32, 3, 4)], ids=str)
def test_matched_features_come_closest(sizes, target):
    # Seen to fail under below.
    vocabulary, context, embedding = sizes

    def off(features: int) -> int:
        return abs(feature_head_size(vocabulary, context, features, embedding) - target)

    chosen = matched_features(vocabulary, context, embedding, target)
    assert off(chosen) == min(map(off, range(1, 300)))


@pytest.mark.parametrize("target", range(1, 40))
def test_closest_width_takes_the_smaller_of_two_equals(target):
    # Seen to fail under below.
    best = min(range(1, 30), key=lambda width: (abs(4 * width + 2 - target), width))
    assert closest_width(lambda width: 4 * width + 2, target) == best


@pytest.mark.parametrize(
    ("vocabulary", "qubits"), [(2, 1), (3, 2), (4, 2), (5, 3), (31, 5), (32, 5), (33, 6)]
)
def test_qubits_for_a_vocabulary(vocabulary, qubits):
    assert qubits_for(vocabulary) == qubits
    assert chosen_qubits(None, vocabulary) == qubits
    assert chosen_qubits(1, vocabulary) == 1


@heads
@pytest.mark.parametrize("features", [0, -2])
def test_head_without_features_is_refused(name, features):
    with pytest.raises(ConfigurationError, match=rf"features ≥ 1.*{features}"):
        HEADS[name][0](4, 2, features=features)


@heads
def test_large_logits_stay_finite(name):
    head = build(name)
    with torch.no_grad():
        head.weight *= 1e5
    log_probs, jacobian = head.log_probs_and_jacobian(some_contexts(head, 4))
    assert log_probs.isfinite().all()
    assert jacobian.isfinite().all()

"""Realised against predicted KL of a step.

Seen to fail: KL(new ‖ old), ½ left out, s for s², a head left moved.
"""

from __future__ import annotations

import head_cases
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from qgeo.errors import ConfigurationError, ShapeError
from qgeo.heads.jacobian import flat_parameters, trainable
from qgeo.optim.kl_curve import kl_curve
from qgeo.optim.line import move_to

LENGTHS = np.array([1e-4, 1e-3, 0.01, 0.1])


def contexts_of(head, count: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, head.vocabulary, (count, head.context), generator=generator)


def moved(head, start, step, contexts) -> np.ndarray:
    with torch.no_grad():
        move_to([p for _, p in trainable(head)], start + torch.from_numpy(step))
        log_probs = head(contexts).numpy()
        move_to([p for _, p in trainable(head)], start)
    return log_probs


@pytest.mark.parametrize("name", ["softmax", "mlp", "born", "pauli"])
def test_realised_is_kl_and_predicted_is_its_second_order(name):
    # Seen to fail under every fault.
    head = head_cases.build(name)
    contexts, start = contexts_of(head), flat_parameters(head)
    step = np.random.default_rng(0).normal(size=len(start))
    curve = kl_curve(head, contexts, step, LENGTHS)
    assert torch.equal(flat_parameters(head), start)
    old = moved(head, start, 0 * step, contexts)
    for length, realised in zip(LENGTHS, curve.realised, strict=True):
        new = moved(head, start, length * step, contexts)
        assert_allclose(realised, (np.exp(old) * (old - new)).sum(1).mean(), rtol=1e-9, atol=1e-16)
    slope = (moved(head, start, 1e-5 * step, contexts) - moved(head, start, -1e-5 * step, contexts)) / 2e-5
    assert_allclose(curve.predicted, LENGTHS**2 / 2 * (np.exp(old) * slope**2).sum(1).mean(), rtol=1e-6)
    assert_allclose(curve.realised[0], curve.predicted[0], rtol=1e-2)


def test_mistakes():
    head = head_cases.build("softmax")
    with pytest.raises(ShapeError, match=r"expected a step of \d+ numbers, got shape \(2,\)"):
        kl_curve(head, contexts_of(head), [0.1, 0.2], [1.0])
    with pytest.raises(ConfigurationError, match="expected a head with"):
        kl_curve(torch.nn.Linear(1, 1).double(), torch.zeros(1, 1), [0.1, 0.2], [1.0])

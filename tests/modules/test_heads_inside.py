"""Quantum heads as parts of larger modules: the metrics of heads, and of what stands around them."""

from __future__ import annotations

import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor, nn

import qgeo
from qgeo import NaturalGradient
from qgeo.errors import ConfigurationError
from qgeo.estimators import LinCombQFI
from qgeo.modules.calls import circuit_calls
from qgeo.modules.fisher import module_metric
from qgeo.modules.likelihood import Categorical
from qgeo.optim.metrics import METRICS

CONTEXTS = torch.tensor([[0, 1], [2, 3], [1, 1], [3, 0]])
HEADS = {
    "born": lambda: qgeo.BornHead(vocabulary=4, context=2, layers=1),
    "born-folded": lambda: qgeo.BornHead(vocabulary=3, context=2, layers=1),
    "pauli": lambda: qgeo.PauliHead(vocabulary=4, context=2, layers=1),
}


class Around(nn.Module):
    """A head and nothing else."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, contexts: Tensor) -> Tensor:
        return self.head(contexts)


class Mixed(Around):
    """A head, then a linear layer."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__(head)
        self.after = nn.Linear(head.vocabulary, 3, dtype=torch.float64)

    def forward(self, contexts: Tensor) -> Tensor:
        return self.after(self.head(contexts))


@pytest.mark.parametrize("metric", ["quantum", "quantum-block-diagonal", "classical"])
@pytest.mark.parametrize("kind", HEADS)
def test_a_head_in_a_module_has_its_own_metric(kind: str, metric: str):
    # Seen to fail: the readout's parameters held with the circuit (pauli); the encoder left out.
    head = HEADS[kind]()
    contexts = CONTEXTS % head.vocabulary
    expected = METRICS[metric].begun()(head, contexts, None).to_dense()
    found = module_metric(metric, Categorical())(Around(head), contexts).to_dense()
    assert_allclose(found, expected, rtol=0, atol=1e-14)
    assert expected.count_nonzero()


def test_an_estimator_reaches_the_head():
    head = HEADS["born"]()
    optimizer = NaturalGradient(Around(head), metric=LinCombQFI(), likelihood="categorical")
    expected = METRICS["quantum"].begun()(head, CONTEXTS, None).to_dense()
    assert_allclose(optimizer.metric(optimizer.module, CONTEXTS).to_dense(), expected, rtol=0, atol=1e-10)


def test_what_stands_behind_a_head_has_the_classical_metric():
    # Seen to fail: readout and layer behind it in blocks of their own.
    model = Mixed(HEADS["pauli"]())
    whole = module_metric("classical", Categorical())(model, CONTEXTS).to_dense()
    found = module_metric("quantum", Categorical())(model, CONTEXTS).to_dense()
    names = [(name, p.numel()) for name, p in model.named_parameters()]
    behind = torch.cat([torch.full((n,), "readout" in name or "after" in name) for name, n in names])
    assert_allclose(found[behind][:, behind], whole[behind][:, behind], rtol=0, atol=1e-14)
    alone = METRICS["quantum"].begun()(model.head, CONTEXTS, None).to_dense()
    before = ~behind[: len(alone)]
    assert_allclose(found[~behind][:, ~behind], alone[before][:, before], rtol=0, atol=1e-14)
    assert not found[behind][:, ~behind].any()


def test_a_model_with_a_head_inside_learns():
    torch.manual_seed(0)
    model, targets = Mixed(HEADS["born"]()), torch.tensor([0, 1, 2, 0])
    optimizer = NaturalGradient(model, likelihood="categorical", lr=0.5, damping=1e-2)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(CONTEXTS), targets)
        loss.backward()
        optimizer.step(contexts=CONTEXTS)
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2


class Louder(qgeo.BornHead):
    def forward(self, contexts: Tensor) -> Tensor:
        return 2 * super().forward(contexts)


def test_a_head_with_a_forward_of_its_own_is_refused():
    model = Around(Louder(vocabulary=4, context=2))
    with pytest.raises(ConfigurationError, match="forward of CircuitHead, got Louder with one of its own"):
        circuit_calls(model, CONTEXTS)


def test_a_module_without_circuits_says_what_has_one():
    with pytest.raises(ConfigurationError, match=r"qgeo.Expectation, a quantum head, or a TorchConnector"):
        NaturalGradient(Around(qgeo.SoftmaxHead(vocabulary=4, context=2)))

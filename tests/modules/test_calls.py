"""Watching a module leaves it as it was; circuits called in any way are seen."""

from __future__ import annotations

import pytest
import torch
from qiskit.circuit.library import real_amplitudes
from torch import Tensor, nn

from qgeo import Expectation, NaturalGradient
from qgeo.errors import ConfigurationError, ShapeError
from qgeo.modules.calls import circuit_calls, output_behind_circuits, run
from qgeo.modules.fisher import module_metric

INPUTS = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))


def layer() -> Expectation:
    circuit = real_amplitudes(2, reps=1)
    return Expectation(circuit, ["ZI", "IX"], input_parameters=list(circuit.parameters)[:2])


def test_running_means_and_the_generator_are_as_before():
    # Seen to fail: the module run as any other time.
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5), layer())
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    module_metric("quantum")(model, INPUTS)
    assert torch.equal(torch.rand(3), expected)
    for name, buffer in model.named_buffers():
        assert torch.equal(buffer, buffers[name])


class ByName(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.circuit = layer()

    def forward(self, inputs: Tensor) -> Tensor:
        return self.circuit(inputs=2 * inputs)


def test_a_circuit_that_is_called_by_name_is_seen():
    # Seen to fail: arguments by position alone.
    (call,) = circuit_calls(ByName(), INPUTS)
    assert torch.equal(call.inputs, 2 * INPUTS)


class Failing(ByName):
    def forward(self, inputs: Tensor) -> Tensor:
        super().forward(inputs)
        raise KeyError("a model's own")


@pytest.mark.parametrize("watch", [circuit_calls, output_behind_circuits])
def test_hooks_are_removed_where_the_module_fails(watch):
    model = Failing()
    with pytest.raises(KeyError):
        watch(model, INPUTS)
    assert not model.circuit._forward_pre_hooks
    assert not model.circuit._forward_hooks


class Pair(ByName):
    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        return inputs, super().forward(inputs)


def test_a_module_that_gives_no_tensor_is_refused():
    with pytest.raises(ConfigurationError, match="expected a module that gives a tensor, got tuple"):
        run(Pair(), INPUTS)


def test_skip_connections_are_behind_the_circuits():
    # Both ways count: F_Q through the circuit, F_C around it.
    class Skip(ByName):
        def __init__(self) -> None:
            super().__init__()
            self.before = nn.Linear(2, 2)

        def forward(self, inputs: Tensor) -> Tensor:
            features = self.before(inputs)
            return features + self.circuit(features)

    model = Skip()
    optimizer = NaturalGradient(model, likelihood="categorical")
    nn.functional.cross_entropy(model(INPUTS), torch.tensor([0, 1, 1, 0])).backward()
    optimizer.step(contexts=INPUTS)
    both = module_metric("quantum", optimizer.metric.likelihood)(model, INPUTS).to_dense()
    with pytest.raises(ConfigurationError, match="expected a likelihood"):
        module_metric("quantum")(model, INPUTS)
    assert both.shape == (8, 8)
    assert float(torch.linalg.eigvalsh(both)[0]) > -1e-9


class Encoding(Expectation):
    """A circuit with a layer of its own before it."""

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(2 * inputs)


class PastHooks(ByName):
    def forward(self, inputs: Tensor) -> Tensor:
        return self.circuit.forward(inputs)


def encoding() -> Encoding:
    circuit = real_amplitudes(2, reps=1)
    return Encoding(circuit, ["ZI", "IX"], input_parameters=list(circuit.parameters)[:2])


@pytest.mark.parametrize(
    ("model", "given", "error", "sentence"),
    [
        (encoding(), INPUTS, ConfigurationError, "got Encoding with one of its own"),
        (PastHooks(), INPUTS, ConfigurationError, "a run in which none was seen"),
        (layer(), None, ShapeError, r"expected a tensor \(B, 2\) of inputs"),
        (layer(), torch.ones(3, 3), ShapeError, r"got \(3, 3\)"),
        (layer(), torch.full((1, 2), torch.nan), ShapeError, "real and finite"),
        (ByName(), None, ConfigurationError, r"pass step\(contexts=inputs\)"),
        (ByName(), [INPUTS], ConfigurationError, "inputs as one tensor, contexts=inputs, got list"),
    ],
)
def test_what_would_give_a_wrong_matrix_is_refused(model, given, error, sentence: str):
    # Seen to fail: a subclass with layers taken for the circuit alone; no circuit seen, and F_C in its place.
    with pytest.raises(error, match=sentence):
        NaturalGradient(model).step(contexts=given)

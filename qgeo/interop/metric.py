"""Natural gradient for networks of qiskit-machine-learning, alone or inside a torch model.

    connector = TorchConnector(EstimatorQNN(circuit=circuit, observables=[H], ...))
    model = torch.nn.Sequential(torch.nn.Linear(4, 2), connector, torch.nn.Linear(1, 3))
    metric = network_metric(model, likelihood="categorical")
    optimizer = qgeo.NaturalGradient(model, metric=metric, lr=0.3, damping=1e-2)
    loss.backward();  optimizer.step(contexts=inputs)

F_Q depends on a circuit alone, not on how it is read: `EstimatorQNN`, `SamplerQNN` and `CircuitNetwork` are
the same to it, and so are measured and transpiled circuits, whose final measurements and layout leave states
as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
from qiskit_machine_learning.connectors import TorchConnector
from torch import Tensor, nn

from qgeo.circuit.compiler import compile
from qgeo.circuit.names import parameter_names
from qgeo.circuit.program import Program
from qgeo.errors import ConfigurationError, ShapeError
from qgeo.geometry.operators import InformationMatrix
from qgeo.heads.jacobian import flat_parameters
from qgeo.interop.circuit_network import CircuitNetwork
from qgeo.interop.head_network import HeadNetwork
from qgeo.modules.calls import Ask, CircuitCall, circuits_of, own_call
from qgeo.modules.fisher import module_metric
from qgeo.modules.likelihood import Likelihood, as_likelihood
from qgeo.optim.exact import Rule

_PROGRAMS: WeakKeyDictionary[Any, tuple[Program, tuple[int, ...]]] = WeakKeyDictionary()
"""Of networks: the compiled circuit, and the weight that each of its parameters is."""


def network_metric(network: Any, name: str = "quantum", likelihood: str | Likelihood | None = None) -> Rule:
    """The metric called `name` for a model with `TorchConnector`s inside.

    Args:
        network: a model, a `TorchConnector`, or the network in one: `EstimatorQNN`, `SamplerQNN`,
            `CircuitNetwork`, `HeadNetwork`.
        name: "quantum" (F_Q over circuits and all that feeds them), "quantum-block-diagonal",
            "quantum-diagonal", "classical" (F_C of the output); for a `HeadNetwork` any of
            `qgeo.optim.metrics.METRICS`.
        likelihood: how a model's output is read, where parameters lie behind its last circuit:
            "categorical" (scores of classes) or `GaussianLikelihood(sigma)`.

    Raises:
        ConfigurationError: no circuit inside; at a step, another name, or a module with other parameters
            than the network's.

    Matrices are float64, also for a connector's float32 weights. A connector gives no log-probabilities, so
    that its trust region is a `QuadraticTrustRegion`.

    >>> from qiskit.circuit.library import real_amplitudes
    >>> connector = TorchConnector(CircuitNetwork(real_amplitudes(2, reps=1)), [0.1, 0.2, 0.3, 0.4])
    >>> network_metric(connector)(connector, torch.zeros(1, 0), None).to_dense().shape
    torch.Size([4, 4])
    """
    inner = getattr(network, "neural_network", network)
    if isinstance(inner, HeadNetwork):
        return _of_head(inner, name)
    if isinstance(inner, CircuitNetwork) and name == "classical":
        return _of_probabilities(inner)
    if isinstance(network, nn.Module):
        circuits_of(network, connector_call)  # refuses what has none, before the first step
    elif not _has_circuit(inner):
        raise ConfigurationError(
            "expected a model with a circuit inside, a TorchConnector, or an EstimatorQNN, SamplerQNN, "
            f"CircuitNetwork or HeadNetwork, got {type(inner).__name__}"
        )
    return module_metric(name, as_likelihood(likelihood), connector_call)  # type: ignore[return-value]


def connector_call(module: nn.Module) -> Ask | None:
    """What says where a submodule's circuit stands, connectors included."""
    if not isinstance(module, TorchConnector) or not _has_circuit(module.neural_network):
        return own_call(module)
    return partial(_call, module)


def _call(connector: TorchConnector, input_data: Tensor | None = None) -> CircuitCall:
    program, weights = _program(connector.neural_network)
    network: Any = connector.neural_network
    values = connector.weight[list(weights)]
    return CircuitCall(program, values, _angles(program, input_data), network.circuit)


def _angles(program: Program, inputs: Tensor | None) -> Tensor | None:
    """The data angles (B, d), with their graph; of amplitudes without one.

    Raises:
        ConfigurationError: trainable numbers stand before amplitudes. ShapeError: no rows of inputs.
    """
    if not program.num_inputs:
        return None
    width = len(program.given_inputs)
    if inputs is None or inputs.dim() < 2:  # a single row has no number of rows to average over
        came = "none" if inputs is None else tuple(inputs.shape)
        raise ShapeError(f"expected inputs (B, {width}) for a metric, got {came}; pass x[None] for a row")
    rows = inputs.reshape(-1, width)
    if program.amplitudes is None:
        return rows
    if rows.requires_grad:
        raise ConfigurationError(
            "expected data as angles of gates behind trainable layers, got amplitudes of an initial state"
        )
    angles: Tensor = torch.from_numpy(program.amplitudes.encoded(rows.double().numpy()))
    return angles


def _has_circuit(network: Any) -> bool:
    return all(hasattr(network, name) for name in ("circuit", "input_params", "weight_params"))


def _program(network: Any) -> tuple[Program, tuple[int, ...]]:
    if network not in _PROGRAMS:
        inputs, weights = (parameter_names(list(p)) for p in (network.input_params, network.weight_params))
        program = compile(network.circuit, input_parameters=inputs)
        _PROGRAMS[network] = program, tuple(weights.index(name) for name in program.parameters)
    return _PROGRAMS[network]


def _of_head(network: HeadNetwork, name: str) -> Rule:
    def information(inputs: Tensor, weights: Tensor, targets: Tensor | None) -> InformationMatrix:
        return network.information(name, inputs, weights, targets)

    return _of_weights(network.num_weights, information)


def _of_probabilities(network: CircuitNetwork) -> Rule:
    return _of_weights(
        network.num_weights, lambda inputs, weights, _: network.information("classical", inputs, weights)
    )


def _of_weights(size: int, information: Callable[[Tensor, Tensor, Tensor | None], InformationMatrix]) -> Rule:
    """A rule over one network's weights."""

    def metric(module: Any, inputs: Tensor, targets: Tensor | None) -> InformationMatrix:
        weights = flat_parameters(module)
        if len(weights) != size:
            raise ConfigurationError(
                f"expected a module whose trainable numbers are the network's {size} weights, got "
                f"{len(weights)} numbers; give NaturalGradient the connector alone"
            )
        return information(inputs, weights, targets)

    return metric

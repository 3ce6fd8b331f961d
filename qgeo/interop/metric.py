"""Natural gradient for a `TorchConnector`: the information matrix of the network that it wraps.

    connector = TorchConnector(CircuitNetwork(circuit, input_params=x))
    optimizer = qgeo.NaturalGradient(connector, metric=network_metric(connector), lr=0.3, damping=1e-2)
    loss.backward();  optimizer.step(contexts=inputs)

`NaturalGradient` takes any function (module, contexts, targets) → information matrix as its metric; this is
that function for networks, the contexts being the inputs (B, d) of the step.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from qgeo.errors import ConfigurationError
from qgeo.geometry.operators import DenseMatrix, InformationMatrix
from qgeo.heads.jacobian import flat_parameters
from qgeo.interop.circuit_network import CircuitNetwork
from qgeo.interop.head_network import HeadNetwork
from qgeo.optim.exact import Rule


def network_metric(network: Any, name: str = "quantum") -> Rule:
    """The metric called `name` for a `TorchConnector` around a network of this package.

    Args:
        network: a `CircuitNetwork` or `HeadNetwork`, or the connector around it.
        name: "quantum" (F_Q over the weights, mean over inputs) or "classical" (exact F_C of the output);
            for a `HeadNetwork` any of `qgeo.optim.metrics.METRICS`.

    Raises:
        ConfigurationError: another network; at a step, another name, or a module with other parameters than
            the connector's weights.

    A connector's weights are float32, and the matrix has their type; `connector.double()` makes the step
    float64. A connector gives probabilities, so the optimizer's trust region, which compares
    log-probabilities, is not for it.

    >>> from qiskit.circuit.library import real_amplitudes
    >>> from qiskit_machine_learning.connectors import TorchConnector
    >>> connector = TorchConnector(CircuitNetwork(real_amplitudes(2, reps=1)), [0.1, 0.2, 0.3, 0.4])
    >>> network_metric(connector)(connector, torch.zeros(1, 0), None).to_dense().shape
    torch.Size([4, 4])
    """
    inner = getattr(network, "neural_network", network)
    if not isinstance(inner, CircuitNetwork | HeadNetwork):
        raise ConfigurationError(
            f"expected a CircuitNetwork or a HeadNetwork, or a TorchConnector around one, "
            f"got {type(inner).__name__}"
        )

    def metric(module: Any, inputs: Tensor, targets: Tensor | None) -> InformationMatrix:
        weights = flat_parameters(module)
        if len(weights) != inner.num_weights:
            raise ConfigurationError(
                f"expected a module whose trainable numbers are the network's {inner.num_weights} weights, "
                f"got {len(weights)} numbers; give NaturalGradient the connector alone"
            )
        return _of_dtype(_information(inner, name, inputs, weights, targets), weights.dtype)

    return metric


def _information(
    network: CircuitNetwork | HeadNetwork, name: str, inputs: Tensor, weights: Tensor, targets: Tensor | None
) -> InformationMatrix:
    if isinstance(network, HeadNetwork):
        return network.information(name, inputs, weights, targets)
    return network.information(name, inputs, weights)


def _of_dtype(matrix: InformationMatrix, dtype: torch.dtype) -> InformationMatrix:
    return matrix if dtype == torch.float64 else DenseMatrix(matrix.to_dense().to(dtype))

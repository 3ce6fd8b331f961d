"""A head as a `NeuralNetwork`: contexts of token ids → probabilities of the next token.

    forward    p(y|x; w) = exp(head(x))                 (B, V)
    backward   ∂p/∂w = p · J,  J the head's Jacobian    (B, V, W)

so that what qiskit-machine-learning trains networks with (`TorchConnector`, `NeuralNetworkClassifier`) trains
any head of qgeo, quantum or classical.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from qiskit_machine_learning.neural_networks import NeuralNetwork
from torch import Tensor, nn

from qgeo.errors import ConfigurationError, ShapeError
from qgeo.geometry.operators import InformationMatrix
from qgeo.heads.jacobian import count_trainable, flat_parameters, trainable
from qgeo.heads.protocol import Head
from qgeo.optim.metrics import METRICS


class HeadNetwork(NeuralNetwork):
    """A head's probabilities as a function of contexts and of one flat vector of weights.

    Inputs are (B, k) token ids, as integers or as floats that are integers; outputs (B, V); weights (W,) are
    the head's trainable numbers, flattened in `named_parameters` order; derivatives are exact. The head is
    left as it is: the network computes with a copy. Tokens are no continuous data, so there are no input
    gradients.

    Args:
        head: any head of qgeo (`BornHead`, `PauliHead`, `SoftmaxHead`, `MLPHead`, or one's own).

    Raises:
        ConfigurationError: something that is no head.
        ShapeError, later: inputs that are no token ids, weights that are missing or not finite. Arrays of a
            wrong shape are errors of `NeuralNetwork` itself.

    >>> from qgeo.heads.classical import SoftmaxHead
    >>> network = HeadNetwork(SoftmaxHead(vocabulary=3, context=2))
    >>> network.forward([[0.0, 2.0]], network.initial_weights).sum().round(9)
    np.float64(1.0)
    """

    def __init__(self, head: Any) -> None:
        if not isinstance(head, nn.Module) or not isinstance(head, Head):
            raise ConfigurationError(
                f"expected a head of qgeo, such as BornHead, got {type(head).__name__}; "
                "for a circuit use CircuitNetwork"
            )
        self._head: Any = copy.deepcopy(head)
        self._initial = flat_parameters(self._head).numpy().copy()
        super().__init__(head.context, count_trainable(self._head), False, head.vocabulary)

    @property
    def initial_weights(self) -> NDArray[np.float64]:
        """The head's own numbers when the network was made, (W,): where to start training."""
        return self._initial.copy()

    def head_at(self, weights: Any) -> Any:
        """A head of the same kind with these weights (W,), its own from here on.

        Raises:
            ShapeError: a wrong number of weights, or ones that are not finite.
        """
        return copy.deepcopy(self._at(weights))

    def information(
        self, name: str, inputs: Tensor, weights: Tensor, targets: Tensor | None = None
    ) -> InformationMatrix:
        """The metric called `name` (`qgeo.optim.metrics`) over the weights, at contexts `inputs` (B, k)."""
        return METRICS[name](self._at(weights), self._contexts(inputs), targets)

    def _forward(self, input_data: Any, weights: Any) -> NDArray[np.float64]:
        with torch.no_grad():
            return np.asarray(self._at(weights)(self._contexts(input_data)).exp())

    def _backward(self, input_data: Any, weights: Any) -> tuple[None, NDArray[np.float64]]:
        log_probs, jacobian = self._at(weights).log_probs_and_jacobian(self._contexts(input_data))
        p = log_probs.exp().unsqueeze(-1)
        return None, torch.where(p > 0, p * jacobian, 0.0).detach().numpy()

    def _at(self, weights: Any) -> Any:
        """The network's own head, moved to these weights."""
        parameters = [parameter for _, parameter in trainable(self._head)]
        flat = torch.as_tensor(np.zeros(0) if weights is None else weights).detach().to(torch.float64)
        _check_weights(flat, self._num_weights)
        with torch.no_grad():
            for parameter, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
                parameter.copy_(part.view_as(parameter))
        return self._head

    def _contexts(self, inputs: Any) -> Tensor:
        """(B, k) int64 from numbers that are token ids."""
        numbers = np.asarray(np.zeros((1, 0)) if inputs is None else inputs)
        if numbers.ndim != 2 or numbers.shape[1] != self._num_inputs:
            raise ShapeError(f"expected contexts (B, {self._num_inputs}), got shape {numbers.shape}")
        vocabulary = self._head.vocabulary
        is_token = (numbers == np.round(numbers)) & (numbers >= 0) & (numbers < vocabulary)
        if not is_token.all():
            raise ShapeError(
                f"expected token ids, integers from 0 to {vocabulary - 1}, got {numbers[~is_token][0]}"
            )
        return torch.from_numpy(numbers.astype(np.int64))


def _check_weights(weights: Tensor, count: int) -> None:
    if weights.shape != (count,):
        raise ShapeError(f"expected {count} weights, got an array of shape {tuple(weights.shape)}")
    finite = weights.isfinite()
    if not bool(finite.all()):
        raise ShapeError(f"expected finite weights, got {weights[~finite][0].item()}")

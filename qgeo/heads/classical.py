"""Classical heads: softmax regression and a one-hidden-layer perceptron on the shared encoder.

    softmax   log p(·|x) = log softmax(W f(x) + b),                f the encoder's features
    mlp       log p(·|x) = log softmax(W tanh(f(x)) + b)

`features` is their size; `matched_features` finds the one whose total of trainable parameters is closest to
a given count, so that a classical head can stand beside a quantum one.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from qgeo.errors import ConfigurationError
from qgeo.heads.encoder import Encoder, encoder_size
from qgeo.heads.jacobian import parameter_jacobian
from qgeo.heads.sizes import closest_width


class _FeatureHead(nn.Module):
    """Encoder → activation → linear → softmax; a kind of head names its activation."""

    activation: Callable[[Tensor], Tensor]

    def __init__(
        self,
        vocabulary: int,
        context: int,
        *,
        features: int = 4,
        embedding: int = 4,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if features < 1:
            raise ConfigurationError(f"expected features ≥ 1, got {features}")
        generator = generator or torch.Generator().manual_seed(0)
        self.vocabulary, self.context = vocabulary, context
        self.encoder = Encoder(vocabulary, context, features, embedding, generator)
        draw = torch.randn(vocabulary, features, generator=generator, dtype=torch.float64)
        self.weight = nn.Parameter(draw / features**0.5)
        self.bias = nn.Parameter(torch.zeros(vocabulary, dtype=torch.float64))

    def forward(self, contexts: Tensor) -> Tensor:
        """Log-probabilities (B, V)."""
        hidden = self.activation(self.encoder(contexts))
        return torch.log_softmax(hidden @ self.weight.mT + self.bias, dim=-1)

    def log_probs_and_jacobian(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities (B, V) and their Jacobian (B, V, P) over all trainable parameters."""
        with torch.no_grad():
            log_probs = self(contexts)
        return log_probs, parameter_jacobian(self, contexts)


class SoftmaxHead(_FeatureHead):
    """Softmax regression on the encoder's features.

    Args:
        vocabulary: V; context: k tokens; features: width of the encoder's output.
        embedding: numbers per token; generator: source of all initial numbers; seed 0 by default.
    """

    activation = staticmethod(lambda features: features)


class MLPHead(_FeatureHead):
    """One hidden layer: softmax regression on tanh of the encoder's features. Arguments: `SoftmaxHead`."""

    activation = staticmethod(torch.tanh)


def feature_head_size(vocabulary: int, context: int, features: int, embedding: int) -> int:
    """Trainable numbers of a `SoftmaxHead` or `MLPHead`, encoder included."""
    return encoder_size(vocabulary, context, features, embedding) + vocabulary * (features + 1)


def matched_features(vocabulary: int, context: int, embedding: int, target: int) -> int:
    """Features for which the head's total of trainable parameters is closest to `target`."""
    return closest_width(lambda f: feature_head_size(vocabulary, context, f, embedding), target)

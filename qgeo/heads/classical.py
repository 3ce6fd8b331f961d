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

from qgeo.arguments import checked_integer
from qgeo.geometry.staged import Stage, StagedJacobian, normalised
from qgeo.heads.encoder import initial_generator
from qgeo.heads.jacobian import linear_jacobian, weight_jacobian
from qgeo.heads.sizes import check_table, checked_sizes, closest_width
from qgeo.heads.start import readout_scale
from qgeo.heads.trunk import Trunk, build_encoder, encoder_numbers


class _FeatureHead(nn.Module):
    """Encoder → activation → linear → softmax; a kind of head names its activation."""

    activation: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    """The activation's derivative as a function of its value."""

    def __init__(
        self,
        vocabulary: int,
        context: int,
        features: int,
        embedding: int,
        start: str,
        trunk: Trunk | None,
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        features = checked_integer("features", features, 1)
        vocabulary, context, embedding = checked_sizes(vocabulary, context, embedding, features)
        check_table("readout", vocabulary, features)
        generator = initial_generator(generator)
        self.vocabulary, self.context = vocabulary, context
        self.encoder = build_encoder(vocabulary, context, features, embedding, generator, trunk)
        draw = torch.randn(vocabulary, features, generator=generator, dtype=torch.float64)
        self.weight = nn.Parameter(readout_scale(start) * draw / features**0.5)
        self.bias = nn.Parameter(torch.zeros(vocabulary, dtype=torch.float64))

    def forward(self, contexts: Tensor) -> Tensor:
        """Log-probabilities (B, V)."""
        hidden = self.activation(self.encoder(contexts))
        return torch.log_softmax(hidden @ self.weight.mT + self.bias, dim=-1)

    def log_probs_and_jacobian(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities (B, V) and their Jacobian (B, V, P) over all trainable parameters."""
        staged = self.staged_jacobian(contexts)
        return staged.log_probs, staged.dense()

    def staged_jacobian(self, contexts: Tensor) -> StagedJacobian:
        """Log-probabilities and their Jacobian stage by stage: ∂ log p_y/∂ logit_v = δ_yv − p_v."""
        with torch.no_grad():
            features = self.encoder(contexts)
            hidden = self.activation(features)
            scores = hidden @ self.weight.mT + self.bias
            log_probs = torch.log_softmax(scores, dim=-1)
            by_feature = normalised(log_probs, self.weight * self.slope(hidden).unsqueeze(1))
        encoder = weight_jacobian(self.encoder, contexts)
        readout = linear_jacobian(hidden, self.weight, self.bias)
        order: tuple[Stage, ...] = ("own", "readout", "encoder")
        return StagedJacobian(log_probs, by_feature[..., :0], by_feature, encoder, readout, order)


class SoftmaxHead(_FeatureHead):
    """Softmax regression on the encoder's features.

    Args:
        vocabulary: V; context: k tokens; features: width of the encoder's output.
        embedding: numbers per token; start: "uniform", near equal probabilities, or "random" (`start.py`).
        trunk: frozen features that the encoder reads instead of an embedding of tokens (`trunk.py`).
        generator: source of all initial numbers; seed 0 by default.

    Raises:
        ConfigurationError: an unknown start, sizes that are no integers, out of range or too much for memory.
    """

    activation = staticmethod(lambda features: features)
    slope = staticmethod(torch.ones_like)

    def __init__(
        self,
        vocabulary: int,
        context: int,
        *,
        features: int = 4,
        embedding: int = 4,
        start: str = "uniform",
        trunk: Trunk | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(vocabulary, context, features, embedding, start, trunk, generator)


class MLPHead(_FeatureHead):
    """One hidden layer: softmax regression on tanh of the encoder's features. Arguments: `SoftmaxHead`."""

    activation = staticmethod(torch.tanh)
    slope = staticmethod(lambda hidden: 1 - hidden.square())

    def __init__(
        self,
        vocabulary: int,
        context: int,
        *,
        features: int = 4,
        embedding: int = 4,
        start: str = "uniform",
        trunk: Trunk | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(vocabulary, context, features, embedding, start, trunk, generator)


def feature_head_size(
    vocabulary: int, context: int, features: int, embedding: int, trunk: Trunk | None = None
) -> int:
    """Trainable numbers of a `SoftmaxHead` or `MLPHead`, encoder included."""
    encoder = encoder_numbers(vocabulary, context, features, embedding, trunk)
    return encoder + vocabulary * (features + 1)


def matched_features(
    vocabulary: int, context: int, embedding: int, target: int, trunk: Trunk | None = None
) -> int:
    """Features for which the head's total of trainable parameters is closest to `target`."""
    return closest_width(lambda f: feature_head_size(vocabulary, context, f, embedding, trunk), target)

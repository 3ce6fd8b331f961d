"""A trunk under a head: frozen features of contexts where otherwise embedded tokens stand.

    encoder(x) = W f(x) + b,      f(x) ∈ ℝ^width from a trunk that is trained before any head

A head trains W and b; the trunk's numbers are none of its parameters. Every kind of head takes one, so that
circuits and classical readouts are compared on what a language model makes of the context.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from qgeo.errors import ConfigurationError, ShapeError
from qgeo.geometry.weight_jacobian import WeightJacobian
from qgeo.heads.encoder import (
    Encoder,
    affine_start,
    check_contexts,
    check_precision,
    check_token_ids,
    encoder_size,
)
from qgeo.heads.jacobian import linear_jacobian
from qgeo.heads.sizes import check_table

MOST_KEPT = 2**24
"""Features that a trunk remembers, chosen: 128 MiB, some sixty validation sets at width 128."""


@runtime_checkable
class Trunk(Protocol):
    """Maps contexts (B, k) of token ids to features (B, width), float64, without a gradient.

    A context's features depend on no other context of its batch, beyond rounding.
    """

    @property
    def name(self) -> str:
        """In reports."""
        ...

    @property
    def vocabulary(self) -> int: ...

    @property
    def context(self) -> int: ...

    @property
    def width(self) -> int: ...

    @property
    def parameters(self) -> int:
        """Its numbers, all frozen."""
        ...

    def features(self, contexts: Tensor) -> Tensor: ...


class MemoisedTrunk:
    """The same trunk, whose features of a batch are computed once: a step, its metric and its line search ask
    for the same ones, and so does every validation of every head on it.

    What is remembered goes by the digest of the contexts; the batch that was longest not asked for leaves
    first.

    Args:
        trunk: whatever gives features; most: numbers that are remembered.
    """

    def __init__(self, trunk: Trunk, most: int = MOST_KEPT) -> None:
        self.trunk, self._most = trunk, most
        self._kept: OrderedDict[bytes, Tensor] = OrderedDict()

    @property
    def name(self) -> str:
        return self.trunk.name

    @property
    def vocabulary(self) -> int:
        return self.trunk.vocabulary

    @property
    def context(self) -> int:
        return self.trunk.context

    @property
    def width(self) -> int:
        return self.trunk.width

    @property
    def parameters(self) -> int:
        return self.trunk.parameters

    def features(self, contexts: Tensor) -> Tensor:
        """(B, width) float64; whoever gets them changes nothing in them.

        Raises:
            ShapeError: the trunk gives another shape or type, or numbers that are not finite.
        """
        tokens = contexts.long().contiguous()
        key = sha256(tokens.cpu().numpy().tobytes()).digest()  # rows are k long: the bytes say the shape
        if key not in self._kept:
            self._kept[key] = self._computed(tokens)
        self._kept.move_to_end(key)
        found = self._kept[key]
        while len(self._kept) > 1 and sum(kept.numel() for kept in self._kept.values()) > self._most:
            self._kept.popitem(last=False)
        return found

    def _computed(self, contexts: Tensor) -> Tensor:
        with torch.no_grad():
            features = self.trunk.features(contexts).detach()
        wanted = (len(contexts), self.width)
        if tuple(features.shape) != wanted or features.dtype != torch.float64:
            raise ShapeError(
                f"expected features {wanted} in float64 from the trunk {self.name}, got "
                f"{tuple(features.shape)} of {features.dtype}"
            )
        if not bool(torch.isfinite(features).all()):
            raise ShapeError(
                f"expected finite features from the trunk {self.name}, got others; train it anew"
            )
        return features

    def __deepcopy__(self, _memo: Any) -> MemoisedTrunk:
        """Itself: heads that are copied stand on one trunk, which none of them changes."""
        return self


def memoised(trunk: Trunk) -> MemoisedTrunk:
    """The trunk with its memory; one that has it already as it is."""
    return trunk if isinstance(trunk, MemoisedTrunk) else MemoisedTrunk(trunk)


class FeatureEncoder(nn.Module):
    """Maps contexts (B, k) to (B, outputs) real numbers in float64, by the features of a trunk.

    Args:
        trunk: whose numbers stay as they are and are no parameters of this module.
        outputs: angles of a circuit, or features of a classical head.
        generator: source of the initial weights, uniform in ±1/√width as in `Encoder`.
    """

    def __init__(self, trunk: Trunk, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        check_table("encoder", outputs, trunk.width)
        self.trunk = memoised(trunk)  # a plain object: no submodule, in no state_dict
        self.weight, self.bias = affine_start(generator, outputs, trunk.width)

    @property
    def vocabulary(self) -> int:
        return self.trunk.vocabulary

    @property
    def context(self) -> int:
        return self.trunk.context

    @property
    def outputs(self) -> int:
        return len(self.bias)

    def forward(self, contexts: Tensor) -> Tensor:
        return self._features(contexts) @ self.weight.mT + self.bias

    def weight_jacobian(self, contexts: Tensor) -> WeightJacobian:
        """∂ output / ∂(weight, bias) = I ⊗ (f, 1), (B, outputs, W), trainable ones only."""
        return linear_jacobian(self._features(contexts), self.weight, self.bias)

    def _features(self, contexts: Tensor) -> Tensor:
        check_contexts(contexts, self.context)
        check_token_ids(contexts, self.vocabulary)
        check_precision(self.bias)
        return self.trunk.features(contexts).to(self.bias.device)


def build_encoder(
    vocabulary: int,
    context: int,
    outputs: int,
    embedding: int,
    generator: torch.Generator,
    trunk: Trunk | None = None,
) -> Encoder | FeatureEncoder:
    """The encoder that all heads share: on embedded tokens, or on the trunk that is given.

    Raises:
        ConfigurationError: what is given is no trunk, or one for another vocabulary or context.
    """
    if trunk is None:
        return Encoder(vocabulary, context, outputs, embedding, generator)
    return FeatureEncoder(_checked_trunk(trunk, vocabulary, context), outputs, generator)


def encoder_numbers(
    vocabulary: int, context: int, outputs: int, embedding: int, trunk: Trunk | None = None
) -> int:
    """Trainable numbers of `build_encoder`'s; those of the trunk are none of them."""
    if trunk is None:
        return encoder_size(vocabulary, context, outputs, embedding)
    return outputs * (trunk.width + 1)


def _checked_trunk(trunk: Any, vocabulary: int, context: int) -> Trunk:
    if not isinstance(trunk, Trunk):
        raise ConfigurationError(
            f"expected a trunk with name, vocabulary, context, width, parameters and features, got "
            f"{type(trunk).__name__}; see qgeo.heads.trunk"
        )
    if (trunk.vocabulary, trunk.context) != (vocabulary, context):
        raise ConfigurationError(
            f"expected a trunk of {vocabulary} tokens and contexts of {context}, got one of "
            f"{trunk.vocabulary} and {trunk.context}; train it on this task"
        )
    return trunk

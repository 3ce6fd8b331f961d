"""The context encoder that all heads share: tokens → embedding → linear → angles or features.

encoder(x_1 … x_k) = W (e(x_1), …, e(x_k)) + b,      e(x) ∈ ℝ^embedding
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qgeo.arguments import GENERATOR_ADVICE, checked_instance
from qgeo.errors import ConfigurationError, ShapeError
from qgeo.geometry.classical import check_contexts_are_there
from qgeo.geometry.weight_jacobian import LinearJacobian, WeightJacobian
from qgeo.heads.sizes import checked_sizes
from qgeo.heads.token_jacobian import ChosenColumns, TokenJacobian

TOKEN_TYPES = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


class Encoder(nn.Module):
    """Maps contexts (B, k) of token ids to (B, outputs) real numbers, in float64.

    Args:
        vocabulary: V, number of token ids.
        context: k, tokens per context.
        outputs: angles of a circuit, or features of a classical head.
        embedding: numbers per token.
        generator: source of the initial weights; embeddings N(0, 1), W and b uniform in ±1/√(k·embedding).
    """

    def __init__(
        self, vocabulary: int, context: int, outputs: int, embedding: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        vocabulary, context, embedding = checked_sizes(vocabulary, context, embedding, outputs)
        self.vocabulary, self.context = vocabulary, context
        width = context * embedding
        self.embedding = nn.Parameter(
            torch.randn(vocabulary, embedding, generator=generator, dtype=torch.float64)
        )
        self.weight, self.bias = affine_start(generator, outputs, width)

    def _check(self, contexts: Tensor) -> None:
        check_contexts(contexts, self.context)
        check_precision(self.bias)

    @property
    def outputs(self) -> int:
        return len(self.bias)

    def forward(self, contexts: Tensor) -> Tensor:
        self._check(contexts)
        embedded = self._embedded(contexts.flatten()).reshape(len(contexts), -1)
        return embedded @ self.weight.mT + self.bias

    def weight_jacobian(self, contexts: Tensor) -> WeightJacobian:
        """∂ output / ∂(embedding, weight, bias) in closed form, (B, outputs, W), trainable ones only."""
        self._check(contexts)
        with torch.no_grad():
            hidden = self._embedded(contexts.flatten()).reshape(len(contexts), -1)
        whole = TokenJacobian(
            contexts.long(),
            self.vocabulary,
            self.weight.detach().clone(),
            LinearJacobian(hidden, self.outputs),
        )
        trained = torch.cat([torch.full((p.numel(),), p.requires_grad) for p in self.parameters()])
        if bool(trained.all()):
            return whole
        return ChosenColumns(whole, trained.nonzero().flatten().to(contexts.device))

    def _embedded(self, tokens: Tensor) -> Tensor:
        if tokens.device.type != "cpu" and not torch._C._functorch.is_functorch_wrapped_tensor(tokens):
            check_token_ids(tokens, self.vocabulary)  # a GPU that takes a wrong index is lost to its process
        try:  # a comparison of ids with V would be data-dependent, which vmap refuses
            return self.embedding.index_select(0, tokens.long())
        except IndexError:
            raise _foreign_ids(self.vocabulary) from None


def check_contexts(contexts: Tensor, context: int) -> None:
    """Raise a ShapeError unless `contexts` is a tensor (B, k), B ≥ 1, and holds integers."""
    if not isinstance(contexts, Tensor):
        raise ShapeError(
            f"expected contexts as a torch tensor of shape (B, {context}), got {type(contexts).__name__}; "
            "pass torch.as_tensor(contexts)"
        )
    if contexts.dim() != 2 or contexts.shape[1] != context or contexts.dtype not in TOKEN_TYPES:
        raise ShapeError(
            f"expected contexts of shape (B, {context}) of token ids, got {tuple(contexts.shape)} "
            f"of {contexts.dtype}"
        )
    check_contexts_are_there(len(contexts))


def check_token_ids(contexts: Tensor, vocabulary: int) -> None:
    """Raise a ShapeError where a token id is outside the vocabulary."""
    if bool(((contexts < 0) | (contexts >= vocabulary)).any()):
        raise _foreign_ids(vocabulary)


def check_precision(bias: Tensor) -> None:
    """Raise a ConfigurationError for an encoder that was taken to another precision."""
    if bias.dtype != torch.float64:
        raise ConfigurationError(
            f"expected a head in float64, got {bias.dtype}: heads compute in double precision; "
            "head.double() brings it back"
        )


def _foreign_ids(vocabulary: int) -> ShapeError:
    return ShapeError(f"expected token ids from 0 to {vocabulary - 1}, got others")


def initial_generator(generator: torch.Generator | None) -> torch.Generator:
    """What a head's initial numbers are drawn from: seed 0 unless it is given.

    Raises:
        ConfigurationError: it is of another kind.
    """
    if generator is None:
        return torch.Generator().manual_seed(0)
    return checked_instance("generator", generator, torch.Generator, GENERATOR_ADVICE)


def affine_start(generator: torch.Generator, outputs: int, width: int) -> tuple[nn.Parameter, nn.Parameter]:
    """W (outputs, width) and b (outputs,), uniform in ±1/√width."""
    weight = nn.Parameter(_uniform(generator, outputs, width) / width**0.5)
    return weight, nn.Parameter(_uniform(generator, outputs) / width**0.5)


def _uniform(generator: torch.Generator, *shape: int) -> Tensor:
    """Numbers uniform in (−1, 1)."""
    return 2 * torch.rand(*shape, generator=generator, dtype=torch.float64) - 1


def encoder_size(vocabulary: int, context: int, outputs: int, embedding: int) -> int:
    """Trainable numbers of an encoder."""
    return vocabulary * embedding + outputs * (context * embedding + 1)

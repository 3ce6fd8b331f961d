"""The encoder's Jacobian by its structure: a token moves its own embedding, a weight meets one feature.

    a = W h + b,    h = (e(x_1), …, e(x_k)):      ∂a/∂e(v) = Σ_{i: x_i = v} W_i,    ∂a/∂(W, b) = I ⊗ (h, 1)

Of V·e + o·(k·e + 1) columns, k·e + o·(k·e + 1) are nonzero at a context, and those of (W, b) repeat one
vector. Sums over contexts are then products with (h, 1), and additions at the rows of tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from qgeo.geometry.weight_jacobian import LinearJacobian


@dataclass(frozen=True, eq=False)
class TokenJacobian:
    """Over the embedding (V, e), then the weight (o, k·e), then the bias (o,); a `WeightJacobian`.

    Attributes:
        contexts: (B, k) token ids; vocabulary: V.
        weight: (o, k·e) W, a copy; linear: of the layer behind the embedding.
    """

    contexts: Tensor
    vocabulary: int
    weight: Tensor
    linear: LinearJacobian

    @property
    def shape(self) -> tuple[int, int, int]:
        batch, outputs, behind = self.linear.shape
        return batch, outputs, self.vocabulary * self._width + behind

    @property
    def _width(self) -> int:
        """e, numbers per token."""
        return self.weight.shape[1] // self.contexts.shape[1]

    def summed(self, left: Tensor) -> Tensor:
        return torch.cat([self._at_tokens(left @ self.weight), self.linear.summed(left)], 1)

    def congruence(self, middle: Tensor) -> Tensor:
        to_hidden = middle @ self.weight  # M W, (B, o, k·e)
        cross = self._at_tokens_and_linear(to_hidden)
        among = self._at_pairs_of_tokens(self.weight.mT @ to_hidden)
        behind = self.linear.congruence(middle)
        return torch.cat([torch.cat([among, cross], 1), torch.cat([cross.mT, behind], 1)])

    def transposed_times(self, right: Tensor) -> Tensor:
        return self.dense().mT @ right

    def dense(self) -> Tensor:
        shown = torch.nn.functional.one_hot(self.contexts, self.vocabulary).to(self.weight.dtype)
        by_position = self.weight.view(len(self.weight), self.contexts.shape[1], self._width)
        by_embedding = torch.einsum("biv,oic->bovc", shown, by_position).flatten(2)
        return torch.cat([by_embedding, self.linear.dense()], 2)

    def _at_tokens(self, by_hidden: Tensor) -> Tensor:
        """Σ over contexts and positions of (B, R, k·e), each at its token: (R, V·e)."""
        batch, rows, _ = by_hidden.shape
        by_position = by_hidden.view(batch, rows, self.contexts.shape[1], self._width).transpose(1, 2)
        table = self._added_at_tokens(by_position.flatten(0, 1))
        return table.transpose(0, 1).flatten(1)

    def _at_tokens_and_linear(self, to_hidden: Tensor) -> Tensor:
        """∂a/∂eᵀ M ∂a/∂(W, b) summed over contexts, (V·e, o·(k·e + 1)), from M W."""
        by_position = to_hidden.mT.reshape(len(to_hidden), self.contexts.shape[1], 1, -1)
        products = (
            self.linear.with_one[:, None, :, None] * by_position
        )  # (B, k, k·e + 1, e·o), the long side last
        table = self._added_at_tokens(products.flatten(0, 1)).unflatten(2, (self._width, self.linear.outputs))
        return self.linear.in_order(table.permute(0, 2, 3, 1).flatten(0, 1))

    def _at_pairs_of_tokens(self, by_hidden: Tensor) -> Tensor:
        """Σ over contexts and pairs of positions of (B, k·e, k·e), (V·e, V·e)."""
        count, width, size = self.contexts.shape[1], self._width, self.vocabulary
        parts = by_hidden.view(-1, count, width, count, width).transpose(2, 3).reshape(-1, width * width)
        pairs = (size * self.contexts.unsqueeze(2) + self.contexts.unsqueeze(1)).flatten()
        table = parts.new_zeros(size * size, width * width).index_add_(0, pairs, parts)
        return table.view(size, size, width, width).transpose(1, 2).reshape(size * width, size * width)

    def _added_at_tokens(self, parts: Tensor) -> Tensor:
        """From (B·k, …) to (V, …): the sum of what stands where a token is."""
        return parts.new_zeros(self.vocabulary, *parts.shape[1:]).index_add_(
            0, self.contexts.flatten(), parts
        )


@dataclass(frozen=True, eq=False)
class ChosenColumns:
    """Some columns of another form: what is left where parts of an encoder are frozen."""

    whole: TokenJacobian
    columns: Tensor

    @property
    def shape(self) -> tuple[int, int, int]:
        batch, outputs, _ = self.whole.shape
        return batch, outputs, len(self.columns)

    def summed(self, left: Tensor) -> Tensor:
        return self.whole.summed(left)[:, self.columns]

    def congruence(self, middle: Tensor) -> Tensor:
        return self.whole.congruence(middle)[self.columns][:, self.columns]

    def transposed_times(self, right: Tensor) -> Tensor:
        return self.whole.transposed_times(right)[:, self.columns]

    def dense(self) -> Tensor:
        return self.whole.dense()[:, :, self.columns]

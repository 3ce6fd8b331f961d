"""n-gram tables: counts with add-½ smoothing, the bars that every trained head is measured against.

p(y | last n−1 tokens) = (count(context, y) + ½) / (count(context) + V/2)        (Krichevsky–Trofimov)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qgeo.errors import ConfigurationError, ShapeError
from qgeo.heads.encoder import check_contexts

LARGEST_TABLE = 50_000_000  # n-grams, chosen: 400 MB of counts


class NgramHead(nn.Module):
    """p(y|x) from counts of n-grams; nothing to train.

    Args:
        contexts: (N, k) training contexts; targets: (N,) the tokens that followed.
        vocabulary: V.
        order: n ≥ 1; order 1 ignores the context, order n uses its last n−1 ≤ k tokens.

    Raises:
        ConfigurationError: an order beyond the context, or a table too large for memory.
    """

    table: Tensor

    def __init__(self, contexts: Tensor, targets: Tensor, vocabulary: int, order: int) -> None:
        super().__init__()
        if not 1 <= order <= contexts.shape[1] + 1:
            raise ConfigurationError(
                f"expected an n-gram order from 1 to {contexts.shape[1] + 1} for this context, got {order}"
            )
        if vocabulary**order > LARGEST_TABLE:
            raise ConfigurationError(f"expected at most {LARGEST_TABLE} n-grams, got {vocabulary}^{order}")
        self.vocabulary, self.context, self.order = vocabulary, contexts.shape[1], order
        self._check(contexts)
        self._check(targets.unsqueeze(-1), width=1)
        index = self._row(contexts) * vocabulary + targets
        counts = torch.bincount(index, minlength=vocabulary**order).view(-1, vocabulary).double() + 0.5
        self.register_buffer("table", (counts / counts.sum(1, keepdim=True)).log())

    def forward(self, contexts: Tensor) -> Tensor:
        """Log-probabilities (B, V)."""
        self._check(contexts)
        return self.table[self._row(contexts)]

    def _check(self, tokens: Tensor, width: int | None = None) -> None:
        check_contexts(tokens, self.context if width is None else width)
        if ((tokens < 0) | (tokens >= self.vocabulary)).any():
            raise ShapeError(f"expected token ids from 0 to {self.vocabulary - 1}, got others")

    def _row(self, contexts: Tensor) -> Tensor:
        row = torch.zeros(len(contexts), dtype=torch.long)
        for token in contexts[:, contexts.shape[1] - self.order + 1 :].unbind(1):
            row = row * self.vocabulary + token
        return row

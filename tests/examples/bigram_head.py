"""A head of one's own: p(y|x) from the last token alone, a table of logits (V, V)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qgeo.heads.kinds import HEADS, HeadKind, HeadSpec


class BigramHead(nn.Module):
    """Log-probabilities log softmax(W[x_k]) and their Jacobian, from a table W (V, V)."""

    def __init__(self, vocabulary: int, context: int, generator: torch.Generator) -> None:
        super().__init__()
        self.vocabulary, self.context = vocabulary, context
        start = 0.1 * torch.randn(vocabulary, vocabulary, dtype=torch.float64, generator=generator)
        self.table = nn.Parameter(start)

    def forward(self, contexts: Tensor) -> Tensor:
        return torch.log_softmax(self.table[contexts[:, -1]], dim=1)

    def log_probs_and_jacobian(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """∂ log p_y/∂W_ij = [i = x_k] ([y = j] − p_j)."""
        log_probs = self(contexts).detach()
        last = nn.functional.one_hot(contexts[:, -1], self.vocabulary).double()
        slopes = torch.eye(self.vocabulary, dtype=torch.float64) - log_probs.exp()[:, None]
        return log_probs, torch.einsum("bi,byj->byij", last, slopes).flatten(2)


def build(spec: HeadSpec) -> nn.Module:
    return BigramHead(spec.vocabulary, spec.context, spec.generator)


HEADS.register(HeadKind("bigram", build))

"""A transformer small enough for an exact F_C of all its numbers, as a head: nothing of it is frozen.

    log p(·|x_1 … x_k) = log softmax(E f(x)_k + b),        f the GPT of `qgeo/trunks/gpt.py`, tied to E

Its Jacobian is reverse mode per output (`heads/jacobian.py`), its F_C that of every head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from qgeo.heads.jacobian import float64, parameter_jacobian
from qgeo.trunks.gpt import GPT, GPTSizes

CONTEXT, WIDTH, ATTENTION_HEADS = 4, 4, 2
"""Chosen: about 300 and 500 trainable numbers with one and two layers, where the search for the sharpest step
takes seconds; contexts of four tokens, all of which the population's loss goes through."""

LAYERS = {"one layer": 1, "two layers": 2}


class TransformerHead(nn.Module):
    """A GPT's prediction of the next token, all of it trainable, in float64.

    Args:
        sizes: of the GPT; generator: source of its initial numbers.

    >>> head = TransformerHead(GPTSizes(3, 4, 4, 1, 2), torch.Generator().manual_seed(0))
    >>> head(torch.zeros(2, 4, dtype=torch.long)).exp().sum(1).tolist()
    [1.0, 1.0]
    """

    def __init__(self, sizes: GPTSizes, generator: torch.Generator) -> None:
        super().__init__()
        self.vocabulary, self.context = sizes.vocabulary, sizes.context
        self.model: GPT = float64(GPT(sizes, generator))

    def forward(self, contexts: Tensor) -> Tensor:
        """Log-probabilities (B, V); contexts (B, k) that come more than once are gone through once."""
        distinct, places = contexts.unique(dim=0, return_inverse=True)
        return self._log_probs(distinct)[places]

    def _log_probs(self, contexts: Tensor) -> Tensor:
        return torch.log_softmax(self.model.scores(self.model(contexts)[:, -1]), dim=-1)

    def log_probs_and_jacobian(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities (B, V) and their Jacobian (B, V, P)."""
        distinct, places = contexts.unique(dim=0, return_inverse=True)
        # the fused attention has no batching rule, and vmap would go through contexts one by one
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
            jacobian = parameter_jacobian(_Row(self), distinct)
            return self._log_probs(distinct)[places], jacobian[places]


class _Row(nn.Module):
    """What `forward` does to one context: vmap knows no `unique`, whose size depends on its input."""

    def __init__(self, head: TransformerHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, contexts: Tensor) -> Tensor:
        return self.head._log_probs(contexts)


def transformer(layers: str, vocabulary: int, generator: torch.Generator) -> TransformerHead:
    """Of these layers (`LAYERS`), near uniform."""
    return TransformerHead(GPTSizes(vocabulary, CONTEXT, WIDTH, LAYERS[layers], ATTENTION_HEADS), generator)

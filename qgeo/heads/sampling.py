"""Sampling text from a head, one token after another."""

from __future__ import annotations

import torch
from torch import Tensor

from qgeo.errors import ShapeError
from qgeo.heads.protocol import Head


def sample_tokens(head: Head, start: Tensor, length: int, generator: torch.Generator) -> Tensor:
    """`length` tokens drawn from the head's own distribution, each given the k before it.

    Args:
        head: maps contexts (1, k) to log-probabilities.
        start: (k,) token ids, or more, on the head's device; not part of the result.
        generator: source of the draws.

    Raises:
        ShapeError: fewer than k tokens to start from.
    """
    if start.dim() != 1 or len(start) < head.context:
        raise ShapeError(f"expected {head.context} tokens to start from, got shape {tuple(start.shape)}")
    tokens = start.cpu().tolist()
    with torch.no_grad():
        for _ in range(length):
            context = torch.tensor([tokens[len(tokens) - head.context :]], device=start.device)
            p = head(context)[0].exp().to(generator.device)  # the same draws wherever the head computes
            tokens.append(int(torch.multinomial(p, 1, generator=generator)))
    return torch.tensor(tokens[len(start) :], dtype=torch.long, device=start.device)

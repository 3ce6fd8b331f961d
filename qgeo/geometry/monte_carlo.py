"""Monte Carlo Fisher: F_C with tokens sampled from the model instead of the sum over all of them.

F_MC = mean over contexts and draws of ∇log p(y|x) ∇log p(y|x)ᵀ,  y ~ p(·|x);      E[F_MC] = F_C
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from qgeo.arguments import GENERATOR_ADVICE, checked_instance, checked_integer
from qgeo.geometry.classical import check_contexts_are_there
from qgeo.geometry.operators import GramMatrix


@dataclass(frozen=True, eq=False)
class MonteCarloFisher:
    """An estimate with its error.

    Attributes:
        matrix: F_MC as a Gram matrix; stderr: (P, P) standard error of every entry, over draws.
    """

    matrix: GramMatrix
    stderr: Tensor


def monte_carlo_fisher(
    log_probs: Tensor, jacobian: Tensor, generator: torch.Generator, *, draws: int = 1
) -> MonteCarloFisher:
    """F_MC with `draws` ≥ 2 tokens per context for a standard error (draws = 1 has none: NaN).

    Args:
        log_probs: (B, V); jacobian: (B, V, P); generator: source of the draws.

    The contexts are taken as given: the error is that of sampling tokens, not of sampling contexts.
    """
    chosen = sampled_gradients(log_probs, jacobian, generator, draws=draws)
    products = torch.einsum("bdi,bdj->bdij", chosen, chosen)
    variance = products.var(dim=1) if draws > 1 else torch.full_like(products[:, 0], torch.nan)
    stderr = (variance / draws).sum(0).sqrt() / len(log_probs)
    return MonteCarloFisher(GramMatrix(chosen.flatten(0, 1), scale=1 / chosen[..., 0].numel()), stderr)


def sampled_gradients(
    log_probs: Tensor, jacobian: Tensor, generator: torch.Generator, *, draws: int
) -> Tensor:
    """∇log p(y|x) at `draws` tokens y ~ p(·|x) of each context, (B, draws, P). Arguments: as above.

    Raises:
        ConfigurationError: no draws, or a generator of another kind; ShapeError: no contexts.
    """
    draws = checked_integer("draws per context", draws, 1)
    checked_instance("generator", generator, torch.Generator, GENERATOR_ADVICE)
    check_contexts_are_there(len(log_probs))
    p = log_probs.exp().to(generator.device)  # the same draws wherever the head computes
    tokens = torch.multinomial(p, draws, replacement=True, generator=generator).to(jacobian.device)
    return jacobian.gather(1, tokens.unsqueeze(-1).expand(-1, -1, jacobian.shape[2]))

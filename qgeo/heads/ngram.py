"""n-gram heads: counts of every order, interpolated by absolute discounting; what counting alone can do.

    p_n(y|c) = [max(N(cy) − D, 0) + D N₊(c) p_{n−1}(y|c′)] / N(c),    p_{n−1}(y|c′) where N(c) = 0
    p_0 = 1/V

N(cy) windows in which token y follows the n − 1 tokens c, N(c) = Σ_y N(cy), N₊(c) different tokens that
follow c, c′ is c without its oldest token. One discount 0 < D ≤ 1 for all orders: what it takes from every
count goes to the lower order, so that p is normalised and nowhere 0; as D → 0, p_n is the maximum likelihood
where c was counted. Ney, Essen & Kneser 1994 (Computer Speech and Language 8, 1–38); Chen & Goodman 1999
(the same, 13, 359–394), who compare it with others.
"""

from __future__ import annotations

from numbers import Real

import torch
from torch import Tensor, nn

from qgeo.arguments import shown
from qgeo.errors import ConfigurationError
from qgeo.heads.encoder import check_contexts, check_token_ids

LARGEST_TABLE = 50_000_000  # n-grams, chosen: 400 MB of counts

DISCOUNTS = tuple(step / 20 for step in range(1, 21))
"""Among which `chosen_discount` chooses."""


class NgramHead(nn.Module):
    """p(y|x) from counts of n-grams; nothing to train.

    Args:
        contexts: (N, k) training contexts; targets: (N,) the tokens that followed.
        vocabulary: V.
        order: n ≥ 1; order 1 ignores the context, order n uses its last n−1 ≤ k tokens.
        discount: D in (0, 1].

    Raises:
        ConfigurationError: an order beyond the context, a discount out of range, or a table too large for
            memory.

    >>> head = NgramHead(torch.tensor([[0], [0], [0], [0]]), torch.tensor([1, 1, 1, 0]), 2, 2, discount=0.5)
    >>> head(torch.tensor([[0], [1]])).exp()  # order 1: (¼, ¾) discounted, and a quarter spread evenly
    tensor([[0.1875, 0.8125],
            [0.2500, 0.7500]], dtype=torch.float64)
    """

    discount: Tensor

    def __init__(
        self, contexts: Tensor, targets: Tensor, vocabulary: int, order: int, discount: float = 0.5
    ) -> None:
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
        self.register_buffer("discount", torch.tensor(_checked_discount(discount), dtype=torch.float64))
        for n in range(1, order + 1):
            index = self._row(contexts, n) * vocabulary + targets
            counts = torch.bincount(index, minlength=vocabulary**n).view(-1, vocabulary).double()
            self.register_buffer(f"counts_{n}", counts)

    def forward(self, contexts: Tensor) -> Tensor:
        """Log-probabilities (B, V)."""
        return self.log_probs(contexts, self.discount)

    def log_probs(self, contexts: Tensor, discount: float | Tensor) -> Tensor:
        """Log-probabilities (B, V) from the same counts with another discount."""
        self._check(contexts)
        shape = len(contexts), self.vocabulary
        probabilities = torch.full(shape, 1 / self.vocabulary, dtype=torch.float64, device=contexts.device)
        for n in range(1, self.order + 1):
            counts = self.get_buffer(f"counts_{n}")[self._row(contexts, n)]
            probabilities = _interpolated(counts, probabilities, discount)
        return probabilities.log()

    def _check(self, tokens: Tensor, width: int | None = None) -> None:
        check_contexts(tokens, self.context if width is None else width)
        check_token_ids(tokens, self.vocabulary)

    def _row(self, contexts: Tensor, order: int) -> Tensor:
        row = torch.zeros(len(contexts), dtype=torch.long, device=contexts.device)
        for token in contexts[:, contexts.shape[1] - order + 1 :].unbind(1):
            row = row * self.vocabulary + token
        return row


def chosen_discount(head: NgramHead, contexts: Tensor, targets: Tensor) -> float:
    """The discount of `DISCOUNTS` with the lowest loss on windows that were not counted, (B, k) and (B,)."""

    def loss(discount: float) -> float:
        return float(nn.functional.nll_loss(head.log_probs(contexts, discount), targets))

    return min(DISCOUNTS, key=loss)


def _interpolated(counts: Tensor, lower: Tensor, discount: float | Tensor) -> Tensor:
    """p of one order (B, V) from its counts and p of the order below."""
    total = counts.sum(1, keepdim=True)
    given_away = discount * (counts > 0).sum(1, keepdim=True, dtype=torch.float64)
    counted = ((counts - discount).clamp_min(0) + given_away * lower) / total.clamp_min(1)
    return torch.where(total > 0, counted, lower)


def _checked_discount(discount: float) -> float:
    if not isinstance(discount, Real) or isinstance(discount, bool) or not 0 < discount <= 1:
        raise ConfigurationError(f"expected discount, a number in (0, 1], got {shown(discount)}")
    return float(discount)

"""The line from a head's parameters along a step, and how far the distribution moves on it.

    KL(s) = KL(p_θ ‖ p_{θ+sδ}),   mean over the step's contexts, nats per token

Every length that is asked for is one evaluation of the head; afterwards its parameters are where they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from qgeo.optim.divergence import divergence, fisher_length
from qgeo.optim.realised_kl import Length, length_of
from qgeo.optim.trust_region import longest_within

_PROBE = 1e-4
"""Norm of the step that δᵀF_Cδ is read from: its error is of second order, rounding 1e-12 of it."""


_BESIDE = 3
"""Evaluations beside those of lengths: at the start, and on either side of it for δᵀF_Cδ."""


@dataclass(frozen=True, eq=False)
class Line:
    """Where a head may go: from `start` (P,) along `step` (P,), its parameters flattened in their order."""

    head: nn.Module
    parameters: Sequence[Tensor]
    start: Tensor
    step: Tensor
    contexts: Tensor

    def longest_within(self, limit: float) -> float:
        """A length in (0, 1] whose KL is at most `limit`; 0 where there is none (`trust_region.py`)."""
        with self._restored():
            return longest_within(limit, self.kl)

    def at_kl(self, target: float) -> Length:
        """The length whose KL is `target` (`realised_kl.py`), and how many evaluations it took."""
        with self._restored():
            probe = _PROBE / float(self.step.norm())
            forth, back = self.log_probs(probe), self.log_probs(-probe)
            found = length_of(target, self.kl, fisher_length(back, forth) / (2 * probe) ** 2)
        return Length(found.length, found.kl, found.evaluations + _BESIDE, found.is_met)

    def kls(self, lengths: Sequence[float]) -> list[float]:
        """KL(s) at each length."""
        with self._restored():
            return [self.kl(length) for length in lengths]

    def kl(self, length: float) -> float:
        """KL(s)."""
        return divergence(self._before, self.log_probs(length))

    def log_probs(self, length: float) -> Tensor:
        """(B, V) at θ + sδ, where the parameters stay."""
        return self._at(self.start + length * self.step)

    @cached_property
    def _before(self) -> Tensor:
        return self._at(self.start)  # 0 · ∞ is no number

    def _at(self, point: Tensor) -> Tensor:
        move_to(self.parameters, point)
        log_probs: Tensor = self.head(self.contexts)
        return log_probs

    @contextmanager
    def _restored(self) -> Iterator[None]:
        with torch.no_grad():
            try:
                yield
            finally:
                move_to(self.parameters, self.start)


def move_to(parameters: Sequence[Tensor], point: Tensor) -> None:
    """Write a flat point (P,) into parameters, in their order."""
    for parameter, part in zip(parameters, point.split([p.numel() for p in parameters]), strict=True):
        parameter.copy_(part.view_as(parameter))

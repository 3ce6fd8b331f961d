"""Steps of one size for all optimizers: the length at which the distribution has moved by a given KL.

    s with KL(p_θ ‖ p_{θ+sδ}) = target,      first guess √(2·target/δᵀF_Cδ), the length to second order

The guess is doubled or halved until two lengths lie on either side of the target, at most 12 times; then
Brent's method on log KL over log s, which are nearly a line of slope 2. Where there is no such pair, the
length whose KL came closest is taken, and the outcome says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, isfinite, log, sqrt

from scipy.optimize import brentq

from qgeo.errors import ConfigurationError

MOST_DOUBLINGS = 12
"""A choice: a factor 4096 from the second-order guess."""
TOLERANCE = 1e-4
"""Of a realised KL, relative: far below what two seeds differ by."""


@dataclass(frozen=True)
class RealisedKL:
    """Every step of an optimizer has this KL divergence times lr², as it would have to second order.

    Attributes:
        kl: nats per token at lr = 1, mean over the step's contexts; a schedule of lr makes it fall.
    """

    kl: float

    def __post_init__(self) -> None:
        if not 0 < self.kl < inf:
            raise ConfigurationError(f"expected a KL divergence above 0, in nats per token, got {self.kl}")


@dataclass(frozen=True)
class SecondOrderKL:
    """Every step has ½ δᵀFδ = kl · lr², F the optimizer's metric: no evaluation of the head, for heads whose
    every evaluation costs shots. With F_C it is KL to second order; F_C ⪯ F_Q makes steps of F_Q shorter.

    Attributes:
        kl: nats per token at lr = 1.
    """

    kl: float

    def __post_init__(self) -> None:
        if not 0 < self.kl < inf:
            raise ConfigurationError(f"expected a KL divergence above 0, in nats per token, got {self.kl}")

    def length(self, curvature: float, lr: float) -> float:
        """s with s² · ½ δᵀFδ = kl · lr²; 0 where the metric has no measure of the step.

        >>> SecondOrderKL(0.02).length(4.0, lr=1.0)
        0.1
        """
        return lr * sqrt(2 * self.kl / curvature) if curvature > 0 else 0.0


@dataclass(frozen=True)
class Length:
    """A length that was found.

    Attributes:
        length: s; kl: at s; evaluations: of the head that were needed.
        is_met: whether kl is the target to `TOLERANCE`; else the closest of what was tried.
    """

    length: float
    kl: float
    evaluations: int
    is_met: bool


class _Tried:
    """Lengths that were tried, with the logarithm of how far their KL is from the target."""

    def __init__(self, kl_of: Callable[[float], float], target: float) -> None:
        self.kl_of, self.target = kl_of, target
        self.kls: dict[float, float] = {}
        self.excess: dict[float, float] = {}

    def __call__(self, log_length: float) -> float:
        """log(KL/target) at e^log_length; a large number where KL is no number, the length being too long."""
        if log_length in self.excess:
            return self.excess[log_length]
        kl = self.kls[log_length] = self.kl_of(exp(log_length))
        self.excess[log_length] = log(max(kl, 1e-300)) - log(self.target) if isfinite(kl) else 1e3
        return self.excess[log_length]

    def best(self) -> Length:
        """The closest of what was tried."""
        distance = {at: self._distance(kl) for at, kl in self.kls.items()}
        at = min(distance, key=lambda at: distance[at])
        return Length(exp(at), self.kls[at], len(self.kls), distance[at] <= TOLERANCE)

    def _distance(self, kl: float) -> float:
        return abs(kl / self.target - 1) if isfinite(kl) else inf


def length_of(target: float, kl_of: Callable[[float], float], fisher_length: float) -> Length:
    """The length at which KL is `target`.

    Args:
        target: nats per token, > 0; kl_of: KL at a length, 0 at 0; NaN and infinity count as too long.
        fisher_length: δᵀF_Cδ, for the first guess.

    >>> found = length_of(0.01, lambda s: 4 * s**2, fisher_length=8.0)
    >>> round(found.length, 6), found.is_met
    (0.05, True)
    """
    excess = _Tried(kl_of, target)
    here = log(2 * target / fisher_length) / 2 if 0 < fisher_length < inf else 0.0
    value = excess(here)
    for _ in range(MOST_DOUBLINGS):
        there = here + (log(2) if value < 0 else -log(2))
        if excess.best().is_met:
            break
        if (excess(there) < 0) != (value < 0):
            brentq(excess, here, there, xtol=TOLERANCE / 8, rtol=1e-12)  # a slope of 2 doubles the error
            break
        here, value = there, excess(there)
    return excess.best()

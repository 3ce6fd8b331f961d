"""Damping: how much of the identity is added to the metric before it is inverted.

Fixed; or relative to the metric's mean eigenvalue, λ = factor · tr F / P, so that metrics of different
units (F_C is about half of F_Q) are damped alike; or adapted after Levenberg and Marquardt by how well the
quadratic model predicted the change of the loss (Martens & Grosse 2015, arXiv 1503.05671, section 6.5):

    ρ = (L(θ + δ) − L(θ)) / (gᵀδ + ½ δᵀ(F + λI)δ),     λ ← λ·shrink if ρ > ¾,    λ ← λ/shrink if ρ < ¼
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from math import isfinite
from numbers import Real

from qgeo.arguments import checked_real
from qgeo.errors import ConfigurationError
from qgeo.geometry.operators import InformationMatrix


@dataclass(frozen=True)
class RelativeDamping:
    """λ = factor · tr F / P, renewed with the metric."""

    factor: float

    def __post_init__(self) -> None:
        checked_real("a relative damping", self.factor, least=0)

    def of(self, matrix: InformationMatrix) -> float:
        """λ for this metric."""
        return self.factor * matrix.trace() / max(1, matrix.size)


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Adaptive damping. `initial`, `smallest`, `largest` are values of λ; `shrink` in (0, 1)."""

    initial: float = 1e-2
    shrink: float = 2 / 3
    smallest: float = 1e-8
    largest: float = 1e4

    def __post_init__(self) -> None:
        numbers = all(isinstance(each, Real) and isfinite(each) for each in astuple(self))
        if not numbers or not (0 < self.shrink < 1 and 0 < self.smallest <= self.initial <= self.largest):
            raise ConfigurationError(
                f"expected 0 < shrink < 1 and 0 < smallest ≤ initial ≤ largest, finite numbers, got {self}"
            )

    def adapted(self, damping: float, actual: float, predicted: float) -> float:
        """The next λ, from the actual and the predicted change of the loss (both negative for progress)."""
        ratio = actual / predicted if predicted < 0 else 0.0
        if ratio > 0.75:
            damping *= self.shrink
        elif not ratio >= 0.25:  # NaN counts as a bad step
            damping /= self.shrink
        return min(max(damping, self.smallest), self.largest)

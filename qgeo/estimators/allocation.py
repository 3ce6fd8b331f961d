"""Where a budget of shots is spent: s_e ∝ √V_e minimises Σ_e V_e/s_e at a given Σ s_e.

    V_e = Σ_ij w_ij · (variance that one shot of circuit e gives entry ij)

A pilot run measures V_e; its shots are kept. Entry weights w_ij decide what is wanted: all entries alike, or
those that move the natural-gradient step (van Straaten and Koczor 2021, arXiv 2005.05172).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qgeo.errors import ConfigurationError

Floats = NDArray[np.float64]


class Allocation(Protocol):
    """A pilot's share of the budget, and the weight of every entry's variance."""

    pilot: float

    def entry_weights(self, matrix: Floats) -> Floats:
        """w (P, P) ≥ 0, from the pilot's matrix."""
        ...


@dataclass(frozen=True)
class VarianceWeighted:
    """w = 1: the least expected squared Frobenius error."""

    pilot: float = 0.2

    def entry_weights(self, matrix: Floats) -> Floats:
        return np.ones_like(matrix)


@dataclass(frozen=True, eq=False)
class NaturalGradientWeighted:
    """The least expected squared error of the step δ = (F + λI)⁻¹ g, entries taken as independent:

    dδ = −A dF b with A = (F + λI)⁻¹, b = A g:      w_ij = ½ (a_i b_j² + a_j b_i²),   a_i = Σ_r A_ri²

    gradient: (P,); damping: λ > 0.
    """

    gradient: Floats
    damping: float
    pilot: float = 0.2

    def entry_weights(self, matrix: Floats) -> Floats:
        spectrum, basis = np.linalg.eigh(matrix)
        inverse = (basis / (np.maximum(spectrum, 0) + self.damping)) @ basis.T
        step = inverse @ self.gradient
        one_sided = np.outer((inverse**2).sum(0), step**2)
        return (one_sided + one_sided.T) / 2


def pilot_shots(allocation: Allocation, shots: int) -> int:
    """Shots per circuit of the pilot.

    Raises:
        ConfigurationError: the pilot's share is not between 0 and 1.
    """
    if not 0 < allocation.pilot < 1:
        raise ConfigurationError(f"expected a pilot share between 0 and 1, got {allocation.pilot}")
    return min(max(2, round(allocation.pilot * shots)), shots)


def allocated(variances: Floats, budget: int, least: int = 1) -> list[int]:
    """Shots per circuit, ∝ √V, at least `least` each; together the budget, or `least` each if that is more.

    >>> allocated(np.array([1.0, 4.0, 0.0]), 31)
    [10, 20, 1]
    """
    left = budget - least * len(variances)
    share = np.sqrt(np.maximum(variances, 0))
    if left <= 0 or not share.any():
        even = max(least, budget // len(variances))
        return [even] * len(variances)
    ideal = share / share.sum() * left
    whole = np.floor(ideal).astype(int)
    order = np.argsort(whole - ideal, kind="stable")
    whole[order[: left - int(whole.sum())]] += 1
    return list((whole + least).tolist())

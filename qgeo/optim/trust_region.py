"""Trust region: how much of a step may be taken before the distribution has moved too far.

    s = a length in (0, 1] with limit/2 ≤ KL(p_θ‖p_{θ+sδ}) ≤ limit,      s = 1 where the whole step fits

KL ≈ s² · KL(s = 1) for short steps, which makes the first guess; long ones (a softmax is linear far out, a
circuit periodic) need a bracket and its geometric mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, sqrt

from qgeo.arguments import checked_real

SEARCH_STEPS = 60
"""Halvings at most: 2⁻⁶⁰ of a step is none."""


@dataclass(frozen=True)
class QuadraticTrustRegion:
    """Limits ½ δᵀFδ, the metric's own measure of the step, and so needs no evaluation of the head.

    ½ δᵀF_Cδ is KL to second order, and F_C ⪯ F_Q; for heads whose every evaluation costs shots.
    """

    limit: float

    def __post_init__(self) -> None:
        checked_real("trust_region", self.limit, above=0)

    def length(self, curvature: float) -> float:
        """s ≤ 1 with s²·½ δᵀFδ ≤ limit.

        >>> QuadraticTrustRegion(0.02).length(4.0)
        0.1
        """
        return 1.0 if curvature <= 2 * self.limit else sqrt(2 * self.limit / curvature)


def longest_within(limit: float, divergence: Callable[[float], float]) -> float:
    """A length s in (0, 1] with divergence(s) ≤ limit, above limit/2 unless s = 1; 0 where none was found.

    Args:
        limit: KL in nats, > 0.
        divergence: KL at a length, continuous and 0 at 0; NaN and infinity count as too long.

    >>> round(longest_within(0.01, lambda s: 4 * s**2), 6)  # 0.95 √(0.01/4)
    0.0475
    """
    length, fits, too_long = 1.0, 0.0, inf
    for _ in range(SEARCH_STEPS):
        moved = divergence(length)
        if moved <= limit:
            fits = length
            if too_long == inf or moved >= limit / 2:
                return fits
        else:
            too_long = length
        length = sqrt(fits * too_long) if fits else length * _shrink(limit, moved)
        if length == 0:
            break
    return fits


def _shrink(limit: float, moved: float) -> float:
    """The quadratic guess; 0.95 keeps the search from creeping."""
    return min(0.95 * sqrt(limit / moved), 0.9) if moved < inf else 0.1

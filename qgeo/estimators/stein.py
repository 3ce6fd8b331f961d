"""SteinQFI: F_Q from overlaps at Gaussian points, by Stein's second-order identity (Halla 2025, arXiv
2502.17231).

    ∂∂ E f(θ + σu) = E[(uuᵀ − I) f(θ + σu)]/σ²,   u ~ N(0, I)
    F̂ = −2 (uuᵀ − I) · ½ (f(σu) + f(−σu) − 2)/σ²

Antithetic points and the known f(θ, θ) = 1 as control variate. What is estimated is the Hessian of the
smoothed overlap: biased by O(σ²).
"""

from __future__ import annotations

import numpy as np

from qgeo.estimators.random_directions import Directions, Floats, RandomDirectionsQFI


class SteinQFI(RandomDirectionsQFI):
    """Full F_Q from Gaussian directions, biased by O(spread²). Arguments: see `RandomDirectionsQFI`."""

    def directions(self, parameters: int) -> Directions:
        """Two antithetic shifts per Gaussian vector."""
        return self.along(self.generator.standard_normal((self.draws, parameters)))

    def along(self, drawn: Floats) -> Directions:
        """The same for given vectors u (M, P).

        u_i² − 1 is 8 at three standard deviations, u_i u_j 4 at two each: F̂_ii has the longer tail.
        """
        shifts = self.spread * np.stack([drawn, -drawn], axis=1)
        patterns = np.einsum("mi,mj->mij", drawn, drawn) - np.eye(drawn.shape[1])
        weights = np.full(2, -1 / self.spread**2)
        return Directions(shifts, weights, -weights[:, None], patterns, large=(8.0, 4.0))

    def bias(self, gaps: Floats) -> Floats:
        """E F̂ − F = −σ² Σ_k ∂_i∂_j∂_k²f on the way to θ + σu; 1 − e^{−σ²/2} for one rotation."""
        return np.asarray(self.spread**2 / 2 * np.outer(gaps, gaps) * (gaps**2).sum())

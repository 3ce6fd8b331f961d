"""SteinQFI: F_Q from overlaps at Gaussian points, by Stein's second-order identity (Halla 2025, arXiv
2502.17231).

    ∂∂ E f(θ + σu) = E[(uuᵀ − I) f(θ + σu)]/σ²,   u ~ N(0, I)
    F̂ = −2 (uuᵀ − I) · ½ (f(σu) + f(−σu) − 2)/σ²

Antithetic points and the known f(θ, θ) = 1 as control variate. What is estimated is the Hessian of the
smoothed overlap: biased by O(σ²).
"""

from __future__ import annotations

import numpy as np

from qgeo.estimators.random_directions import Floats, RandomDirectionsQFI


class SteinQFI(RandomDirectionsQFI):
    """Full F_Q from Gaussian directions, biased by O(spread²). Arguments: see `RandomDirectionsQFI`."""

    def directions(self, parameters: int) -> tuple[Floats, Floats]:
        """Two antithetic shifts per Gaussian vector."""
        return self.along(self.generator.standard_normal((self.draws, parameters)))

    def along(self, drawn: Floats) -> tuple[Floats, Floats]:
        """The same for given vectors u (M, P)."""
        shifts = self.spread * np.stack([drawn, -drawn], axis=1)
        weights = -(np.einsum("mi,mj->mij", drawn, drawn) - np.eye(drawn.shape[1])) / self.spread**2
        return shifts, np.repeat(weights[:, None], 2, axis=1)

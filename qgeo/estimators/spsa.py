"""SPSAQFI: F_Q from four overlaps along two random sign vectors (Gacon et al. 2021, arXiv 2103.09232).

    δ = f(εΔ₁ + εΔ₂) − f(εΔ₁) − f(−εΔ₁ + εΔ₂) + f(−εΔ₁)
    F̂ = −2 · δ/(2ε²) · ½(Δ₁Δ₂ᵀ + Δ₂Δ₁ᵀ),          E F̂ = F_Q + O(ε²)

The cost does not depend on the number of parameters; the spread of F̂ does. A running average over the steps
of a training makes up for it (`RunningAverage`).
"""

from __future__ import annotations

import numpy as np

from qgeo.estimators.random_directions import Directions, Floats, RandomDirectionsQFI

_SIGNS = np.array([1.0, -1.0, -1.0, 1.0])


class SPSAQFI(RandomDirectionsQFI):
    """Full F_Q from random directions, biased by O(spread²). Arguments: see `RandomDirectionsQFI`."""

    def directions(self, parameters: int) -> Directions:
        """Four shifts per pair of sign vectors."""
        first, second = self.generator.choice([-1.0, 1.0], (2, self.draws, parameters))
        return self.along(first, second)

    def along(self, first: Floats, second: Floats) -> Directions:
        """The same for given sign vectors Δ₁, Δ₂ (M, P)."""
        shifts = self.spread * np.stack([first + second, first, second - first, -first], axis=1)
        outer = np.einsum("mi,mj->mij", first, second)
        symmetric = (outer + outer.transpose(0, 2, 1)) / 2
        # |q| = |Δ₁ᵀFΔ₂| ≤ max ΔᵀFΔ with Δ₁ᵀFΔ₁ = 4 (1 − f(±εΔ₁))/ε², and ≤ ½ (Δ₁ᵀFΔ₁ + Δ₂ᵀFΔ₂)
        bounds = np.array([[0, 4, 0, 0], [0, 0, 0, 4], [1, 0, 1, 0]]).T / self.spread**2
        return Directions(shifts, -_SIGNS / self.spread**2, bounds, symmetric, large=(1.0, 1.0))

    def bias(self, gaps: Floats) -> Floats:
        """E F̂ − F = −2ε² Σ_k ∂_i∂_j∂_k²f + ⅔ε² (∂_i³∂_j f + ∂_i∂_j³ f); 1 − sin²ε/ε² for one rotation."""
        squares = gaps**2
        others = squares.sum() - (squares[:, None] + squares) / 3
        np.fill_diagonal(others, squares.sum() - squares * 2 / 3)
        return np.asarray(self.spread**2 * np.outer(gaps, gaps) * others)

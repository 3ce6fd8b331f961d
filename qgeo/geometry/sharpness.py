"""KL-sharpness to second order: how much the loss rises within a small KL divergence.

    max  gᵀδ + ½ δᵀHδ      over   ½ δᵀFδ ≤ ε,   δ in the range of F

F is the classical Fisher information, so that ½ δᵀFδ is the KL divergence of δ to second order. Off the range
of F a step costs none to that order, and is left out. Linear changes of the parameters leave the number as
it is where H vanishes off that range, as at minima of redundant parameters, others at minima only.

At a minimum it is ε λ_max(F^{−½}HF^{−½}); at one where the model is the data's distribution
H = F, and it is ε for every model: what differs from ε is misfit, not geometry.

In coordinates in which F is 1, A = WᵀHW with eigenvalues a and b = Wᵀg in their basis, this is a trust-region
problem: x_i = b_i/(μ − a_i) with the μ ≥ max(a, 0) at which |x|² = 2ε, or less with μ = 0; where b vanishes
along the top eigenvector that direction takes what is left (the hard case). Moré & Sorensen 1983 (SIAM J.
Sci. Stat. Comput. 4, 553). To first order, g alone: Fisher SAM, Kim et al. 2022 (arXiv 2206.04920).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from qgeo.arguments import checked_real
from qgeo.errors import ShapeError
from qgeo.geometry.filter import RANGE, Floats, square_matrix

_LEAST_SHIFT = 1e-30
"""Of μ − max a, relative to the largest it can be: below it b has no part along the top eigenvector."""


@dataclass(frozen=True, eq=False)
class SharpestStep:
    """The step along which the loss rises most.

    Attributes:
        step: δ, (P,); −δ is as good where the gradient vanishes.
        rise: gᵀδ + ½ δᵀHδ, in the units of the loss.
    """

    step: Floats
    rise: float


def sharpest_step(
    hessian: ArrayLike, fisher: ArrayLike, gradient: ArrayLike, epsilon: float, tolerance: float = RANGE
) -> SharpestStep:
    """The maximum over ½ δᵀFδ ≤ ε on the range of F, exactly: O(P³).

    Args:
        hessian, fisher: H and F, symmetric (P, P), F positive semidefinite; gradient: g (P,).
        epsilon: ε > 0, nats. tolerance: eigenvalues of F of at most so much of the largest are zeros.

    Raises:
        ShapeError: sizes that do not fit; ConfigurationError: an ε that is not positive.

    >>> found = sharpest_step(np.diag([4.0, 1.0, 9.0]), np.diag([2.0, 1.0, 0.0]), np.zeros(3), 0.01)
    >>> round(found.rise, 6)  # ε · 4/2; the third direction moves nothing
    0.02
    """
    radius = math.sqrt(2 * checked_real("epsilon", epsilon, above=0))
    f, h, g = square_matrix(fisher), square_matrix(hessian), np.asarray(gradient, dtype=float)
    if h.shape != f.shape or g.shape != f.shape[:1]:
        raise ShapeError(f"expected H and g of the size of F {f.shape}, got {h.shape} and {g.shape}")
    spectrum, vectors = np.linalg.eigh(f)
    kept = spectrum > tolerance * spectrum.max(initial=np.finfo(float).tiny)
    if not kept.any():
        return SharpestStep(np.zeros_like(g), 0.0)
    whitening = vectors[:, kept] / np.sqrt(spectrum[kept])
    curvatures, rotation = np.linalg.eigh(whitening.T @ h @ whitening)
    basis = whitening @ rotation
    slopes = basis.T @ g
    x = _longest_rise(curvatures, slopes, radius)
    return SharpestStep(np.asarray(basis @ x), float(slopes @ x + curvatures @ x**2 / 2))


def _longest_rise(curvatures: Floats, slopes: Floats, radius: float) -> Floats:
    """The x of at most this length at which Σ b x + ½ a x² is largest; a ascending."""
    gaps, top = curvatures[-1] - curvatures, float(curvatures[-1])
    shift = _shift(gaps, slopes, radius, max(0.0, -top))
    x = _at(shift, gaps, slopes)
    if top + shift > 0:  # the constraint holds the step back: all of the length is used
        rest = max(radius**2 - float((x[:-1] ** 2).sum()), 0.0)
        x[-1] = math.copysign(math.sqrt(rest), x[-1])
    return x


def _shift(gaps: Floats, slopes: Floats, radius: float, least: float) -> float:
    """μ − max a ≥ least with |x| = radius, or the least where x is no longer than that."""
    most = float(np.linalg.norm(slopes)) / radius
    least = max(least, _LEAST_SHIFT * most)

    def excess(log_shift: float) -> float:
        return math.log(float(np.linalg.norm(_at(math.exp(log_shift), gaps, slopes))) / radius)

    if np.linalg.norm(_at(least, gaps, slopes)) <= radius:
        return least
    return math.exp(brentq(excess, math.log(least), math.log(most * (1 + 1e-12)), xtol=1e-14))


def _at(shift: float, gaps: Floats, slopes: Floats) -> Floats:
    """b/(shift + gap), 0 where b vanishes."""
    below = shift + gaps
    return np.where(slopes != 0, slopes / np.where(below > 0, below, 1.0), 0.0)

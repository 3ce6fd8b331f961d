"""FisherEstimate: a Fisher information matrix with its error bars and its cost.

An entry is F̂ = F + (linear noise) + (quadratic noise): products of measured means make the second part,
which is all there is where a mean vanishes, e.g. F_ii = 1 − ⟨P⟩² at ⟨P⟩ = 0. `stderr` holds both; `interval`
inverts the test |F̂ − F| ≤ z · σ(F), which stays right there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qgeo.errors import ConfigurationError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FisherEstimate:
    """An information matrix from circuits and shots.

    Attributes:
        matrix: (P, P) float64, raw: symmetric, unbiased or with its bias documented by its method, not
            projected.
        stderr: (P, P) standard errors of the entries; zeros in the exact limit, and where all shots of a
            circuit agree (a variance of order 1/shots can hide there).
        circuits: bound circuits that were run; shots: all their shots together. Both 0 in the exact limit.
        parameters: names of rows and columns.
        metadata: what the method adds, e.g. the number of distinct circuits.
        curvature: (P, P) standard deviation of the quadratic part alone (in `stderr` too), for `interval`.
    """

    matrix: Floats = field(repr=False)
    stderr: Floats = field(repr=False)
    circuits: int
    shots: int
    parameters: tuple[str, ...] = field(default=(), repr=False)
    metadata: dict[str, Any] = field(default_factory=dict, repr=False)
    curvature: Floats | None = field(default=None, repr=False)

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Lower and upper ends (P, P) of each entry's confidence interval.

        With d² = stderr² + curvature² the plug-in variance, v = curvature/√2 and z the normal quantile, a
        diagonal entry's interval is F̂ − 2vz² ± z √(d² − 2v² + 4v²z²), the score interval of 1 − p² (the usual
        F̂ ± z·stderr for v → 0); an off-diagonal entry's is F̂ ± z·stderr.

        >>> estimate = FisherEstimate(np.eye(1), np.full((1, 1), 0.01), 1, 100)
        >>> [end.round(4).item() for end in estimate.interval(0.95)]
        [0.9804, 1.0196]
        """
        if not 0 < level < 1:
            raise ConfigurationError(f"expected a confidence level between 0 and 1, got {level}")
        z = NormalDist().inv_cdf((1 + level) / 2)
        v = np.zeros_like(self.matrix)
        if self.curvature is not None:
            np.fill_diagonal(v, self.curvature.diagonal() / np.sqrt(2))
        centre = self.matrix - 2 * v * z**2
        half = z * np.sqrt(np.maximum(self.stderr**2 + 4 * v**2 * z**2, 0))
        return centre - half, centre + half


def combined_stderr(plug_in: Floats, quadratic: Floats) -> tuple[Floats, Floats]:
    """(stderr, curvature) from the plug-in variance of the linear part and the quadratic part's variance.

    The plug-in is too large by twice the quadratic variance q, because it squares measured means; so the
    whole variance is (plug_in − 2q) + q, and never less than q.
    """
    return np.sqrt(np.maximum(plug_in - quadratic, quadratic)), np.sqrt(quadratic)

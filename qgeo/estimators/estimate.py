"""FisherEstimate: a Fisher information matrix with its error bars and its cost.

An entry is F̂ = F + (linear noise) + (quadratic noise) + (what the shots did not show). Products of measured
means make the second part, all there is where a mean vanishes, e.g. F_ii = 1 − ⟨P⟩² at ⟨P⟩ = 0; the third is
all there is where every shot of a circuit agrees. `stderr` holds all three; `interval` inverts the test
|F̂ − F| ≤ z · σ(F), which stays right there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qgeo.errors import ConfigurationError

Floats = NDArray[np.float64]

_APART = 0.1
"""In units of v. An end of one square's interval touches p = 0 in a tangent, so that errors of v of a few
percent cover it in 97% of repetitions; a little closer it is 95%, and nowhere below 94.7% (normal p̂)."""


@dataclass(frozen=True, eq=False)
class FisherEstimate:
    """An information matrix from circuits and shots.

    Attributes:
        matrix: (P, P) float64, raw: symmetric, unbiased or with its bias documented by its method, not
            projected.
        stderr: (P, P) standard errors of the entries. 0 only in the exact limit, and for entries that no
            circuit sampled (zeros between the blocks of a block method, parameters without effect).
        circuits: bound circuits that were run; shots: all their shots together. Both 0 in the exact limit.
        parameters: names of rows and columns.
        metadata: what the method adds, e.g. the number of distinct circuits.
        squares: (P,) variance of the measured means whose squares are in F_ii, for `interval`; negative where
            they lower F (1 − p²), positive where they raise it (p²).
        resolution: (P, P) the most that one shot could change an entry (in `stderr` too), for `interval`.
        degrees: of freedom that `stderr` was estimated with, where it is the spread of few draws.
        largest: (P, P) what |F_ij| can be at most in any state.
        bias: (P, P) how large the method's documented bias may be, as far as shots tell; see `flagged`.
    """

    matrix: Floats
    stderr: Floats
    circuits: int
    shots: int
    parameters: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    squares: Floats = field(default_factory=lambda: np.zeros(()))
    resolution: Floats = field(default_factory=lambda: np.zeros(()))
    degrees: float = np.inf
    largest: Floats = field(default_factory=lambda: np.array(np.inf))
    bias: Floats = field(default_factory=lambda: np.zeros(()))

    def __post_init__(self) -> None:
        shape = self.matrix.shape  # a single number where left out
        for name in ("squares", "resolution", "largest", "bias"):
            full = np.broadcast_to(getattr(self, name), shape[:1] if name == "squares" else shape)
            object.__setattr__(self, name, full)

    def __repr__(self) -> str:
        size, trace, error = len(self.matrix), np.trace(self.matrix), np.mean(self.stderr)
        return (
            f"FisherEstimate({size} × {size}, trace {trace:.6g}, mean standard error {error:.2g}, "
            f"circuits={self.circuits}, shots={self.shots})"
        )

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """(P, P) entries whose bias may exceed their standard error: `interval` is then one of what the
        estimator expects, and F may lie elsewhere. More shots or draws, or a smaller spread, remove flags."""
        return np.asarray(self.bias > self.stderr)

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Lower and upper ends (P, P) of each entry's confidence interval.

        F̂ ± z d with z the normal quantile, d² = stderr² + (z² − 1) ρ² and ρ the resolution: z² outcomes that
        no shot showed are what a frequency of 0 or 1 leaves open (Agresti and Coull 1998). Where the error is
        the spread of draws, stderr² − ρ² is multiplied by t²/z² with Student's quantile t. A diagonal entry
        has squares p² of means p measured with variance v in it. |p| < |p̂| + z √v puts the end to which they
        push at a distance of (1 + z²) v + z √(d² + 2v²). The other end lies where |F̂ − F| = z · σ(F), at
        z √(d² + 4v²z²) − 2z²v, or at that of the same square, z √(d² + 2v²) − (1 + z²) v, if it is further
        away. No end lies where no F is: below 0 on the diagonal, beyond `largest`.

        >>> estimate = FisherEstimate(np.eye(1), np.full((1, 1), 0.01), 1, 100)
        >>> [end.round(4).item() for end in estimate.interval(0.95)]
        [0.9804, 1.0196]
        """
        if not 0 < level < 1:
            raise ConfigurationError(f"expected a confidence level between 0 and 1, got {level}")
        z = NormalDist().inv_cdf((1 + level) / 2)
        seen, wider = np.maximum(self.stderr**2 - self.resolution**2, 0), (self._quantile(level) / z) ** 2
        variance = wider * seen + z**2 * self.resolution**2
        lower, upper = _distances(z, variance, np.diag(self.squares))
        return _possible(self.matrix - lower, self.matrix + upper, self.largest)

    def _quantile(self, level: float) -> float:
        """Student's, the normal one for infinitely many degrees of freedom."""
        from scipy.special import stdtrit

        return float(stdtrit(self.degrees, (1 + level) / 2))


def _distances(z: float, variance: Floats, squares: Floats) -> tuple[Floats, Floats]:
    """From F̂ to both ends; see `FisherEstimate.interval`."""
    v = np.abs(squares)
    linear, shift = z * np.sqrt(variance + 2 * v**2), (1 + z**2) * v
    score = z * np.sqrt(variance + 4 * v**2 * z**2) - 2 * z**2 * v
    towards, away = linear + shift, np.maximum(linear - shift - _APART * v, score)
    return np.where(squares < 0, towards, away), np.where(squares > 0, towards, away)


def _possible(lower: Floats, upper: Floats, largest: Floats) -> tuple[Floats, Floats]:
    """The ends cut to what an entry can be, where that leaves anything of the interval."""
    least = np.where(np.eye(len(lower), dtype=bool), 0.0, -largest)
    some = (upper > least) & (lower < largest)
    return np.where(some, np.maximum(lower, least), lower), np.where(some, np.minimum(upper, largest), upper)


@dataclass(frozen=True, eq=False)
class Spread:
    """Variances (P, P) of the parts of an estimate's noise.

    plug_in: of the linear part, at the measured means; quadratic: of the part quadratic in them; rare: the
    squares of what one shot of each circuit could change, summed over circuits; squares: (P,), see
    `FisherEstimate`.
    """

    plug_in: Floats
    quadratic: Floats
    rare: Floats
    squares: Floats

    @property
    def stderr(self) -> Floats:
        """The plug-in is too large by twice the quadratic variance q, because it squares measured means; so
        the whole variance is (plug_in − 2q) + q, and never less than q; and the rare part beside it."""
        seen = np.maximum(self.plug_in - self.quadratic, self.quadratic)
        return np.asarray(np.sqrt(seen + self.rare))

    @property
    def resolution(self) -> Floats:
        return np.asarray(np.sqrt(self.rare))


def mean_spread(parts: list[Spread], share: Floats) -> Spread:
    """Of the weighted mean of independent estimates; share: (B,). The mean's squares are as large as those of
    the estimates that its quadratic part comes from."""
    plug_in, quadratic, rare = (
        np.tensordot(share**2, np.array([getattr(part, name) for part in parts]), 1)
        for name in ("plug_in", "quadratic", "rare")
    )
    by_part = np.array([w**2 * part.quadratic.diagonal() for w, part in zip(share, parts, strict=True)])
    squares = np.array([w * part.squares for w, part in zip(share, parts, strict=True)])
    return Spread(plug_in, quadratic, rare, weighted_mean(squares, by_part))


def weighted_mean(values: Floats, weights: Floats) -> Floats:
    """Over the first axis; 0 where all weights are."""
    total = weights.sum(0)
    return np.asarray((values * weights).sum(0) / np.where(total > 0, total, 1))

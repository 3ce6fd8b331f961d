"""Exponents of excess losses, excess ≈ c N^(−α), and the plantings that say whether they can be trusted.

A replicate is a source; its curve is the best restart at every size, and α minus the least-squares slope of
log excess on log N. Where a curve is no straight line α belongs to the sizes it is fitted to, so that it is
fitted to several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qgeo.statistics.means import Interval, mean_interval, paired_difference
from qgeo.studies.experiments.measured_output import Floats
from qgeo.studies.experiments.scaling_curves import CONVERGED
from qgeo.studies.study import Row, Table, geometric_mean, in_orders, with_interval

FITS = ("all sizes", "smaller half", "larger half", "half the iterations")
"""What α is fitted to; the last one to all sizes, each training stopped half-way."""

PLANTED_FLOOR, PLANTED_EXPONENT = 0.1, 0.5


@dataclass(frozen=True, eq=False)
class ScalingCurve:
    """Of a family: numbers N (sizes,), the others (replicates, sizes, restarts), nats per token.

    Attributes:
        excess, half_way: at the end of training and half-way; gradient: its largest entry at the end.
    """

    numbers: Floats
    excess: Floats
    half_way: Floats
    gradient: Floats

    @classmethod
    def of(cls, rows: Sequence[Row]) -> ScalingCurve:
        """From a row per replicate."""
        names = ("excess", "half_way", "gradient")
        excess, half_way, gradient = (np.array([row[name] for row in rows]) for name in names)
        return cls(np.array(rows[0]["numbers"], dtype=float), excess, half_way, gradient)

    @property
    def best(self) -> Floats:
        """(replicates, sizes) of all restarts."""
        return np.asarray(self.excess.min(-1))

    def exponents(self, fit: str) -> Floats:
        """(replicates,) α, in one of the ways of `FITS`."""
        middle = len(self.numbers) // 2
        sizes = {"smaller half": slice(None, middle), "larger half": slice(middle, None)}.get(
            fit, slice(None)
        )
        values = self.half_way.min(-1) if fit == "half the iterations" else self.best
        return exponents(self.numbers[sizes], values[:, sizes])

    def fitted(self) -> Floats:
        """(replicates, sizes): c N^(−α) of each replicate."""
        logs = np.log(self.numbers)
        centred = logs - logs.mean()
        level = np.log(self.best).mean(1, keepdims=True)
        return np.asarray(np.exp(level - self.exponents("all sizes")[:, None] * centred))


def exponents(numbers: Floats, excess: Floats) -> Floats:
    """(replicates,) α of excess (replicates, sizes) at sizes N.

    >>> exponents(np.array([10.0, 100.0, 1000.0]), np.array([[1.0, 0.1, 0.01]])).round(9).tolist()
    [1.0]
    """
    logs = np.log(numbers) - np.log(numbers).mean()
    return np.asarray(-(np.log(excess) @ logs) / (logs @ logs))


def split_alarms(curve: ScalingCurve, draws: int, generator: np.random.Generator) -> float:
    """Share of splits of a family's restarts in two whose exponents differ, by 95% intervals without 0."""
    half = curve.excess.shape[-1] // 2
    alarms = []
    for _ in range(draws):
        order = generator.permuted(
            np.broadcast_to(np.arange(curve.excess.shape[-1]), curve.excess[:, 0].shape), axis=1
        )
        mixed = np.take_along_axis(curve.excess, order[:, None, :], -1)
        ours, theirs = (
            exponents(curve.numbers, part.min(-1))
            for part in (mixed[..., :half], mixed[..., half : 2 * half])
        )
        alarms.append(not holds(paired_difference(ours, theirs), 0.0))
    return float(np.mean(alarms))


def planted_misses(curve: ScalingCurve, draws: int, generator: np.random.Generator) -> float:
    """Share of planted losses .1 + N^(−.5), with the scatter of the family's restarts, whose α is not .5."""
    intervals = [mean_interval(planted_exponents(curve, generator)) for _ in range(draws)]
    return float(np.mean([not holds(each, PLANTED_EXPONENT) for each in intervals]))


def planted_exponents(curve: ScalingCurve, generator: np.random.Generator) -> Floats:
    """(replicates,) α of planted losses; the scatter at a size is that of restarts at any size."""
    replicates, sizes, restarts = curve.excess.shape
    logs = np.log(curve.excess)
    scatter = (logs - logs.mean(-1, keepdims=True)).reshape(-1, restarts)
    drawn = scatter[generator.integers(len(scatter), size=(replicates, sizes))]
    losses = PLANTED_FLOOR + curve.numbers[:, None] ** -PLANTED_EXPONENT * np.exp(drawn)
    return exponents(curve.numbers, losses.min(-1) - PLANTED_FLOOR)


def holds(interval: Interval, value: float) -> bool:
    """Whether a value lies in an interval; in one without ends every value does."""
    low, high = interval.ci_low, interval.ci_high
    return low is None or high is None or low <= value <= high


def size_table(curves: Mapping[str, ScalingCurve]) -> Table:
    """A line per family and size: excess, how it still fell, how restarts scatter, how many converged."""
    names = (
        "family, N",
        "excess, nats per token",
        "over that half-way",
        "worst over best restart",
        "converged",
    )
    lines = [
        (f"{family}, {number:.0f}", *_size_cells(curve, place))
        for family, curve in curves.items()
        for place, number in enumerate(curve.numbers)
    ]
    return Table("Best of five restarts by size; geometric means over sources", names, tuple(lines))


def _size_cells(curve: ScalingCurve, place: int) -> tuple[str, str, str, str]:
    best, converged = curve.best[:, place], curve.gradient[:, place] <= CONVERGED
    fall, scatter = best / curve.half_way[:, place].min(-1), curve.excess[:, place].max(-1) / best
    return (
        in_orders(geometric_mean(best)),
        with_interval(geometric_mean(fall)),
        with_interval(geometric_mean(scatter), 2),
        f"{np.sum(converged)} of {converged.size}",
    )

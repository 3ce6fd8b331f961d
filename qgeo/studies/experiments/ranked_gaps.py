"""How well a number of trained heads ranks their generalisation gaps, among heads that share what matters.

    runs → τ of every replicate within strata → interval over replicates → "yes", "no", "undecided"

A replicate is a draw of training windows with everything that is trained on it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from qgeo.statistics.concordance import stratified_kendall
from qgeo.statistics.intervals import bootstrap_t
from qgeo.statistics.means import LEVEL, Interval, mean_interval
from qgeo.studies.study import Row, rows_of

THRESHOLD = 0.3
"""|τ| from which on a number explains, below which it does not: chosen before anything was seen."""

Keys = tuple[str, ...]

REPLICATE: Keys = ("source", "size", "draw")

STRATA: dict[str, Keys] = {
    "whatever n": (),
    "at equal n": ("n_train",),
    "in one head": ("n_train", "head"),
}
"""What pairs share beside their replicate."""


def placed(rows: Sequence[Row]) -> list[Row]:
    """A row per run, with where it belongs."""
    return [
        run | {key: row[key] for key in (*REPLICATE, "n_train")}
        for row in rows_of(rows, "runs")
        for run in row["rows"]
    ]


def trained(runs: Sequence[Row]) -> list[Row]:
    """Those that reached their training loss."""
    return [run for run in runs if "gap" in run]


def grouped(runs: Sequence[Row], keys: Keys) -> dict[Hashable, list[Row]]:
    """Runs by what they have under these keys."""
    groups: dict[Hashable, list[Row]] = {}
    for run in runs:
        groups.setdefault(tuple(run[key] for key in keys), []).append(run)
    return groups


def taus(runs: Sequence[Row], number: str, shared: Keys) -> list[float]:
    """Of each replicate that has pairs: Kendall's τ of a number and the gap, over pairs that share these."""
    found = [
        stratified_kendall(
            [run[number] for run in replicate],
            [run["gap"] for run in replicate],
            [tuple(run[key] for key in shared) for run in replicate],
        )
        for replicate in grouped(runs, REPLICATE).values()
    ]
    return [tau for tau in found if tau is not None]


def tau_interval(values: Sequence[float], level: float = LEVEL) -> Interval:
    """Mean over replicates with its bootstrap-t interval, within [−1, 1]."""
    found = bootstrap_t(values, np.random.default_rng(0), level=level)
    if found.ci_low is None or found.ci_high is None:
        return found
    return Interval(found.mean, max(found.ci_low, -1.0), min(found.ci_high, 1.0), found.n)


def reading(among: Interval, within: Interval) -> str:
    """Whether a number explains the gap: "yes" beyond the threshold on one side in both, "no" inside it in
    one of them, else "undecided".
    """
    (low, high), (least, most) = _ends(among), _ends(within)
    if min(low, least) > THRESHOLD or max(high, most) < -THRESHOLD:
        return "yes"
    inside = (low > -THRESHOLD and high < THRESHOLD) or (least > -THRESHOLD and most < THRESHOLD)
    return "no" if inside else "undecided"


def _ends(interval: Interval) -> tuple[float, float]:
    """−∞ and ∞ where an interval has none."""
    if interval.ci_low is None or interval.ci_high is None:
        return -np.inf, np.inf
    return interval.ci_low, interval.ci_high


def false_alarms(runs: Sequence[Row], number: str, permutations: int) -> float:
    """How often τ at equal n differs from zero at 5% although gaps were exchanged among runs of equal n."""
    generator, seen = np.random.default_rng(1), []
    for _ in range(permutations):
        low, high = _ends(mean_interval(taus(_permuted(runs, generator), number, ("n_train",))))
        seen.append(low > 0 or high < 0)
    return float(np.mean(seen))


def _permuted(runs: Sequence[Row], generator: np.random.Generator) -> list[Row]:
    return [
        run | {"gap": block[int(place)]["gap"]}
        for block in grouped(runs, (*REPLICATE, "n_train")).values()
        for run, place in zip(block, generator.permutation(len(block)), strict=True)
    ]

"""Rows of the page's tables that results.json does not hold as they are: tuning, steps, what runs took.

One row per arm each, in the order of the arms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qgeo.comparison.page.entries import chosen_settings, setting_name, setting_text
from qgeo.comparison.page.series import Cells, Run, by_unit, circuits, table
from qgeo.statistics.means import Interval, mean_interval

_MOST_VALUES = 4  # of a grid that are written out


@dataclass(frozen=True)
class Spread:
    """Of a number over n runs."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class TuningRow:
    """What an arm was tried with, and what its replicates chose.

    Attributes:
        tried: what was varied, and over which values; diverged: trials of which a run diverged.
        chosen: settings with how many replicates chose each, most chosen first; replicates: all of them.
        loss: mean validation loss of the most chosen; None where its settings are given, or all diverged.
        at_edge: replicates whose choice lies at an edge of what was tried.
    """

    trials: int
    diverged: int
    tried: tuple[tuple[str, str], ...]
    chosen: tuple[tuple[str, int], ...]
    replicates: int
    loss: float | None
    at_edge: int


@dataclass(frozen=True)
class StepRow:
    """How well an arm kept to the KL divergences that its steps should have.

    Attributes:
        steps: of all final runs, that a length was looked for; missed: those whose KL was not met.
        elsewhere: KL on other training contexts, in that on a step's own, mean over the steps that have both;
            None where no step has.
    """

    steps: int
    missed: int
    elsewhere: Interval | None


def seconds(run: Run) -> list[Spread]:
    """Of training; a diverged run counts until it ended."""
    last = _last(run.timings, "seconds")
    return [_spread(last.get(arm["name"], {})) for arm in run.arms]


def circuit_counts(run: Run) -> list[Spread | None]:
    """Grouped circuits of whole runs, which differ by their contexts and by the search for steps' lengths;
    None where they cannot be counted."""
    return [
        _spread(_at_last_step(circuits(run, arm))) if arm["circuits_per_context"] is not None else None
        for arm in run.arms
    ]


def tuning_rows(run: Run) -> list[TuningRow]:
    return [_tuning_row(arm) for arm in run.arms]


def step_rows(run: Run) -> list[StepRow]:
    own, elsewhere = table(run.records, "kl"), table(run.records, "kl_elsewhere")
    rows = []
    for arm in run.arms:
        here, there = own.get(arm["name"], {}), elsewhere.get(arm["name"], {})
        ratios = np.array([_mean_ratio(there, here, seed) for seed in run.seeds(arm)])
        mean = mean_interval(by_unit(run, ratios)) if np.isfinite(ratios).any() else None
        rows.append(StepRow(len(here), arm["missed"], mean))
    return rows


def _tuning_row(arm: dict[str, Any]) -> TuningRow:
    trials, chosen = arm["trials"], chosen_settings(arm["chosen"])
    losses = {setting_text(trial["setting"]): trial["loss"] for trial in trials}
    return TuningRow(
        trials=len(trials),
        diverged=sum(trial["loss"] is None for trial in trials),
        tried=_tried([trial["setting"] for trial in trials]),
        chosen=tuple(chosen),
        replicates=len(arm["chosen"]),
        loss=losses.get(chosen[0][0]),
        at_edge=round((arm["at_edge"] or 0) * len(arm["chosen"])),
    )


def _tried(settings: Sequence[dict[str, float]]) -> tuple[tuple[str, str], ...]:
    """
    >>> _tried([{"kl": kl, "damping": 0.3} for kl in (0.01, 0.1)])
    (('KL', '0.01, 0.1'), ('damping', '0.3'))
    >>> _tried([{"lr": lr} for lr in (0.01, 0.03, 0.1, 0.3, 1.0)])
    (('lr', '0.01 to 1, 5 values'),)
    """
    names = dict.fromkeys(name for setting in settings for name in setting)
    grids = {name: sorted({setting[name] for setting in settings}) for name in names}
    return tuple((setting_name(name), _grid_text(values)) for name, values in grids.items())


def _grid_text(values: Sequence[float]) -> str:
    if len(values) > _MOST_VALUES:
        return f"{values[0]:g} to {values[-1]:g}, {len(values)} values"
    return ", ".join(f"{value:g}" for value in values)


def _mean_ratio(above: dict[tuple[int, int], float], below: dict[tuple[int, int], float], seed: int) -> float:
    """Over the steps of a run that have both; NaN where none has."""
    ratios = [value / below[key] for key, value in above.items() if key[0] == seed and below.get(key)]
    return float(np.mean(ratios)) if ratios else np.nan


def _last(lines: list[dict[str, Any]], key: str) -> dict[str, dict[int, float]]:
    """arm → seed → value after its last step."""
    return {arm: _at_last_step(cells) for arm, cells in table(lines, key).items()}


def _at_last_step(cells: Cells) -> dict[int, float]:
    return {seed: value for (seed, _), value in sorted(cells.items())}


def _spread(of_seeds: dict[int, float]) -> Spread:
    values = list(of_seeds.values()) or [np.nan]
    return Spread(float(np.mean(values)), min(values), max(values), len(of_seeds))

"""Noisy races: one step of F_Q and of F_C per batch, from heads in training, at equal KL divergence.

Born heads of 4 qubits on the default text (V = 16); checkpoints at steps 0, 5, 20, 60 of trajectories of
Adam, F_C and F_Q, averaged; a replicate has training data of its own. The race is that of comparisons
(`comparison/shadow_race.py`), at dampings that are given and not tuned.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product

import numpy as np

from qgeo.comparison.arms import parse_arm
from qgeo.comparison.config import parse_configuration
from qgeo.comparison.inputs import build_task
from qgeo.comparison.replicates import data_of
from qgeo.comparison.sections import Configuration
from qgeo.comparison.setting import Setting
from qgeo.comparison.shadow_race import RaceJob, run_race
from qgeo.comparison.training import RunSettings
from qgeo.statistics.intervals import ratio_of_means
from qgeo.statistics.means import Floats, Interval
from qgeo.studies.study import Row, Table, rows_with
from qgeo.tasks.task import Task

DAMPINGS = (0.001, 0.03, 0.3)
"""Of F_Q and of F_C, relative to their mean eigenvalues."""

SHORT, LONG = 1e-6, 0.003
"""Nats per token of a step on its batch: infinitesimal, and as long as comparisons have it."""

STEPS = (0, 5, 20, 60)

_METRICS = ("quantum", "classical")


def race_items(replicates: int) -> list[Row]:
    """Every replicate at every damping and KL divergence."""
    return [
        {"kind": "race", "damping": damping, "kl": kl, "replicate": replicate, "replicates": replicates}
        for replicate, damping, kl in product(range(replicates), DAMPINGS, (SHORT, LONG))
    ]


def measure_race(item: Row) -> Row:
    """A row per trajectory and step: drops, predictions, first-order drops and theirs."""
    configuration, task = training(item["replicates"], item["kl"])
    adam, classical, quantum = trajectories(item["damping"])
    job = RaceJob((quantum, classical), (adam, classical, quantum), item["replicate"])
    return {"rows": run_race(job, configuration, data_of(configuration, task, item["replicate"]))["rows"]}


def trajectories(damping: float) -> tuple[RunSettings, RunSettings, RunSettings]:
    """Of Adam, F_C and F_Q, which checkpoints are taken from."""
    classical, quantum = (
        RunSettings(parse_arm(f"born+{metric}"), Setting(kl=0.03, damping=damping))
        for metric in ("classical", "quantum")
    )
    return RunSettings(parse_arm("born+adam"), Setting(lr=0.03)), classical, quantum


@cache
def training(replicates: int, kl: float) -> tuple[Configuration, Task]:
    """What all replicates share; data of one: `data_of`."""
    configuration = parse_configuration(
        {
            "task": {"vocabulary": 16, "context": 2},
            "arms": {"names": ["born+quantum", "born+classical"]},
            "heads": {"embedding": 2},
            "training": {"steps": 61, "batch": 64},
            "protocol": {"replicates": replicates, "tokens": 4096},
            "race": {"draws": 8, "windows": 512, "kl": kl, "steps": STEPS},
        }
    )
    return configuration, build_task(configuration.task)


def race_points(rows: Sequence[Row]) -> list[Row]:
    """Ratio with its interval over replicates, prediction, worst first-order step; per KL, damping, step."""
    return [_race_point(rows, *at) for at in product((SHORT, LONG), DAMPINGS, STEPS)]


def _race_point(rows: Sequence[Row], kl: float, damping: float, step: int) -> Row:
    replicates = [row["rows"] for row in rows if (row["kl"], row["damping"]) == (kl, damping)]
    at_step = [[row for row in replicate if row["step"] == step] for replicate in replicates]
    mean = {
        key: [float(np.mean([row[key] for row in rows])) for rows in at_step]
        for key in ("drop_quantum", "drop_classical", "predicted_quantum", "predicted_classical")
    }
    ratio = ratio_of_means(mean["drop_quantum"], mean["drop_classical"])
    off = [_first_order_off(row) for rows in at_step for row in rows]
    return {
        "kl": kl,
        "damping": damping,
        "step": step,
        "ratio": ratio.mean,
        "low": ratio.ci_low,
        "high": ratio.ci_high,
        "n": ratio.n,
        "predicted": float(np.mean(mean["predicted_quantum"]) / np.mean(mean["predicted_classical"])),
        "off": max(off, key=abs),
    }


def first_race(rows: Sequence[Row], kl: float) -> Interval:
    """Ratio of drops from the common start, each metric at the best of its dampings.

    The damping of a replicate is the one with the largest mean drop in the other half of the replicates, even
    or odd ones, so that choosing flatters neither.
    """
    quantum, classical = (_chosen_elsewhere(_first_drops(rows, kl, metric)) for metric in _METRICS)
    return ratio_of_means(quantum, classical)


def _first_drops(rows: Sequence[Row], kl: float, metric: str) -> Floats:
    """(dampings, replicates), means over what leads to the start, which is the same for all."""
    return np.array(
        [
            [
                np.mean([each[f"drop_{metric}"] for each in row["rows"] if each["step"] == STEPS[0]])
                for row in rows_with(rows, kl=kl, damping=damping)
            ]
            for damping in DAMPINGS
        ]
    )


def _chosen_elsewhere(drops: Floats) -> Floats:
    """Of each replicate the drop at the damping that is best in the half it is not in."""
    chosen = np.empty(drops.shape[1])
    for half in (0, 1):
        chosen[half::2] = drops[drops[:, 1 - half :: 2].mean(1).argmax(), half::2]
    return chosen


def _first_order_off(row: Row) -> float:
    seen = row["first_order_quantum"] / row["first_order_classical"]
    return float(seen / (row["theory_quantum"] / row["theory_classical"]) - 1)


def race_table(races: Sequence[Row]) -> Table:
    """A row per race."""
    rows = tuple(
        (
            f"KL {race['kl']:g}, d = {race['damping']:g}, step {race['step']}",
            f"{race['ratio']:.3f} {_interval(race)}",
            f"{race['predicted']:.3f}",
        )
        for race in races
    )
    return Table(
        "Drop of F_Q over drop of F_C by steps from batches of 64", ("race", "seen", "predicted"), rows
    )


def bounded(races: Sequence[Row]) -> list[Row]:
    """Races whose interval has ends: with few replicates a drop may not differ from zero."""
    return [race for race in races if race["low"] is not None]


def is_inside(race: Row) -> bool:
    """Whether the interval contains the prediction; an unbounded one says nothing."""
    return race["low"] is not None and bool(race["low"] <= race["predicted"] <= race["high"])


def _interval(race: Row) -> str:
    return f"[{race['low']:.3f}, {race['high']:.3f}]" if bounded([race]) else "(unbounded)"

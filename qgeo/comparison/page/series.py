"""From a run folder's files to what figures draw: curves, rows, levels, panels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from qgeo.comparison.page import figures
from qgeo.comparison.page.figures import Curve, Level, Row, Spectrum
from qgeo.comparison.run_folder import RUN_FILES, RunFolder
from qgeo.comparison.statistics import Interval


@dataclass(frozen=True, eq=False)
class Run:
    """What a run folder holds, as far as the page shows it."""

    results: dict[str, Any]
    records: list[dict[str, Any]]
    timings: list[dict[str, Any]]
    config: str

    @property
    def arms(self) -> list[dict[str, Any]]:
        return list(self.results["arms"])

    @property
    def seeds(self) -> list[int]:
        return list(self.results["protocol"]["seeds"])


def read_run(folder: Path) -> Run:
    """The files of a run folder.

    Raises:
        RunFolderError: a file is missing or damaged; the message names it.
    """
    run = RunFolder(folder)
    return Run(
        run.read_results(),
        run.read_lines("records.jsonl"),
        run.read_lines("timings.jsonl"),
        RUN_FILES.read_text(run.config, advice="restore it from a copy"),
    )


def levels(results: dict[str, Any]) -> list[Level]:
    """The bars, and the floor where it is known."""
    levels = [Level(bar["name"], bar["loss"]) for bar in results["bars"]]
    return levels if results["floor"] is None else [*levels, Level(figures.FLOOR, results["floor"])]


def table(lines: list[dict[str, Any]], key: str) -> dict[str, dict[tuple[int, int], float]]:
    """arm → (seed, step) → value, where there is one."""
    table: dict[str, dict[tuple[int, int], float]] = {}
    for line in lines:
        cells = table.setdefault(line["arm"], {})
        if line.get(key) is not None:
            cells[line["seed"], line["step"]] = line[key]
    return table


def curves(run: Run, *, over_seconds: bool = False) -> list[Curve]:
    """One curve per arm at the steps where any of its seeds was evaluated."""
    losses, seconds = table(run.records, "validation_loss"), table(run.timings, "seconds")
    of_arms = []
    for place, arm in enumerate(run.arms):
        name = arm["name"]
        of_arm, clock = losses.get(name, {}), seconds.get(name, {})
        steps = sorted({step for _, step in of_arm}) or [0]
        values = np.array([[of_arm.get((seed, step), np.nan) for step in steps] for seed in run.seeds])
        times = np.array([[clock.get((seed, step), np.nan) for step in steps] for seed in run.seeds])
        x = times.mean(0) if over_seconds else np.array(steps, dtype=float)
        of_arms.append(Curve(name, x, values, place))
    return of_arms


def cost_curves(run: Run, cost: str) -> list[Curve]:
    """Arms that trained from shots, and their exact twins at the same cost: the limit of many shots."""
    spent = table(run.records, cost)
    of_arms = []
    for curve, arm in zip(curves(run), run.arms, strict=True):
        of_twin = [other["name"] for other in run.arms if _is_measured_form(other, arm)]
        counts = spent.get(of_twin[0], {}) if of_twin else {}
        x = np.array(
            [np.mean([counts.get((seed, int(step)), np.nan) for seed in run.seeds]) for step in curve.x]
        )
        if np.isfinite(x).any():
            of_arms.append(replace(curve, x=x))
    return of_arms


def _is_measured_form(measured: dict[str, Any], arm: dict[str, Any]) -> bool:
    """Whether `measured` trains from shots and is this arm, or the same arm exactly."""
    same = all(measured[key] == arm[key] for key in ("head", "metric"))
    return same and measured.get("backend", "exact") != "exact"


def noise_curves(run: Run) -> list[Curve]:
    """Losses of the trained heads of all seeds under noise, where they were asked for."""
    return [
        Curve(arm["name"], np.array(arm["noise"]["probabilities"]), np.array(arm["noise"]["losses"]), place)
        for place, arm in enumerate(run.arms)
        if arm.get("noise")
    ]


def final_rows(run: Run) -> list[Row]:
    return [
        Row(arm["name"], interval(arm["final_loss"]), tuple(arm["final_loss"]["values"]), place)
        for place, arm in enumerate(run.arms)
    ]


def difference_rows(run: Run) -> list[Row]:
    """Rows of the arms that have a difference, with the difference of each seed."""
    reference = next(arm for arm in run.arms if arm["name"] == run.results["reference"])
    theirs = reference["final_loss"]["values"]
    rows = []
    for place, arm in enumerate(run.arms):
        if arm["difference"] is not None:
            pairs = zip(arm["final_loss"]["values"], theirs, strict=True)
            seeds = tuple(None if a is None or b is None else a - b for a, b in pairs)
            rows.append(Row(arm["name"], interval(arm["difference"]), seeds, place))
    return rows


def panels(run: Run) -> list[Spectrum]:
    panels = []
    for place, arm in enumerate(run.arms):
        if arm["spectra"] is not None:
            quantum, classical = (np.array(arm["spectra"][form]) for form in ("quantum", "classical"))
            panels.append(Spectrum(arm["name"], quantum, classical, place))
    return panels


def interval(numbers: dict[str, Any]) -> Interval:
    """An interval as results.json keeps it."""
    return Interval(numbers["mean"], numbers["ci_low"], numbers["ci_high"], numbers["n"])

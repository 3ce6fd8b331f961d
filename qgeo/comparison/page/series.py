"""From a run folder's files to what figures draw: curves, rows, levels, panels.

Where there are replicates, a value, a curve or a dot is the mean of a replicate's final runs: seeds of one
replicate are no independent runs. Arms that are only explored have fewer of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from qgeo.comparison.bars import ALL
from qgeo.comparison.grouped_cost import Circuits, GroupedCost
from qgeo.comparison.page.entries import (
    Entry,
    bar_name,
    confirmatory_first,
    is_confirmatory,
    is_race,
    runs_per_unit,
    seeds_of,
)
from qgeo.comparison.run_folder import RUN_FILES, RunFolder
from qgeo.plot.curves import Curve
from qgeo.plot.damping import DampingCurve
from qgeo.plot.forest import ContrastRow
from qgeo.plot.levels import FLOOR, Level
from qgeo.plot.rows import Row
from qgeo.plot.spectra import Filter, Spectrum
from qgeo.plot.style import Floats
from qgeo.statistics.means import Interval

Cells = dict[tuple[int, int], float]
"""(seed, step) → value."""


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
    def protocol(self) -> dict[str, Any]:
        return dict(self.results["protocol"])

    def seeds(self, arm: dict[str, Any]) -> list[int]:
        """Of an arm's final runs."""
        return seeds_of(arm, self.protocol)


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
    levels = [
        Level(bar_name(bar), bar["loss"], "-" if bar["counted_on"] == ALL else ":") for bar in results["bars"]
    ]
    return levels if results["floor"] is None else [*levels, Level(FLOOR, results["floor"])]


def levels_beside_validation(results: dict[str, Any]) -> list[Level]:
    """The same, for figures of validation losses: bars are losses on test windows, and say so."""
    return [
        level if level.name == FLOOR else replace(level, name=f"{level.name}, test")
        for level in levels(results)
    ]


def table(lines: list[dict[str, Any]], key: str) -> dict[str, Cells]:
    """arm → (seed, step) → value, where there is one."""
    table: dict[str, Cells] = {}
    for line in lines:
        cells = table.setdefault(line["arm"], {})
        if line.get(key) is not None:
            cells[line["seed"], line["step"]] = line[key]
    return table


def curves(run: Run, *, over_seconds: bool = False) -> list[Curve]:
    """One curve per arm, from before its first step where every run has that, over steps or mean seconds."""
    pairs = zip(run.arms, _curves(run, over_seconds=over_seconds), strict=True)
    return [_from_start(run, arm, curve) for arm, curve in pairs]


def _curves(run: Run, *, over_seconds: bool) -> list[Curve]:
    """At the steps where any of an arm's runs was evaluated."""
    losses, seconds = table(run.records, "validation_loss"), table(run.timings, "seconds")
    of_arms = []
    for place, arm in enumerate(run.arms):
        name, seeds = arm["name"], run.seeds(arm)
        steps = sorted({step for _, step in losses.get(name, {})}) or [0]
        values = by_unit(run, _grid(losses.get(name, {}), seeds, steps))
        times = _grid(seconds.get(name, {}), seeds, steps)
        x = times.mean(0) if over_seconds else np.array(steps, dtype=float)
        of_arms.append(Curve(name, x, values, place))
    return of_arms


def _from_start(run: Run, arm: dict[str, Any], curve: Curve) -> Curve:
    """With the loss before the first step, where every run has one."""
    losses = arm.get("start_losses") or [None]
    if None in losses:
        return curve
    start = by_unit(run, np.array(losses))[:, None]
    return replace(curve, x=np.append(0.0, curve.x), losses=np.hstack([start, curve.losses]))


def circuit_curves(run: Run) -> list[Curve]:
    """Quantum arms over the circuits that estimators would send, or have sent, for them."""
    of_arms = []
    for curve, arm in zip(_curves(run, over_seconds=False), run.arms, strict=True):
        counts = _grid(circuits(run, arm), run.seeds(arm), curve.x.astype(int).tolist()).mean(0)
        if (counts > 0).any():
            of_arms.append(replace(curve, x=counts))
    return of_arms


def circuits(run: Run, arm: dict[str, Any]) -> Cells:
    """Grouped circuits of an arm's runs since the start; nothing where they cannot be counted."""
    each = arm["circuits_per_context"]
    if each is None:
        return {}
    gradient, metric = (Circuits(**each[part]) for part in ("gradient", "metric"))
    cost = GroupedCost(gradient, metric, each["line"], each["refresh"])
    mine = (record for record in run.records if record["arm"] == arm["name"])
    return {(record["seed"], record["step"]): cost.of(record) for record in mine}


def shot_curves(run: Run) -> list[Curve]:
    """Arms that trained from shots, and their exact twins at the same cost: the limit of many shots."""
    spent = table(run.records, "shots")
    of_arms = []
    for curve, arm in zip(_curves(run, over_seconds=False), run.arms, strict=True):
        measured = next((other for other in run.arms if _is_measured_form(other, arm)), None)
        if measured is not None:
            counts = _grid(spent.get(measured["name"], {}), run.seeds(measured), curve.x.astype(int).tolist())
            if np.isfinite(counts.mean(0)).any():
                of_arms.append(replace(curve, x=counts.mean(0)))
    return of_arms


def by_unit(run: Run, values: Floats) -> Floats:
    """(units, …) means of the final runs of each replicate, from (runs, …); seeds as they are."""
    return np.asarray(values.reshape(-1, runs_per_unit(run.protocol), *values.shape[1:]).mean(1))


def noise_curves(run: Run) -> list[Curve]:
    """Losses of trained heads under noise, where they were asked for and every run of the arm has them."""
    return [
        Curve(
            arm["name"],
            np.array(arm["noise"]["probabilities"]),
            by_unit(run, np.array(arm["noise"]["losses"])),
            place,
        )
        for place, arm in enumerate(run.arms)
        if arm["noise"] and not arm["diverged"]
    ]


def final_rows(run: Run) -> list[Row]:
    return [
        Row(arm["name"], interval(arm["final_loss"]), tuple(arm["final_loss"]["values"]), place)
        for place, arm in enumerate(run.arms)
    ]


def difference_rows(run: Run) -> list[Row]:
    """Rows of the arms that have a difference, with that of each replicate or seed which both arms have."""
    reference = next(arm for arm in run.arms if arm["name"] == run.results["reference"])
    theirs = reference["final_loss"]["values"]
    rows = []
    for place, arm in enumerate(run.arms):
        if arm["difference"] is not None:
            pairs = zip(arm["final_loss"]["values"], theirs, strict=False)
            gaps = tuple(None if a is None or b is None else a - b for a, b in pairs)
            rows.append(Row(arm["name"], interval(arm["difference"]), gaps, place))
    return rows


def contrasts(run: Run) -> list[ContrastRow]:
    """Rows of the verdicts on the primary endpoint, those that are confirmatory first."""
    return [
        _contrast(run, entry, f"against {entry['reference']}")
        for entry in confirmatory_first(run.results["verdicts"])
        if entry["endpoint"] == run.protocol["primary_endpoint"]
    ]


def race_contrasts(run: Run) -> list[ContrastRow]:
    """Rows of the verdicts on races, step by step, each beside its prediction."""
    races = run.results["race"]
    predicted = {(race["arm"], f"race at step {race['step']}"): race["predicted"] for race in races}
    return [
        replace(_contrast(run, entry, entry["endpoint"]), nothing=1.0, predicted=predicted[key])
        for entry in filter(is_race, run.results["verdicts"])
        if (key := (entry["arm"], entry["endpoint"])) in predicted
    ]


def _contrast(run: Run, entry: Entry, under: str) -> ContrastRow:
    places = {arm["name"]: place for place, arm in enumerate(run.arms)}
    return ContrastRow(
        entry["arm"],
        under,
        _interval_of(entry, "ci95"),
        _interval_of(entry, "ci90"),
        entry["margin"],
        places[entry["arm"]],
        "confirmatory" if is_confirmatory(entry) else "exploratory",
    )


def panels(run: Run) -> list[Spectrum]:
    panels = []
    for place, arm in enumerate(run.arms):
        if arm["spectra"] is not None:
            quantum, classical = (np.array(arm["spectra"][form]) for form in ("quantum", "classical"))
            panels.append(Spectrum(arm["name"], quantum, classical, place))
    return panels


def filters(run: Run) -> list[Filter]:
    """What the readout of each quantum arm keeps; behind a readout that is no measurement there is none."""
    return [
        Filter(arm["name"], np.array(arm["spectra"]["filter"]["kept"]), place)
        for place, arm in enumerate(run.arms)
        if arm["spectra"] is not None and arm["spectra"].get("filter") is not None
    ]


def damping_curves(run: Run) -> list[DampingCurve]:
    """Arms that were tried with several dampings, at each the least loss over the KL tried with it."""
    of_arms = []
    for place, arm in enumerate(run.arms):
        tried: dict[float, list[float]] = {}
        for trial in arm["trials"]:
            if "damping" in trial["setting"]:
                loss = np.nan if trial["loss"] is None else trial["loss"]
                tried.setdefault(trial["setting"]["damping"], []).append(loss)
        if len(tried) > 1:
            dampings = sorted(tried)
            least = [float(np.nanmin([*tried[each], np.inf])) for each in dampings]
            losses = np.where(np.isfinite(least), least, np.nan)
            of_arms.append(DampingCurve(arm["name"], np.array(dampings), losses, place))
    return of_arms


def interval(numbers: dict[str, Any]) -> Interval:
    """An interval as results.json keeps it."""
    return Interval(numbers["mean"], numbers["ci_low"], numbers["ci_high"], numbers["n"])


def _interval_of(verdict: Entry, level: str) -> Interval:
    low, high = verdict[level] or (None, None)
    return Interval(verdict["estimate"], low, high, verdict["replicates"])


def _grid(cells: Cells, seeds: list[int], steps: list[int]) -> Floats:
    """(seeds, steps), NaN where there is no value."""
    return np.array([[cells.get((seed, step), np.nan) for step in steps] for seed in seeds])


def _is_measured_form(measured: dict[str, Any], arm: dict[str, Any]) -> bool:
    """Whether `measured` trains from shots and is this arm, or the same arm exactly."""
    same = all(measured[key] == arm[key] for key in ("head", "metric", "settings"))
    return same and bool(measured["shots"])

"""Pools of recorded runs, from which a comparison is repeated hundreds of times without training.

A pool is a comparison with more seeds than one takes: D data draws, the replicates of its
configuration; on each of them T tuning seeds, with all trials of every arm; and F final seeds of every
setting that any of these T seeds chooses. Everything is trained as a comparison trains it. What is kept of a
run is one number, of six digits:

    trial   validation loss            final run   excess of a source, test loss of a text

so that `ends[r, t, s]` is what final seed s leaves on data draw r with the setting that tuning seed t chose.
Seeds are those of `replicates.py`: none is in two roles, none on two data draws.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from qgeo.comparison.arms import Arm, arms_of
from qgeo.comparison.inputs import build_task
from qgeo.comparison.replicates import data_of, final_seeds, tuning_seeds
from qgeo.comparison.sections import Configuration
from qgeo.comparison.setting import Setting, best
from qgeo.comparison.training import RunSettings, TrainedRun, final_windows, mean_loss, train
from qgeo.comparison.trials import trials
from qgeo.environment import environment
from qgeo.statistics.means import Floats
from qgeo.tasks.task import Task

FOLDER = Path(__file__).parents[2] / "results" / "planted"

ArmRecord = dict[str, Any]
"""Of an arm on one data draw: "losses", a row of its trials' losses per tuning seed, and "ends", by the label
of a setting what its final seeds left; None for a run that diverged."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Recorded runs; ends: by arm, (D, T, F), NaN for a run that diverged."""

    configuration: Configuration
    ends: Mapping[str, Floats]


def read_pool(name: str) -> Pool:
    """A pool that was recorded."""
    content = json.loads(path_of(name).read_text(encoding="utf-8"))
    configuration = Configuration.model_validate(content["configuration"])
    draws: list[dict[str, ArmRecord]] = content["draws"]
    ends = {
        arm.name: np.array([_ends(configuration, arm, draw[arm.name]) for draw in draws], dtype=float)
        for arm in arms_of(configuration)
    }
    return Pool(configuration, ends)


def record(name: str, configuration: Configuration, progress: Callable[[int, int], None]) -> None:
    """Train what the pool does not have yet; its file is written after every data draw.

    Raises:
        ValueError: the file there was recorded with another configuration.
    """
    task, count = build_task(configuration.task), configuration.protocol.replicates or 1
    draws = _recorded(path_of(name), configuration)
    for replicate in range(len(draws), count):
        data = data_of(configuration, task, replicate)
        arms = arms_of(configuration)
        draws.append({arm.name: _record_arm(configuration, data, arm, replicate) for arm in arms})
        _write(path_of(name), configuration, draws)
        progress(replicate + 1, count)


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.json"


def final_run(
    configuration: Configuration, data: Task, arm: Arm, setting: Setting, seed: int
) -> float | None:
    """What a final run leaves: its excess over a source, its test loss on a text; None where it diverged."""
    run = train(data, configuration, RunSettings(arm, setting), seed)
    return None if run.diverged else _digits(_end(run, data, configuration))


def _record_arm(configuration: Configuration, data: Task, arm: Arm, replicate: int) -> ArmRecord:
    settings = trials(arm, configuration.tuning)
    losses = [
        [_trial(configuration, data, RunSettings(arm, setting), seed) for setting in settings]
        for seed in tuning_seeds(configuration, replicate)
    ]
    chosen = dict.fromkeys(best(dict(zip(settings, row, strict=True))) for row in losses)
    seeds = final_seeds(configuration, replicate)
    ends = {
        setting.label: [final_run(configuration, data, arm, setting, seed) for seed in seeds]
        for setting in chosen
    }
    return {"losses": losses, "ends": ends}


def _trial(configuration: Configuration, data: Task, settings: RunSettings, seed: int) -> float | None:
    return _digits(train(data, configuration, settings, seed).validation_loss)


def _end(run: TrainedRun, data: Task, configuration: Configuration) -> float:
    if data.exact is not None:
        return data.exact_excess(run.head)
    return mean_loss(run.head, final_windows(data, configuration.training.test_windows))


def _digits(value: float | None) -> float | None:
    """Choices are made from what is written, so that a reader makes the same."""
    return None if value is None or not isfinite(value) else float(f"{value:.6g}")


def _ends(configuration: Configuration, arm: Arm, kept: ArmRecord) -> list[Sequence[float | None]]:
    """(T, F): per tuning seed what the final seeds of its choice left."""
    settings = trials(arm, configuration.tuning)
    chosen = (best(dict(zip(settings, row, strict=True))) for row in kept["losses"])
    return [kept["ends"][setting.label] for setting in chosen]


def _recorded(path: Path, configuration: Configuration) -> list[dict[str, ArmRecord]]:
    if not path.exists():
        return []
    content = json.loads(path.read_text(encoding="utf-8"))
    if Configuration.model_validate(content["configuration"]) != configuration:
        raise ValueError(f"expected {path} to have this configuration, got another; remove it to record anew")
    draws: list[dict[str, ArmRecord]] = content["draws"]
    return draws


def _write(path: Path, configuration: Configuration, draws: Sequence[Mapping[str, ArmRecord]]) -> None:
    """A line per data draw; by a rename, so that a reader never sees half a file."""
    head = {"configuration": configuration.model_dump(mode="json"), "environment": environment()}
    lines = ",\n".join(json.dumps(draw, separators=(",", ":")) for draw in draws)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(head, indent=1)[:-2] + f',\n "draws": [\n{lines}\n]}}\n', encoding="utf-8")
    draft.replace(path)

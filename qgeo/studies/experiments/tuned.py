"""What an arm comes to in a replicate, when a search as large as everybody's has tuned it.

    trials on the replicate's tuning seed → choice by validation → final runs → mean test loss, mean excess

The protocol is that of comparisons, without a run folder: a replicate of an arm is one piece of work.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from json import dumps, loads
from typing import Any

import numpy as np

from qgeo.comparison.arms import Arm, arm_by_name
from qgeo.comparison.config import parse_configuration
from qgeo.comparison.execution import evaluated_once, excess, test_loss
from qgeo.comparison.inputs import build_task
from qgeo.comparison.replicates import data_of, final_seeds, tuning_seeds
from qgeo.comparison.sections import Configuration
from qgeo.comparison.setting import Setting, best, is_at_edge
from qgeo.comparison.training import RunSettings, TrainedRun, train
from qgeo.comparison.trials import trials
from qgeo.studies.study import Row
from qgeo.tasks.task import Task


def tuned_value(settings: dict[str, Any], arm: str, replicate: int) -> Row:
    """The arm's mean over final runs of what its trials chose.

    Args:
        settings: of a comparison, as its file has them, with `protocol.replicates`; arm: one of its names.

    Returns:
        test_loss, excess: nats per token, None where a run diverged (an excess of texts, too); setting: what
        was chosen; edge: whether it lies at an edge of what was tried.
    """
    runs = tuned_runs(settings, arm, replicate)
    configuration = configured(settings)[0]
    return {
        "test_loss": mean_of([test_loss(run, runs.data, configuration) for run in runs.finals]),
        "excess": mean_of([excess(run, runs.data) for run in runs.finals]),
        "setting": runs.setting.values,
        "edge": runs.is_at_edge,
    }


@dataclass(frozen=True, eq=False)
class TunedRuns:
    """What a replicate of an arm chose, whether at an edge of what was tried, and its final runs."""

    data: Task
    setting: Setting
    is_at_edge: bool
    finals: tuple[TrainedRun, ...]


def tuned_runs(settings: dict[str, Any], arm: str, replicate: int) -> TunedRuns:
    """Trials, choice and final runs. Arguments: see `tuned_value`."""
    configuration, task = configured(settings)
    chosen_arm = arm_by_name(configuration, arm)
    data = data_of(configuration, task, replicate)
    setting = chosen(configuration, chosen_arm, data, replicate)
    finals = tuple(
        train(data, configuration, RunSettings(chosen_arm, setting), seed)
        for seed in final_seeds(configuration, replicate)
    )
    return TunedRuns(data, setting, is_at_edge(setting, trials(chosen_arm, configuration.tuning)), finals)


def chosen(configuration: Configuration, arm: Arm, data: Task, replicate: int) -> Setting:
    """The trial of the lowest validation loss, mean over the replicate's tuning seeds."""
    once = evaluated_once(configuration)
    tried = {
        setting: mean_of(
            [
                train(data, once, RunSettings(arm, setting), seed).validation_loss
                for seed in tuning_seeds(configuration, replicate)
            ]
        )
        for setting in trials(arm, configuration.tuning)
    }
    return best(tried)


def configured(settings: dict[str, Any]) -> tuple[Configuration, Task]:
    """Configuration and task, made once per process."""
    return _configured(dumps(settings, sort_keys=True))


@lru_cache(maxsize=8)
def _configured(settings: str) -> tuple[Configuration, Task]:
    configuration = parse_configuration(loads(settings))
    return configuration, build_task(configuration.task)


def mean_of(values: list[float | None]) -> float | None:
    """None where one is None."""
    finite = [value for value in values if value is not None]
    return float(np.mean(finite)) if len(finite) == len(values) else None

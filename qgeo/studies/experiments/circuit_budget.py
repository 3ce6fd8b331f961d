"""Steps that an arm can pay for: circuits as estimators send them, and as published formulae count them.

    grouped    distinct contexts × (gradient + metric, where taken + evaluations for a step's length), dry run
    naive      all contexts × (1 + Σ_r 2 s_r + pairs of rotations, where taken + evaluations)

A pilot of a few steps says how many distinct contexts a batch has and how many evaluations a length takes;
the rest is counted (`comparison/grouped_cost.py`, `comparison/cost.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from qgeo.comparison.arms import Arm
from qgeo.comparison.grouped_cost import GroupedCost, grouped_cost
from qgeo.comparison.replicates import data_of
from qgeo.comparison.sections import Configuration
from qgeo.comparison.setting import Setting
from qgeo.comparison.training import RunSettings, refreshes, train
from qgeo.errors import ConfigurationError
from qgeo.tasks.task import Task

PILOT_STEPS = 8

Spending = Callable[[int], float]
"""From a number of steps to circuits."""


def naive_circuits(record: Mapping[str, Any]) -> int:
    """Of a training up to a step, from its record, as published formulae count them."""
    return sum(int(record[f"{part}_evaluations"]) for part in ("gradient", "metric", "line"))


@dataclass(frozen=True)
class Rate:
    """What a step costs, from a pilot that took the metric once: all but the metric by the step."""

    grouped: GroupedCost
    contexts: float
    line_contexts: float
    naive_step: float
    naive_metric: float

    @classmethod
    def of(cls, configuration: Configuration, task: Task, arm: Arm) -> Rate:
        """
        Raises:
            ConfigurationError: the arm's metric cannot be had from shots.
        """
        grouped = grouped_cost(configuration, task, arm)
        if grouped is None:
            raise ConfigurationError(f"expected an arm that can train from shots, got {arm.name}")
        last = _pilot(configuration, task, arm)
        by_step = int(last["gradient_evaluations"]) + int(last["line_evaluations"])
        return cls(
            grouped,
            last["gradient_contexts"] / PILOT_STEPS,
            last["line_contexts"] / PILOT_STEPS,
            by_step / PILOT_STEPS,
            last["metric_evaluations"] / refreshes(PILOT_STEPS, grouped.refresh),
        )

    def grouped_circuits(self, steps: int) -> float:
        """Expected of so many steps."""
        metrics = refreshes(steps, self.grouped.refresh)
        return self.grouped.of(
            {
                "step": steps,
                "gradient_contexts": self.contexts * steps,
                "metric_contexts": self.contexts * metrics,
                "line_contexts": self.line_contexts * steps,
            }
        )

    def naive_circuits(self, steps: int) -> float:
        """As published formulae count them."""
        return self.naive_step * steps + self.naive_metric * refreshes(steps, self.grouped.refresh)


def affordable(spending: Spending, budget: float) -> int:
    """The most steps that cost no more than a budget, at least one.

    >>> affordable(lambda steps: 10 + 3 * steps, 25)
    5
    """
    return next(steps for steps in count(1) if spending(steps + 1) > budget)


def _pilot(configuration: Configuration, task: Task, arm: Arm) -> Mapping[str, Any]:
    """The last record of a few steps of medium length."""
    few = configuration.training.model_copy(update={"steps": PILOT_STEPS, "evaluate_every": PILOT_STEPS})
    setting = Setting(kl=0.1, damping=0.1) if arm.steps_by_kl else Setting(lr=0.1)
    short = configuration.model_copy(update={"training": few})
    return train(data_of(configuration, task, 0), short, RunSettings(arm, setting), 0).records[-1]

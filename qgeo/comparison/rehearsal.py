"""What a comparison would take, before it starts: its runs, their memory, and their time from a few steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qgeo.comparison.arms import Arm, arms_of, count_parameters
from qgeo.comparison.inputs import task_ahead
from qgeo.comparison.jobs import final_jobs, tuning_jobs
from qgeo.comparison.memory import check_memory, run_bytes
from qgeo.comparison.replicates import TUNING_SEED, replicates_of
from qgeo.comparison.sections import Configuration
from qgeo.comparison.training import RunSettings, train
from qgeo.comparison.trials import trials
from qgeo.tasks.task import Task

_LONGEST_PERIOD = 10
"""Steps, chosen: a metric that is kept for longer is timed over so many."""


@dataclass(frozen=True)
class ArmRehearsal:
    """An arm: trainable parameters, runs (tuning and final), seconds of a step, bytes that a run holds.

    seconds is None where jobs are paid for: `qgeo hardware plan --config` says what those take.
    """

    name: str
    parameters: int
    runs: int
    seconds: float | None
    bytes: int


@dataclass(frozen=True)
class Rehearsal:
    """All arms; steps of a run; processes at once."""

    arms: tuple[ArmRehearsal, ...]
    steps: int
    workers: int

    @property
    def runs(self) -> int:
        return sum(arm.runs for arm in self.arms)

    @property
    def seconds(self) -> float:
        """Of all training steps, shared by the workers; a trunk's, validation and the report come on top."""
        return self.steps * sum(arm.runs * (arm.seconds or 0.0) for arm in self.arms) / self.workers

    @property
    def bytes(self) -> int:
        """Of as many runs of the largest arm as there are workers."""
        return self.workers * max(arm.bytes for arm in self.arms)


def rehearse(configuration: Configuration, workers: int) -> Rehearsal:
    """Look at every arm of a comparison, and train it for a few steps; nothing is written or posted.

    Raises:
        ConfigurationError, TaskError: what `compare` would raise before its first run.
    """
    task, arms = task_ahead(configuration), arms_of(configuration)
    check_memory(configuration, arms, task)
    first = {
        arm: (trials(arm, configuration.tuning)[0],) * len(replicates_of(configuration, arm, arms))
        for arm in arms
    }
    jobs = [*tuning_jobs(configuration, arms), *final_jobs(configuration, first)]
    ran = list(dict.fromkeys(job.arm for job in jobs))
    runs = [sum(job.arm == arm for job in jobs) for arm in ran]
    rehearsed = (_rehearsed(configuration, task, arm, count) for arm, count in zip(ran, runs, strict=True))
    return Rehearsal(tuple(rehearsed), configuration.training.steps, workers)


def _rehearsed(configuration: Configuration, task: Task, arm: Arm, runs: int) -> ArmRehearsal:
    is_paid = arm.is_measured and configuration.backend.max_seconds is not None
    seconds = None if is_paid else _seconds_of_a_step(configuration, task, arm)
    parameters = count_parameters(configuration, task, arm)
    return ArmRehearsal(arm.name, parameters, runs, seconds, run_bytes(configuration, arm, task))


def _seconds_of_a_step(configuration: Configuration, task: Task, arm: Arm) -> float:
    """Mean over two periods of the metric, after a first step that warms up."""
    steps = 1 + 2 * min(arm.training(configuration.training).refresh, _LONGEST_PERIOD)
    few = {"steps": steps, "evaluate_every": steps, "validation_windows": 1}
    short = configuration.model_copy(update={"training": configuration.training.model_copy(update=few)})
    settings = RunSettings(arm, trials(arm, configuration.tuning)[0])
    clock: Sequence[float] = train(task, short, settings, TUNING_SEED).seconds
    return (clock[-1] - clock[0]) / max(1, len(clock) - 1)

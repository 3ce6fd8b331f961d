"""What a comparison on a device will run and cost, counted before it starts.

    arm       Σ over the kinds of its steps:  number of steps × jobs of the calls of such a step
    seconds   by the formula of `backends/cost.py`, over every circuit as the device will run it

All final runs of all arms that train there are in it: every distinct context of every batch, every metric,
every calibration. Tuning and evaluation are simulated and cost nothing there. It is what is posted, to the
job and the execution; a run that diverges ends early and costs less.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

from qgeo.backends.device import Device
from qgeo.backends.mitigated_work import Mitigation
from qgeo.backends.plan import Judged, Plan, Total
from qgeo.comparison.arms import arms_of
from qgeo.comparison.sections import BackendSection, Configuration, TrainingSection
from qgeo.comparison.step_calls import StepCalls, StepKind, count_steps, numbered_contexts, step_calls
from qgeo.errors import ConfigurationError
from qgeo.tasks.task import Task


@dataclass(frozen=True)
class TrainingPlan:
    """Plans by arm, on a device."""

    device: str
    arms: tuple[Plan, ...]

    @property
    def seconds(self) -> float:
        """QPU seconds of all arms."""
        return sum(plan.seconds for plan in self.arms)

    @property
    def jobs(self) -> int:
        return sum(plan.jobs for plan in self.arms)

    @property
    def executions(self) -> int:
        return sum(plan.shots for plan in self.arms)

    def as_dict(self) -> dict[str, Any]:
        return {"jobs": self.jobs, "executions": self.executions, "seconds": self.seconds}


class TrainingCosts:
    """What trainings of one configuration cost, whatever their shots, batch, refresh and steps.

    Circuits are noted and transpiled once; they depend on heads and metrics alone.

    Raises:
        ConfigurationError: no arm trains on a device.
        CircuitError: circuits that do not fit it.
    """

    def __init__(self, configuration: Configuration, task: Task, device: Device) -> None:
        self._contexts, self._device = numbered_contexts(task.train), device.name
        arms = [arm for arm in arms_of(configuration) if arm.is_measured]
        if not arms:
            raise ConfigurationError(
                "expected an arm that trains on a device, got none; let [backend] name one"
            )
        self._arms = {arm.name: arm for arm in arms}
        self._calls = {arm.name: step_calls(configuration, task, arm) for arm in arms}
        mitigation = Mitigation(readout=configuration.backend.mitigate_readout)
        self._judged = {
            name: Judged(calls.circuits(), device.pass_manager, mitigation, device.limits)
            for name, calls in self._calls.items()
        }

    @property
    def has_metrics(self) -> bool:
        """Whether any metric has circuits of its own."""
        return any(calls.metric for calls in self._calls.values())

    def plan(self, training: TrainingSection, backend: BackendSection) -> TrainingPlan:
        """All final runs with these settings."""
        seeds = range(training.seeds)
        steps = {
            name: reduce(add, (self._steps(name, training, seed) for seed in seeds)) for name in self._arms
        }
        return TrainingPlan(self._device, tuple(self._plan(*of_arm, backend) for of_arm in steps.items()))

    def run(self, name: str, seed: int, training: TrainingSection, backend: BackendSection) -> Plan:
        """One final run of an arm."""
        return self._plan(name, self._steps(name, training, seed), backend)

    def _plan(self, name: str, steps: Counter[StepKind], backend: BackendSection) -> Plan:
        calls, judged = self._calls[name], self._judged[name]
        kinds = (_of_step(calls, step, judged, backend).times(number) for step, number in steps.items())
        return judged.plan(name, reduce(add, kinds, Total()))

    def _steps(self, name: str, training: TrainingSection, seed: int) -> Counter[StepKind]:
        arm = self._arms[name]
        return count_steps(arm.training(training), self._contexts, arm.seed(seed))


def training_plan(configuration: Configuration, task: Task, device: Device) -> TrainingPlan:
    """The plan of a configuration as it is; see `TrainingCosts`."""
    return TrainingCosts(configuration, task, device).plan(configuration.training, configuration.backend)


def _of_step(calls: StepCalls, step: StepKind, judged: Judged, backend: BackendSection) -> Total:
    wanted = calls.of(step, backend.shots, backend.metric_shots or backend.shots)
    return reduce(add, map(judged.total, wanted), Total())

"""What a minimization on a device will run and cost, known before anything is posted.

    seconds of n steps  =  n · (energy + gradient + metric)  +  (energy + gradient at the last point)

Every point asks for the same circuits at other angles, so that one step, carried out on a sampler that only
notes, tells of all; the calls are divided into jobs by the code that will divide them (`backends/plan.py`).
It is what is posted, to the job and the execution, unless the gradient falls below the tolerance before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

from qgeo.backends.device import Device
from qgeo.backends.ledger import Ledger
from qgeo.backends.plan import Call, Judged, Plan, Total
from qgeo.backends.spending import Spending, fits
from qgeo.comparison.outlook import Outlook, check_ahead, is_there, written
from qgeo.comparison.training_plan import TrainingPlan
from qgeo.errors import QGeoError
from qgeo.estimators.dry_run import DryRun, distinct_circuits
from qgeo.vqe.minimization import Minimization, Problem
from qgeo.vqe.settings import METHODS, VqeSettings


@dataclass(frozen=True, eq=False)
class MinimizationPlan:
    """Of a method on a device.

    Attributes:
        name: of the method; steps: how many of them; step: a step's jobs; last: those of the last point.
        judged: its circuits, transpiled.
    """

    name: str
    steps: int
    step: Total
    last: Total
    judged: Judged

    @property
    def whole(self) -> Plan:
        """All steps and the last point."""
        return self.judged.plan(self.name, self.step.times(self.steps) + self.last)

    def steps_within(self, seconds: float) -> int:
        """How many steps take at most so many QPU seconds; 0 too where not even the first energy fits."""
        if not fits(self.last.seconds + self.step.seconds, seconds):
            return 0
        return int((seconds - self.last.seconds) / self.step.seconds + 1e-9)


def minimization_plan(problem: Problem, settings: VqeSettings, device: Device) -> MinimizationPlan:
    """
    Args:
        settings: with a device as their backend.

    Raises:
        CircuitError: gates without a shift rule, too many qubits, or circuits that do not fit the device.
    """
    step, last = _noted(problem, settings)
    judged = Judged(distinct_circuits([*step, *last]), device.pass_manager, limits=device.limits)
    return MinimizationPlan(
        settings.method, settings.steps, _total(judged, step), _total(judged, last), judged
    )


def outlook(problem: Problem, settings: VqeSettings, device: Device) -> tuple[MinimizationPlan, Outlook]:
    """Of a new minimization, beside its budget."""
    plan = minimization_plan(problem, settings, device)
    return plan, Outlook(_of_one(plan, device), 0.0, plan.whole.seconds, settings.max_seconds or 0.0)


def outlook_of_ledger(
    problem: Problem, settings: VqeSettings, device: Device, budget: float, folder: Path
) -> Outlook | None:
    """Of a minimization that is gone on with; None where all its jobs are written, or the device cannot be
    had: what lies on disk needs none.

    Args:
        folder: of the ledger; budget: from now on.
    """
    if not is_there(device):
        return None
    plan = minimization_plan(problem, settings, device)
    whole, on_disk = plan.whole.seconds, written(Ledger(folder))
    if fits(whole, on_disk):
        return None
    return Outlook(_of_one(plan, device), Spending(folder).seconds(), whole - on_disk, budget)


def alternatives(problem: Problem, settings: VqeSettings, device: Device) -> Iterator[MinimizationPlan | str]:
    """The plan of every method with the same steps and shots, or why there is none."""
    for method in METHODS:
        try:
            yield minimization_plan(problem, settings.model_copy(update={"method": method}), device)
        except QGeoError as error:
            yield f"{method}: {error}"


def check_new(plan: MinimizationPlan, ahead: Outlook, partial: bool) -> None:
    """
    Raises:
        HardwareError: the budget of a new minimization is too small for its steps, and no part was asked for.
    """
    few = plan.steps_within(ahead.budget)
    fewer = f"--steps {few} fits" if few else "not even one step fits"
    advice = (
        f"{fewer}; raise --max-seconds, ask for fewer --steps, fewer --shots or a cheaper --metric "
        "(--dry-run compares them), or spend it on a part of the steps with --partial"
    )
    check_ahead(ahead, partial, f"{plan.steps:,} steps take", advice)


def check_resumed(ahead: Outlook, partial: bool) -> None:
    """
    Raises:
        HardwareError: the budget is too small to finish, and no part was asked for.
    """
    advice = "raise --max-seconds, or spend it on a part of the steps with --partial"
    check_ahead(ahead, partial, "all steps take", advice)


def _noted(problem: Problem, settings: VqeSettings) -> tuple[list[Call], list[Call]]:
    """The calls of a point with a step, and those of the last one."""
    dry = DryRun()
    few = settings.model_copy(update={"steps": 1, "tolerance": 0.0})
    minimization = Minimization(problem, few, ledger=dry)
    minimization.advance()
    with_step = len(dry.calls)
    minimization.advance()
    return [*dry.calls[:with_step]], [*dry.calls[with_step:]]


def _total(judged: Judged, calls: Sequence[Call]) -> Total:
    return reduce(add, map(judged.total, calls), Total())


def _of_one(plan: MinimizationPlan, device: Device) -> TrainingPlan:
    return TrainingPlan(device.name, (plan.whole,))

"""Whether a comparison on a device can finish within its budget, asked before anything is posted.

    outlook    spent (charges, else estimates, of all jobs on disk) + Σ over unfinished runs (plan − written)

A comparison that would stop in its middle for lack of seconds is refused, unless a part of it is wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from qgeo.backends.device import Device
from qgeo.backends.ledger import Ledger
from qgeo.backends.spending import Spending, fits
from qgeo.comparison.arms import arms_of
from qgeo.comparison.jobs import final_key
from qgeo.comparison.run_folder import RunFolder
from qgeo.comparison.sections import Configuration
from qgeo.comparison.training_plan import TrainingCosts, TrainingPlan, training_plan
from qgeo.errors import HardwareError, QGeoError
from qgeo.tasks.task import Task


@dataclass(frozen=True)
class Outlook:
    """What a comparison will have taken when it is finished, beside its budget, all in QPU seconds.

    plan: of all runs; spent: on disk already; left: of unfinished runs.
    """

    plan: TrainingPlan
    spent: float
    left: float
    budget: float

    @property
    def total(self) -> float:
        return self.spent + self.left


Look = Callable[[Outlook], None]
"""Told the outlook before it is held against the budget."""


def outlook(configuration: Configuration, task: Task, device: Device, budget: float) -> Outlook | None:
    """Of a new comparison; None where no arm trains on the device."""
    if not _measured(configuration):
        return None
    plan = training_plan(configuration, task, device)
    return Outlook(plan, 0.0, plan.seconds, budget)


def outlook_of_folder(
    configuration: Configuration, task: Task, device: Device, budget: float, folder: RunFolder
) -> Outlook | None:
    """Of a comparison that is gone on with; None where nothing is left to train on the device.

    Nor is there one where the device cannot be had: what lies on disk needs none, and nothing is posted then.
    """
    unfinished = {
        name: [seed for seed in range(configuration.training.seeds) if not _is_done(folder, name, seed)]
        for name in _measured(configuration)
    }
    if not any(unfinished.values()) or not is_there(device):
        return None
    costs, training, backend = (
        TrainingCosts(configuration, task, device),
        configuration.training,
        configuration.backend,
    )
    left = 0.0
    for name, seed in ((name, seed) for name, seeds in unfinished.items() for seed in seeds):
        on_disk = written(Ledger(folder.ledgers / final_key(name, seed)))
        left += max(0.0, costs.run(name, seed, training, backend).seconds - on_disk)
    return Outlook(costs.plan(training, backend), Spending(folder.ledgers).seconds(), left, budget)


def check_outlook(ahead: Outlook, partial: bool) -> None:
    """
    Raises:
        HardwareError: the budget is too small to finish, and no part was asked for.
    """
    advice = (
        f"raise --max-seconds, lower the training to what fits (qgeo hardware plan --config FILE --fit "
        f"{ahead.budget:g}), or spend it on a part of the comparison with --partial"
    )
    check_ahead(ahead, partial, "this comparison takes", advice)


def check_ahead(ahead: Outlook, partial: bool, subject: str, advice: str) -> None:
    """
    Args:
        subject: what takes the seconds, with its verb; advice: what to do where they are too many.

    Raises:
        HardwareError: the budget is too small to finish, and no part was asked for.
    """
    if partial or fits(ahead.total, ahead.budget):
        return
    raise HardwareError(
        f"expected at most {ahead.budget:g} QPU seconds, {subject} about {ceil(ahead.total):,} "
        f"on {ahead.plan.device}; {advice}"
    )


def _measured(configuration: Configuration) -> list[str]:
    return [arm.name for arm in arms_of(configuration) if arm.is_measured]


def _is_done(folder: RunFolder, arm: str, seed: int) -> bool:
    return folder.part(final_key(arm, seed)).exists()


def is_there(device: Device) -> bool:
    """Whether the device can be had now."""
    try:
        return device.backend is not None
    except QGeoError:
        return False


def written(ledger: Ledger) -> float:
    """Estimates of the jobs that a ledger has on disk."""
    numbers = range(ledger.count()) if ledger.exists else ()
    return sum(ledger.job(number).entry().seconds for number in numbers)

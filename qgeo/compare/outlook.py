"""Whether a comparison on a device can finish within its budget, asked before anything is posted.

    outlook    spent (charges, else estimates, of all jobs on disk) + Σ over unfinished runs (plan − written)

A comparison that would stop in its middle for lack of seconds is refused, unless a part of it is wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from qgeo.backends.device import Device
from qgeo.backends.ledger import Ledger
from qgeo.backends.spending import Spending, fits
from qgeo.compare.arms import parse_arm
from qgeo.compare.config import Configuration
from qgeo.compare.run_folder import RunFolder
from qgeo.compare.schedule import final_key
from qgeo.compare.training_plan import TrainingCosts, TrainingPlan
from qgeo.errors import HardwareError
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


def outlook(
    configuration: Configuration, task: Task, where: Device, budget: float, folder: RunFolder | None = None
) -> Outlook | None:
    """Of a new comparison, or of one in a run folder; None where no arm trains on the device."""
    names = [name for name in configuration.arms.names if parse_arm(name).is_measured]
    if not names:
        return None
    costs, training, backend = (
        TrainingCosts(configuration, task, where),
        configuration.training,
        configuration.backend,
    )
    plan = costs.plan(training, backend)
    if folder is None:
        return Outlook(plan, 0.0, plan.seconds, budget)
    left = 0.0
    for name in names:
        for seed in range(training.seeds):
            key = final_key(name, seed)
            if not folder.part(key).exists():
                planned = costs.arm_plan(name, training, backend, [seed]).seconds
                left += max(0.0, planned - _written(folder.ledgers / key))
    return Outlook(plan, Spending(folder.ledgers).seconds(), left, budget)


def check_outlook(found: Outlook, partial: bool) -> None:
    """
    Raises:
        HardwareError: the budget is too small to finish, and no part was asked for.
    """
    if partial or fits(found.total, found.budget):
        return
    raise HardwareError(
        f"expected at most {found.budget:g} QPU seconds, this comparison takes about {ceil(found.total):,} "
        f"on {found.plan.device}; raise --max-seconds, lower the training to what fits (qgeo hardware plan "
        f"--config FILE --fit {found.budget:g}), or spend it on a part of the comparison with --partial"
    )


def _written(ledger: Path) -> float:
    """Estimates of the jobs that a run has on disk."""
    known = Ledger(ledger)
    if not known.exists:
        return 0.0
    return sum(known.entry(number).seconds for number in range(known.count()))

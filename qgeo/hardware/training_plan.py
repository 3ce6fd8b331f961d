"""What training on a device would cost: a few steps carried out dry, then counted up.

Each measured arm runs `DRY_STEPS` steps on a sampler that answers with zeros; a run costs `steps` times the
mean of those, a comparison all tuning trials and final runs of all its measured arms.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from qgeo.backends.device import Device
from qgeo.backends.ledger_sampler import Untouched
from qgeo.backends.mitigated_work import Mitigation
from qgeo.compare.arms import Arm, build_head, build_optimizer, parse_arm
from qgeo.compare.config import Configuration
from qgeo.compare.inputs import build_task
from qgeo.errors import ConfigurationError
from qgeo.estimators.execution import Executor
from qgeo.hardware.plan import Plan, planned
from qgeo.heads.measured import MeasuredHead
from qgeo.optim.natural_gradient import NaturalGradient
from qgeo.tasks.task import Task
from qgeo.tasks.windows import batches

DRY_STEPS = 3


def training_plans(configuration: Configuration, where: Device) -> list[Plan]:
    """A plan per measured arm: all of its tuning trials and final runs.

    Raises:
        ConfigurationError: no arm trains on a device.
    """
    arms = [arm for arm in map(parse_arm, configuration.arms.names) if arm.is_measured]
    if not arms:
        raise ConfigurationError(
            "expected a configuration whose [backend] name is a device, so that arms train there; got none"
        )
    task = build_task(configuration.task)
    return [_arm_plan(configuration, task, arm, where) for arm in arms]


def runs(configuration: Configuration) -> int:
    """Tuning trials and final runs of one arm."""
    tuning = configuration.tuning
    return len(tuning.lr) * tuning.seeds + configuration.training.seeds


def _arm_plan(configuration: Configuration, task: Task, arm: Arm, where: Device) -> Plan:
    few = planned(
        arm.name,
        lambda sampler: _dry_steps(configuration, task, arm, sampler),
        where.pass_manager,
        None,
        Mitigation(readout=configuration.backend.mitigate_readout),
    )
    factor = configuration.training.steps * runs(configuration) / DRY_STEPS
    return replace(
        few,
        jobs=round(few.jobs * factor),
        circuits=round(few.circuits * factor),
        shots=round(few.shots * factor),
        seconds=few.seconds * factor,
    )


def _dry_steps(configuration: Configuration, task: Task, arm: Arm, sampler: Any) -> None:
    head = build_head(arm.head, task.vocabulary_size, task.context, configuration.heads, 0)
    executor = Executor(sampler, pass_manager=Untouched())
    measured = MeasuredHead(head, executor, shots=configuration.backend.shots)  # type: ignore[arg-type]
    optimizer = build_optimizer(arm, measured, 1e-3, 1.0, trust_region=configuration.training.trust_region)
    generator = torch.Generator().manual_seed(0)
    for batch in batches(task.train, configuration.training.batch, DRY_STEPS, generator):
        optimizer.zero_grad()
        torch.nn.functional.nll_loss(measured(batch.contexts), batch.targets).backward()
        if isinstance(optimizer, NaturalGradient):
            optimizer.step(contexts=batch.contexts, targets=batch.targets)
        else:
            optimizer.step()

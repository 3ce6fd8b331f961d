"""One run: an arm and a seed, from initial numbers to a trained head and its records.

    task (token windows) → head (context → log-probabilities) → loss → gradient + metric → step → record

A run depends on nothing but its arguments: one thread, explicit generators, the same batches for every arm of
a seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from qgeo.backends.ledger_sampler import LedgerSampler
from qgeo.comparison.arms import (
    Arm,
    build_head,
    build_optimizer,
    head_on_ledger,
    measured_head,
)
from qgeo.comparison.cost import StepCost, step_cost
from qgeo.comparison.sections import BackendSection, Configuration, TrainingSection
from qgeo.comparison.threads import single_thread
from qgeo.estimators.dry_run import DryRun
from qgeo.estimators.execution import Cost
from qgeo.optim.estimated import circuit_head
from qgeo.optim.natural_gradient import NaturalGradient
from qgeo.tasks.task import Task
from qgeo.tasks.windows import Windows, batches

DATA_SEED_OFFSET = 1_000_003
"""Batches and initial numbers of one seed come from different generators."""

SHOT_SEED_OFFSET = 2_000_003
"""And so do its shots."""


OpenLedger = Callable[[dict[str, Any]], LedgerSampler | DryRun]
"""From what is computed, for the manifest, to a sampler on the ledger of this run, or one that only notes."""


@dataclass(frozen=True)
class Record:
    """A step of a run: deterministic fields only. Losses in nats per token; counts since the start.

    `gradient_evaluations` and `metric_evaluations` are what the step would cost ungrouped (`cost.py`);
    `circuits` and `shots` what a sampler really received, 0 for exact training.
    """

    arm: str
    seed: int
    step: int
    train_loss: float | None
    validation_loss: float | None
    gradient_evaluations: int
    metric_evaluations: int
    circuits: int
    shots: int


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """What a run leaves: records, cumulative training seconds per recorded step, the head."""

    records: tuple[dict[str, Any], ...]
    seconds: tuple[float, ...]
    head: nn.Module
    diverged: bool

    @property
    def final_loss(self) -> float | None:
        """Validation loss after the last step; None where the run diverged."""
        return None if self.diverged else self.records[-1]["validation_loss"]


_AMPLITUDES_AT_ONCE = 2**22
"""64 MiB of states: validation contexts are taken in pieces of so many."""


@dataclass(frozen=True)
class Counts:
    """What a run took so far: contexts of gradients and metrics, the ungrouped cost of each, what was run."""

    contexts: int
    metric_contexts: int
    step: StepCost
    run: Cost


@dataclass(frozen=True)
class RunSettings:
    """An arm with the settings that tuning decides."""

    arm: Arm
    lr: float
    damping: float


def train(
    task: Task,
    configuration: Configuration,
    settings: RunSettings,
    seed: int,
    ledger: OpenLedger | None = None,
) -> TrainedRun:
    """Train one arm on one seed; `ledger` opens the ledger of its jobs where the backend has a budget.

    A run whose loss stops being finite ends there and is recorded as diverged.
    """
    with single_thread():
        vocabulary, context = task.vocabulary_size, task.context
        head = build_head(settings.arm, vocabulary, context, configuration.heads, seed)
        cost = step_cost(getattr(head, "program", None), settings.arm.metric)
        trained = _trained_form(head, settings, configuration.backend, seed, ledger)
        optimizer = _optimizer(trained, settings, configuration)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _schedule(configuration))
        training = settings.arm.training(configuration.training)
        records, seconds, clock = [], [], 0.0
        validation = validation_windows(task, training.validation_windows)
        drawn = training_batches(task.train, training, settings.arm.seed(seed))
        for step, batch in enumerate(drawn, 1):
            started = perf_counter()
            loss = _step(trained, optimizer, batch)
            if math.isfinite(loss):
                schedule.step()
            clock += perf_counter() - started
            evaluated = step % training.evaluate_every == 0 or step == training.steps
            validation_loss = mean_loss(head, validation) if evaluated else None
            counts = _counts(training, step, cost, getattr(trained, "cost", Cost()))
            records.append(asdict(_record(settings, seed, step, loss, validation_loss, counts)))
            seconds.append(clock)
            if not math.isfinite(loss) or (evaluated and not math.isfinite(validation_loss or 0.0)):
                return TrainedRun(tuple(records), tuple(seconds), head, diverged=True)
        return TrainedRun(tuple(records), tuple(seconds), head, diverged=False)


def mean_loss(head: nn.Module, windows: Windows) -> float:
    """Mean of −log p(target|context) in nats per token; contexts in pieces, so that memory stays bounded."""
    program = getattr(head, "program", None)
    piece = max(1, _AMPLITUDES_AT_ONCE // (1 if program is None else program.dimension))
    pairs = zip(windows.contexts.split(piece), windows.targets.split(piece), strict=True)
    with torch.no_grad():
        total = sum(len(targets) * _loss(head, contexts, targets) for contexts, targets in pairs)
    return float(total) / len(windows)


def validation_windows(task: Task, limit: int) -> Windows:
    """At most `limit` validation windows, evenly spaced, the same for every arm and seed."""
    total = len(task.validation)
    return task.validation.take(torch.linspace(0, total - 1, min(limit, total)).round().long())


def training_batches(windows: Windows, training: TrainingSection, seed: int) -> Iterator[Windows]:
    """The batches of a run, the same for every arm of a seed."""
    generator = torch.Generator().manual_seed(seed + DATA_SEED_OFFSET)
    return batches(windows, training.batch, training.steps, generator)


def refreshes(steps: int, refresh: int) -> int:
    """How many of the first `steps` steps take the metric anew: the first, and every `refresh` later."""
    return -(-steps // refresh)


def takes_metric(done: int, refresh: int) -> bool:
    """Whether the step after `done` others takes the metric anew."""
    return refreshes(done + 1, refresh) > refreshes(done, refresh)


def _optimizer(head: nn.Module, settings: RunSettings, configuration: Configuration) -> torch.optim.Optimizer:
    training = settings.arm.training(configuration.training)
    return build_optimizer(
        settings.arm,
        head,
        settings.lr,
        settings.damping,
        trust_region=training.trust_region,
        refresh=training.refresh,
        metric_shots=configuration.backend.metric_shots,
    )


def _counts(training: TrainingSection, step: int, cost: StepCost, run: Cost) -> Counts:
    batch = training.batch
    return Counts(step * batch, refreshes(step, training.refresh) * batch, cost, run)


def _step(head: nn.Module, optimizer: torch.optim.Optimizer, batch: Windows) -> float:
    optimizer.zero_grad()
    loss = _loss(head, batch.contexts, batch.targets)
    if not bool(torch.isfinite(loss)):
        return float(loss.detach())
    loss.backward()
    if isinstance(optimizer, NaturalGradient):
        optimizer.step(contexts=batch.contexts, targets=batch.targets)
    else:
        optimizer.step()
    return float(loss.detach())


def _loss(head: nn.Module, contexts: Tensor, targets: Tensor) -> Tensor:
    return torch.nn.functional.nll_loss(head(contexts), targets)


def _schedule(configuration: Configuration) -> Any:
    """Factor on the learning rate at each step."""
    steps = configuration.training.steps
    if configuration.training.schedule == "constant":
        return lambda _: 1.0
    return lambda step: 0.5 * (1 + math.cos(math.pi * step / steps))


def _record(
    settings: RunSettings,
    seed: int,
    step: int,
    loss: float,
    validation_loss: float | None,
    counts: Counts,
) -> Record:
    return Record(
        arm=settings.arm.name,
        seed=seed,
        step=step,
        train_loss=_finite(loss),
        validation_loss=_finite(validation_loss),
        gradient_evaluations=counts.contexts * counts.step.gradient,
        metric_evaluations=counts.metric_contexts * counts.step.metric,
        circuits=counts.run.circuits,
        shots=counts.run.shots,
    )


def _trained_form(
    head: nn.Module, settings: RunSettings, backend: BackendSection, seed: int, ledger: OpenLedger | None
) -> nn.Module:
    """The head itself, or the same head measured on the arm's backend."""
    arm = settings.arm
    if not arm.is_measured:
        return head
    if ledger is None:
        shot_seed = arm.seed(seed) + SHOT_SEED_OFFSET
        return measured_head(
            circuit_head(head), arm.backend, backend.shots, shot_seed, backend.mitigate_readout
        )
    sampler = ledger({"kind": "training", "arm": arm.name, "lr": settings.lr, "seed": seed})
    return head_on_ledger(circuit_head(head), sampler, backend.shots)


def _finite(loss: float | None) -> float | None:
    return loss if loss is not None and math.isfinite(loss) else None

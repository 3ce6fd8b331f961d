"""One run: an arm and a seed, from initial numbers to a trained head and its records.

    task (token windows) → head (context → log-probabilities) → loss → gradient + metric → step → record

A run depends on nothing but its arguments: one thread, explicit generators, the same batches for every arm of
a seed. Natural gradients, and what else steps by KL, take at step t of T steps of

    KL(p_old ‖ p_new) = τ cos²(πt/2T)   on the step's contexts,

first-order optimizers a learning rate that falls by the same factor.
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
from qgeo.comparison.setting import Setting
from qgeo.comparison.threads import single_thread
from qgeo.estimators.dry_run import DryRun
from qgeo.estimators.execution import Cost
from qgeo.optim.adam_by_kl import AdamByKL
from qgeo.optim.divergence import divergence
from qgeo.optim.estimated import circuit_head
from qgeo.optim.gradients import has_finite_gradients
from qgeo.optim.natural_gradient import NaturalGradient
from qgeo.optim.realised_kl import Length
from qgeo.tasks.task import Task
from qgeo.tasks.windows import Windows, batches

DATA_SEED_OFFSET = 1_000_003
"""Batches and initial numbers of one seed come from different generators."""

SHOT_SEED_OFFSET = 2_000_003
"""And so do its shots."""

OTHER_CONTEXTS = 512
"""Training contexts at which the KL of a step is taken beside its own, a choice."""


OpenLedger = Callable[[dict[str, Any]], LedgerSampler | DryRun]
"""From what is computed, for the manifest, to a sampler on the ledger of this run, or one that only notes."""


@dataclass(frozen=True)
class Record:
    """A step of a run: deterministic fields only. Losses in nats per token; counts since the start.

    Attributes:
        kl: KL(p_old ‖ p_new) of the step on its own contexts, nats per token; None where steps have a
            learning rate, or are measured from shots.
        kl_elsewhere: the same on 512 other training contexts; only where a validation loss is taken.
        missed: steps whose KL was not met, the closest of what was tried being taken.
        gradient_contexts, metric_contexts, line_contexts: distinct contexts at which gradients and metrics
            were taken, and at which the head was evaluated for a step's length: equal ones of a batch are
            measured once.
        gradient_evaluations, metric_evaluations, line_evaluations: circuits that these would cost ungrouped,
            every context of a batch on its own (`cost.py`).
        circuits, shots: what a sampler really received, 0 for exact training.
    """

    arm: str
    seed: int
    step: int
    train_loss: float | None
    validation_loss: float | None
    kl: float | None
    kl_elsewhere: float | None
    missed: int
    gradient_contexts: int
    metric_contexts: int
    line_contexts: int
    gradient_evaluations: int
    metric_evaluations: int
    line_evaluations: int
    circuits: int
    shots: int


@dataclass(frozen=True)
class Counts:
    """Contexts since the start: of gradients, of metrics, of evaluations for the lengths of steps."""

    gradient: int = 0
    metric: int = 0
    line: int = 0

    def and_step(self, contexts: int, with_metric: bool, evaluations: int) -> Counts:
        """With a step at so many contexts."""
        return Counts(
            self.gradient + contexts, self.metric + contexts * with_metric, self.line + contexts * evaluations
        )


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """What a run leaves: records, cumulative training seconds per recorded step, the head.

    Attributes:
        start_loss: validation loss before the first step, nats per token; None where it is not finite.
    """

    records: tuple[dict[str, Any], ...]
    seconds: tuple[float, ...]
    head: nn.Module
    diverged: bool
    start_loss: float | None

    @property
    def validation_loss(self) -> float | None:
        """After the last step; None where the run diverged."""
        return None if self.diverged else self.records[-1]["validation_loss"]


_AMPLITUDES_AT_ONCE = 2**22
"""64 MiB of states: contexts of a mean loss are taken in pieces of so many."""


@dataclass(frozen=True)
class RunSettings:
    """An arm with the setting that tuning decided on."""

    arm: Arm
    setting: Setting


@dataclass(eq=False)
class Trainer:
    """A run in progress: what it moves, and what it has counted since the start.

    Attributes:
        head: what is evaluated; trained: the same head, measured where the arm trains from shots.
    """

    settings: RunSettings
    seed: int
    training: TrainingSection
    head: nn.Module
    trained: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LambdaLR
    cost: StepCost
    steps: int = 0
    missed: int = 0
    distinct: Counts = Counts()
    drawn: Counts = Counts()

    @classmethod
    def start(
        cls,
        task: Task,
        configuration: Configuration,
        settings: RunSettings,
        seed: int,
        ledger: OpenLedger | None = None,
    ) -> Trainer:
        """Before the first step."""
        arm, training = settings.arm, settings.arm.training(configuration.training)
        head = build_head(arm, task.vocabulary_size, task.context, configuration.heads, seed, task.trunk)
        cost = step_cost(getattr(head, "program", None), arm.metric)
        trained = _trained_form(head, settings, configuration.backend, seed, ledger)
        metric_shots = configuration.backend.metric_shots
        optimizer = build_optimizer(
            arm, trained, settings.setting, refresh=training.refresh, metric_shots=metric_shots
        )
        factor = step_factor(training, by_kl=arm.steps_by_kl)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return cls(settings, seed, training, head, trained, optimizer, schedule, cost)

    def step(self, batch: Windows) -> float:
        """One step; the loss before it, NaN where its gradient is not finite. Neither moves anything."""
        loss = _step(self.trained, self.optimizer, batch)
        if math.isfinite(loss):
            self.schedule.step()
        self._count(batch, math.isfinite(loss))
        return loss

    @property
    def last_length(self) -> Length | None:
        """Of the last step, where one was looked for."""
        length: Length | None = getattr(self.optimizer, "last_length", None)
        return length

    def record(self, loss: float, validation_loss: float | None, kl_elsewhere: float | None) -> Record:
        """The step that was taken last."""
        cost, run, length = self.cost, getattr(self.trained, "cost", Cost()), self.last_length
        return Record(
            arm=self.settings.arm.name,
            seed=self.seed,
            step=self.steps,
            train_loss=_finite(loss),
            validation_loss=_finite(validation_loss),
            kl=None if length is None else _finite(length.kl),
            kl_elsewhere=_finite(kl_elsewhere),
            missed=self.missed,
            gradient_contexts=self.distinct.gradient,
            metric_contexts=self.distinct.metric,
            line_contexts=self.distinct.line,
            gradient_evaluations=self.drawn.gradient * cost.gradient,
            metric_evaluations=self.drawn.metric * cost.metric,
            line_evaluations=self.drawn.line * cost.forward,
            circuits=run.circuits,
            shots=run.shots,
        )

    def _count(self, batch: Windows, moved: bool) -> None:
        length = self.last_length if moved else None
        evaluations = 0 if length is None else length.evaluations
        with_metric = self.settings.arm.is_natural and takes_metric(self.steps, self.training.refresh)
        distinct = len(batch.contexts.unique(dim=0))
        self.distinct = self.distinct.and_step(distinct, with_metric, evaluations)
        self.drawn = self.drawn.and_step(len(batch), with_metric, evaluations)
        self.missed += length is not None and not length.is_met
        self.steps += 1


def train(
    task: Task,
    configuration: Configuration,
    settings: RunSettings,
    seed: int,
    ledger: OpenLedger | None = None,
) -> TrainedRun:
    """Train one arm on one seed; `ledger` opens the ledger of its jobs where the backend has a budget.

    A run whose loss or gradient stops being finite ends there and is recorded as diverged.
    """
    with single_thread():
        run = Trainer.start(task, configuration, settings, seed, ledger)
        validation = validation_windows(task, run.training.validation_windows)
        elsewhere = spread(task.train, OTHER_CONTEXTS).contexts
        start = _finite(mean_loss(run.head, validation))
        records, seconds, clock, diverged = [], [], 0.0, False
        for step, batch in enumerate(training_batches(task.train, run.training, settings.arm.seed(seed)), 1):
            evaluated = step % run.training.evaluate_every == 0 or step == run.training.steps
            before = _log_probs(run.head, elsewhere) if evaluated else None
            started = perf_counter()
            loss = run.step(batch)
            clock += perf_counter() - started
            validation_loss = mean_loss(run.head, validation) if evaluated else None
            moved = None if before is None else divergence(before, _log_probs(run.head, elsewhere))
            records.append(asdict(run.record(loss, validation_loss, moved)))
            seconds.append(clock)
            if not math.isfinite(loss) or (evaluated and not math.isfinite(validation_loss or 0.0)):
                diverged = True
                break
        return TrainedRun(tuple(records), tuple(seconds), run.head, diverged, start)


def _log_probs(head: nn.Module, contexts: Tensor) -> Tensor:
    with torch.no_grad():
        log_probs: Tensor = head(contexts)
        return log_probs


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
    return spread(task.validation, limit)


def final_windows(task: Task, limit: int) -> Windows:
    """At most `limit` test windows, evenly spaced, the same for every arm and seed."""
    return spread(task.test, limit)


def spread(windows: Windows, limit: int) -> Windows:
    """At most `limit` of these windows, evenly spaced from the first to the last."""
    total = len(windows)
    return windows.take(torch.linspace(0, total - 1, min(limit, total)).round().long())


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


def _step(head: nn.Module, optimizer: torch.optim.Optimizer, batch: Windows) -> float:
    optimizer.zero_grad()
    loss = _loss(head, batch.contexts, batch.targets)
    if not bool(torch.isfinite(loss)):
        return float(loss.detach())
    loss.backward()
    if not has_finite_gradients(head):
        return math.nan
    if isinstance(optimizer, NaturalGradient):
        optimizer.step(contexts=batch.contexts, targets=batch.targets)
    elif isinstance(optimizer, AdamByKL):
        optimizer.step(contexts=batch.contexts)
    else:
        optimizer.step()
    return float(loss.detach())


def _loss(head: nn.Module, contexts: Tensor, targets: Tensor) -> Tensor:
    return torch.nn.functional.nll_loss(head(contexts), targets)


def step_factor(training: TrainingSection, *, by_kl: bool) -> Callable[[int], float]:
    """Factor on the learning rate at each step: cos²(πt/2T), its root where KL goes with the square."""
    if training.schedule == "constant":
        return lambda _: 1.0
    power = 1 if by_kl else 2
    return lambda step: math.cos(math.pi * step / (2 * training.steps)) ** power


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
    sampler = ledger({"kind": "training", "arm": arm.name, **settings.setting.values, "seed": seed})
    return head_on_ledger(circuit_head(head), sampler, backend.shots)


def _finite(loss: float | None) -> float | None:
    return loss if loss is not None and math.isfinite(loss) else None

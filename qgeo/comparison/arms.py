"""Arms: HEAD+METRIC, or HEAD+METRIC@BACKEND where it trains from shots, built from a configuration.

    born+quantum   born+classical   born+adam   pauli+quantum-diagonal   softmax+classical   mlp+sgd   …
    born+quantum@aer   born+classical@fake_manila

Classical heads are matched to a quantum head's total of trainable parameters (`matching.py`). All heads of a
seed draw their initial numbers from the same generator seed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from qgeo.backends.ledger_sampler import LedgerSampler, Untouched
from qgeo.backends.names import resolve
from qgeo.comparison.sections import ArmSection, Configuration, HeadsSection, TrainingSection
from qgeo.comparison.threads import THREADS
from qgeo.errors import ConfigurationError
from qgeo.estimators.dry_run import DryRun
from qgeo.estimators.execution import Executor
from qgeo.heads.circuit_head import CircuitHead
from qgeo.heads.jacobian import count_trainable
from qgeo.heads.kinds import HEADS, HeadSpec
from qgeo.heads.measured import MeasuredHead
from qgeo.optim.damping import RelativeDamping
from qgeo.optim.exact import Rule
from qgeo.optim.first_order import FIRST_ORDER
from qgeo.optim.metrics import METRICS
from qgeo.optim.natural_gradient import NaturalGradient
from qgeo.optim.trust_region import QuadraticTrustRegion
from qgeo.tasks.task import Task

EXACT = "exact"
STREAM_OFFSET = 10_000_019
"""Between seeds of two streams: larger than every other distance between seeds of a comparison."""


@dataclass(frozen=True)
class Arm:
    """A head and how it is trained, by name; what None leaves open is that of all arms. See `ArmSection`."""

    head: str
    metric: str
    backend: str = EXACT
    label: str | None = None
    match: str | None = None
    refresh: int | None = None
    damping: float | None = None
    frozen: tuple[str, ...] = ()
    seed_stream: int = 0

    @property
    def name(self) -> str:
        plain = f"{self.head}+{self.metric}" + (f"@{self.backend}" if self.is_measured else "")
        return self.label or plain

    @property
    def is_measured(self) -> bool:
        """Whether it trains from shots."""
        return self.backend != EXACT

    @property
    def twin(self) -> Arm:
        """The same arm trained exactly, whose tuning it takes; an exact arm is its own."""
        label = f"{self.label}, exact" if self.label and self.is_measured else self.label
        return replace(self, backend=EXACT, label=label)

    @property
    def settings(self) -> dict[str, Any]:
        """What makes it another arm than its head, metric and backend say; nothing for one that is named."""
        names = ("match", "refresh", "damping", "frozen", "seed_stream")
        plain = Arm(self.head, self.metric, self.backend)
        return {name: getattr(self, name) for name in names if getattr(self, name) != getattr(plain, name)}

    def training(self, of_all: TrainingSection) -> TrainingSection:
        """The training of all arms with what is this one's own."""
        return of_all if self.refresh is None else of_all.model_copy(update={"refresh": self.refresh})

    def seed(self, number: int) -> int:
        """What a seed of the comparison is in this arm's stream."""
        return number + STREAM_OFFSET * self.seed_stream

    @property
    def is_quantum(self) -> bool:
        return HEADS[self.head].is_quantum

    @property
    def is_natural(self) -> bool:
        """Whether a metric is inverted at each step."""
        return self.metric in METRICS


def arms_of(configuration: Configuration) -> tuple[Arm, ...]:
    """The arms of a comparison: those that are named, then those of tables.

    Raises:
        ConfigurationError: see `parse_arm`; two arms of one name.
    """
    named = [parse_arm(name) for name in configuration.arms.names]
    arms = (*named, *map(_of_table, configuration.arm))
    twice = [name for name, count in Counter(arm.name for arm in arms).items() if count > 1]
    if twice:
        raise ConfigurationError(f"expected arms with different names, got {twice[0]!r} twice; set its name")
    return arms


def arm_by_name(configuration: Configuration, name: str) -> Arm:
    """
    Raises:
        ConfigurationError: the comparison has no such arm.
    """
    arms = {arm.name: arm for arm in arms_of(configuration)}
    if name not in arms:
        raise ConfigurationError(f"expected an arm of {', '.join(arms)}, got {name!r}")
    return arms[name]


def _of_table(table: ArmSection) -> Arm:
    at = "" if table.backend == EXACT else f"@{table.backend}"
    plain = parse_arm(f"{table.head}+{table.metric}{at}")
    return replace(
        plain,
        label=table.name,
        match=table.match,
        refresh=table.refresh,
        damping=table.damping,
        frozen=table.frozen,
        seed_stream=table.seed_stream,
    )


def parse_arm(name: str) -> Arm:
    """An arm from its name.

    Raises:
        ConfigurationError: an unknown head or metric, a quantum metric on a classical head, or a backend for
            what cannot train from shots.

    >>> parse_arm("born+quantum@aer").twin.name
    'born+quantum'
    """
    name, at, backend = name.partition("@")
    head, plus, metric = name.partition("+")
    if not plus or head not in HEADS or not (metric in METRICS or metric in FIRST_ORDER):
        raise ConfigurationError(
            f"unknown arm {name!r}: expected HEAD+METRIC with a head of {HEADS} and a metric of {METRICS}, "
            f"{FIRST_ORDER}; a plugin that registers more is named in [plugins] modules"
        )
    is_quantum = HEADS[head].is_quantum
    if not is_quantum and metric in METRICS and METRICS[metric].needs_circuit:
        raise ConfigurationError(f"unknown arm {name!r}: a {head} head has no quantum metric; use +classical")
    if at and not (is_quantum and metric in trained_from_shots()):
        raise ConfigurationError(
            f"unknown arm {name + at + backend!r}: expected a quantum head and a metric of "
            f"{', '.join(trained_from_shots())} to train from shots"
        )
    return Arm(head, metric, backend or EXACT)


def trained_from_shots() -> tuple[str, ...]:
    """The metrics that an arm can have on a backend, first-order optimizers included."""
    return (*(name for name, metric in METRICS.items() if metric.from_shots), *FIRST_ORDER)


def build_head(arm: Arm, vocabulary: int, context: int, settings: HeadsSection, seed: int) -> nn.Module:
    """The head of an arm, with initial numbers drawn from `seed` and the arm's stream."""
    kind, parameters = HEADS[arm.head], 0
    if not kind.is_quantum:
        matched = Arm(arm.match or settings.matched_to or "born", arm.metric)
        parameters = count_trainable(build_head(matched, vocabulary, context, settings, seed))
    spec = HeadSpec(
        vocabulary,
        context,
        embedding=settings.embedding,
        circuit=settings.circuit,
        qubits=settings.qubits,
        layers=settings.layers,
        parameters=parameters,
        generator=torch.Generator().manual_seed(arm.seed(seed)),
    )
    return _frozen(kind(spec), arm)


def count_parameters(configuration: Configuration, task: Task, arm: Arm) -> int:
    """Trainable numbers of an arm's head."""
    return count_trainable(build_head(arm, task.vocabulary_size, task.context, configuration.heads, seed=0))


def _frozen(head: nn.Module, arm: Arm) -> nn.Module:
    for name, parameter in head.named_parameters():
        if _group(name) in arm.frozen:
            parameter.requires_grad_(False)
    if not count_trainable(head):
        raise ConfigurationError(f"expected parameters to train in {arm.name}, got all of them frozen")
    return head


def build_optimizer(
    arm: Arm,
    head: nn.Module,
    lr: float,
    damping: float,
    *,
    trust_region: float | None = None,
    refresh: int = 1,
    metric_shots: int | None = None,
) -> torch.optim.Optimizer:
    """The arm's optimizer; first-order arms use neither damping (relative to tr F / P) nor trust region.

    A measured head's metric is an estimate, of `metric_shots` (by default the head's), and its trust region
    the metric's own measure of the step.
    """
    if not arm.is_natural:
        return FIRST_ORDER[arm.metric](head.parameters(), lr=lr)
    metric: Rule = METRICS[arm.metric]
    region: float | QuadraticTrustRegion | None = trust_region
    if isinstance(head, MeasuredHead):
        metric = measured_metric(arm.metric, head, metric_shots)
        region = None if trust_region is None else QuadraticTrustRegion(trust_region)
    relative = RelativeDamping(damping)
    return NaturalGradient(head, metric=metric, lr=lr, damping=relative, trust_region=region, refresh=refresh)


def measured_head(
    head: CircuitHead, backend: str, shots: int, seed: int, mitigate_readout: bool = False
) -> MeasuredHead:
    """The head on a simulator by name, its sampling seeded."""
    generator = np.random.default_rng(seed)
    place = resolve(backend, generator, threads=THREADS)
    executor = Executor(
        place.sampler,
        pass_manager=place.pass_manager,
        generator=generator,
        mitigate_readout=mitigate_readout,
    )
    return MeasuredHead(head, executor, shots=shots)


def head_on_ledger(head: CircuitHead, sampler: LedgerSampler | DryRun, shots: int) -> MeasuredHead:
    """The head on a device, its jobs in the sampler's ledger."""
    return MeasuredHead(head, Executor(sampler, pass_manager=Untouched()), shots=shots)


def measured_metric(name: str, head: MeasuredHead, shots: int | None = None) -> Rule:
    """The metric called `name`, estimated where the head is measured, with so many shots or the head's.

    Raises:
        ConfigurationError: it cannot be had from shots.
    """
    from_shots = METRICS[name].from_shots
    if from_shots is None:
        raise ConfigurationError(
            f"expected a metric of {', '.join(trained_from_shots())} to train from shots, got {name!r}"
        )
    return from_shots(head, shots)


def parameter_groups(head: nn.Module) -> dict[str, int]:
    """Trainable numbers by where they act: circuit, encoder, readout."""
    groups = {"circuit": 0, "encoder": 0, "readout": 0}
    for name, parameter in head.named_parameters():
        groups[_group(name)] += parameter.numel() if parameter.requires_grad else 0
    return groups


def _group(name: str) -> str:
    return "circuit" if name == "values" else "encoder" if name.startswith("encoder.") else "readout"

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
from qgeo.comparison.setting import Setting
from qgeo.comparison.threads import THREADS
from qgeo.errors import ConfigurationError
from qgeo.estimators.dry_run import DryRun
from qgeo.estimators.execution import Executor
from qgeo.heads.circuit_head import CircuitHead
from qgeo.heads.jacobian import count_trainable
from qgeo.heads.kinds import HEADS, HeadSpec
from qgeo.heads.measured import MeasuredHead
from qgeo.heads.trunk import Trunk
from qgeo.optim.damping import RelativeDamping
from qgeo.optim.exact import Rule
from qgeo.optim.first_order import FIRST_ORDER
from qgeo.optim.metrics import METRICS
from qgeo.optim.natural_gradient import NaturalGradient
from qgeo.optim.realised_kl import RealisedKL, SecondOrderKL
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
    circuit: str | None = None
    refresh: int | None = None
    kl: float | None = None
    damping: float | None = None
    lr: float | None = None
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
        names = ("match", "circuit", "refresh", "kl", "damping", "lr", "frozen", "seed_stream")
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
    def is_measurement(self) -> bool:
        return HEADS[self.head].is_measurement

    @property
    def is_natural(self) -> bool:
        """Whether a metric is inverted at each step."""
        return self.metric in METRICS

    @property
    def is_damped(self) -> bool:
        """Whether damping changes the direction of its steps."""
        return self.is_natural and METRICS[self.metric].is_damped

    @property
    def steps_by_kl(self) -> bool:
        """Whether its steps have a KL divergence instead of a learning rate."""
        return self.is_natural or FIRST_ORDER[self.metric].steps_by_kl

    @property
    def setting(self) -> Setting | None:
        """What is left of tuning where all of it is given; None where something is to be tuned."""
        needed = ("lr",) if not self.steps_by_kl else ("kl", "damping") if self.is_damped else ("kl",)
        values = {name: getattr(self, name) for name in needed}
        return None if None in values.values() else Setting(**values)


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
    _check_settings(plain, table)
    _check_label(plain, table.name)
    return replace(
        plain,
        label=table.name,
        match=table.match,
        circuit=table.circuit,
        refresh=table.refresh,
        kl=table.kl,
        damping=table.damping,
        lr=table.lr,
        frozen=table.frozen,
        seed_stream=table.seed_stream,
    )


def _check_settings(arm: Arm, table: ArmSection) -> None:
    """Raise a ConfigurationError for a setting that the arm has not."""
    takes = {"kl": arm.steps_by_kl, "damping": arm.is_damped, "lr": not arm.steps_by_kl}
    for name, is_taken in takes.items():
        if getattr(table, name) is not None and not is_taken:
            has = ", ".join(other for other, is_its in takes.items() if is_its)
            raise ConfigurationError(f"expected no {name} for {arm.name}, whose settings are: {has}; drop it")


def _check_label(arm: Arm, label: str | None) -> None:
    """Raise a ConfigurationError for a name that begins as another arm's: tables and headlines show names."""
    claimed = (label or arm.name).replace(",", " ").partition("@")[0].split()[:1]
    head, plus, metric = (claimed or [""])[0].partition("+")
    is_arm = plus and head in HEADS and (metric in METRICS or metric in FIRST_ORDER)
    if is_arm and (head, metric) != (arm.head, arm.metric):
        raise ConfigurationError(
            f"expected a name of {arm.name} that names no other arm, got {label!r}; choose another name"
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
    first_order = (name for name, optimizer in FIRST_ORDER.items() if not optimizer.steps_by_kl)
    return (*(name for name, metric in METRICS.items() if metric.from_shots), *first_order)


def build_head(
    arm: Arm, vocabulary: int, context: int, settings: HeadsSection, seed: int, trunk: Trunk | None = None
) -> nn.Module:
    """The head of an arm, with initial numbers drawn from `seed` and the arm's stream, on a trunk if any."""
    kind, parameters = HEADS[arm.head], 0
    if not kind.is_quantum:
        matched = Arm(arm.match or settings.matched_to or "born", arm.metric, circuit=arm.circuit)
        parameters = count_trainable(build_head(matched, vocabulary, context, settings, seed, trunk))
    spec = HeadSpec(
        vocabulary,
        context,
        embedding=settings.embedding,
        circuit=arm.circuit or settings.circuit,
        qubits=settings.qubits,
        layers=settings.layers,
        parameters=parameters,
        generator=torch.Generator().manual_seed(arm.seed(seed)),
        start=settings.start,
        trunk=trunk,
    )
    return _frozen(kind(spec), arm)


def count_parameters(configuration: Configuration, task: Task, arm: Arm) -> int:
    """Trainable numbers of an arm's head; those of a trunk are frozen and none of them."""
    heads = configuration.heads
    return count_trainable(build_head(arm, task.vocabulary_size, task.context, heads, 0, task.trunk))


def _frozen(head: nn.Module, arm: Arm) -> nn.Module:
    for name, parameter in head.named_parameters():
        if _group(name) in arm.frozen:
            parameter.requires_grad_(False)
    if not count_trainable(head):
        raise ConfigurationError(f"expected parameters to train in {arm.name}, got all of them frozen")
    return head


def build_optimizer(
    arm: Arm, head: nn.Module, setting: Setting, *, refresh: int = 1, metric_shots: int | None = None
) -> torch.optim.Optimizer:
    """The arm's optimizer with this setting; its lr is a factor for the schedule where steps have a KL.

    A measured head's metric is an estimate, of `metric_shots` (by default the head's), and says itself how
    long a step is, to second order: every evaluation of the head costs shots.
    """
    if not arm.is_natural:
        return FIRST_ORDER[arm.metric](head, lr=setting.lr, kl=setting.kl)
    assert setting.kl is not None
    metric: Rule = METRICS[arm.metric]
    length: RealisedKL | SecondOrderKL = RealisedKL(setting.kl)
    if isinstance(head, MeasuredHead):
        metric, length = measured_metric(arm.metric, head, metric_shots), SecondOrderKL(setting.kl)
    damping = RelativeDamping(setting.damping) if setting.damping is not None else 0.0
    return NaturalGradient(head, metric=metric, lr=1.0, damping=damping, trust_region=length, refresh=refresh)


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

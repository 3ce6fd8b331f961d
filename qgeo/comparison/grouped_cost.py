"""Circuits of a training as estimators really send them, grouped, counted by a dry run.

    circuits    Σ over steps   distinct contexts of the batch × (gradient + metric, if taken + evaluations)

Every circuit runs once per distinct context, and once in all if its angles are fixed; how many circuits a
gradient and a metric send is noted from two steps carried out dry (`step_calls.py`). Evaluations of the head,
for the length of a step of a given KL, are a circuit each. Beside them stand the ungrouped counts of the
published methods (`cost.py`), which book every context and every pair of rotations on its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from qgeo.comparison.arms import EXACT, Arm, trained_from_shots
from qgeo.comparison.sections import Configuration
from qgeo.comparison.step_calls import Call, step_calls
from qgeo.comparison.training import refreshes
from qgeo.errors import CircuitError, ConfigurationError
from qgeo.estimators.dry_run import Wanted
from qgeo.optim.first_order import FIRST_ORDER
from qgeo.tasks.task import Task

_ANY_SAMPLER = "aer"
"""The backend of a dry run, on which nothing is run."""


@dataclass(frozen=True)
class Circuits:
    """Of a gradient or a metric: those sent at every distinct context, and those whose angles are fixed."""

    per_context: int = 0
    fixed: int = 0

    @classmethod
    def of(cls, calls: Sequence[Call]) -> Circuits:
        """What calls at a single context ask for."""
        every = [wanted for call in calls for wanted in call]
        bound = sum(wanted.bindings for wanted in every if _has_angles(wanted))
        return cls(bound, sum(wanted.bindings for wanted in every if not _has_angles(wanted)))


@dataclass(frozen=True)
class GroupedCost:
    """Circuits of a gradient with its loss, of a metric, and of evaluations of the head, one per context.

    Attributes:
        refresh: steps for which a metric is kept.
    """

    gradient: Circuits = Circuits()
    metric: Circuits = Circuits()
    line: int = 0
    refresh: int = 1

    def of(self, record: Mapping[str, Any]) -> int:
        """Circuits of a training up to a step, from its record.

        >>> cost = GroupedCost(Circuits(9), Circuits(4, fixed=2), line=1, refresh=5)
        >>> cost.of({"step": 10, "gradient_contexts": 30, "metric_contexts": 6, "line_contexts": 40})
        338
        """
        step, metrics = int(record["step"]), refreshes(int(record["step"]), self.refresh)
        at_contexts = self.gradient.per_context * int(record["gradient_contexts"])
        at_contexts += self.metric.per_context * int(record["metric_contexts"])
        at_contexts += self.line * int(record["line_contexts"])
        return at_contexts + self.gradient.fixed * step + self.metric.fixed * metrics


def grouped_cost(configuration: Configuration, task: Task, arm: Arm) -> GroupedCost | None:
    """What an arm's steps send; None where its metric, or its circuit, cannot be had from shots."""
    if not arm.is_quantum:
        return GroupedCost()
    by_kl = arm.metric in FIRST_ORDER and arm.steps_by_kl
    metric = "adam" if by_kl else arm.metric  # the same gradients, and no metric
    if metric not in trained_from_shots():
        return None
    backend = arm.backend if arm.backend != EXACT else _ANY_SAMPLER
    measured = replace(arm, metric=metric, backend=backend, kl=None, damping=None, lr=None)
    try:
        calls = step_calls(configuration, task, measured)
    except (CircuitError, ConfigurationError):  # no shift rule for a gate, no estimate behind a readout
        return None
    refresh = arm.training(configuration.training).refresh
    return GroupedCost(Circuits.of(calls.gradient), Circuits.of(calls.metric), 1, refresh)


def _has_angles(wanted: Wanted) -> bool:
    return bool(wanted.circuit.num_parameters)

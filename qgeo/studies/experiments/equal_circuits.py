"""Arms that are given the same circuits: how each has its metric, how far it gets.

arm → circuits a step → steps that the budget pays for → trials, choice, final runs → excess
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from qgeo.comparison.arms import arm_by_name
from qgeo.comparison.endpoints import endpoint
from qgeo.comparison.grouped_cost import GroupedCost
from qgeo.comparison.training import TrainedRun
from qgeo.studies.experiments.circuit_budget import Rate, affordable, naive_circuits
from qgeo.studies.experiments.tuned import configured, mean_of, tuned_runs
from qgeo.studies.study import Row

BUDGET, SHOTS = 20_000, 1024
"""Circuits of a training, grouped; shots that each would take."""

POINTS = 6
"""Losses along a final run."""


class Way(NamedTuple):
    """How an arm has its metric: its name, the steps that keep it, a stream of seeds."""

    metric: str
    refresh: int = 1
    seed_stream: int = 0


_NEVER = 10_000
REFERENCE, AGAIN, CHARGED, ADAM = "F_C", "F_C again", "F_Q at naive costs", "Adam"
QUANTUM: dict[str, Way] = {
    "F_Q every step": Way("quantum"),
    "F_Q every 5": Way("quantum", 5),
    "F_Q every 20": Way("quantum", 20),
    "F_Q once": Way("quantum", _NEVER),
    "blocks of F_Q": Way("quantum-block-diagonal"),
    "diagonal of F_Q": Way("quantum-diagonal"),
    "QN-SPSA": Way("qn-spsa"),
}
"""What the verdict is about."""

WAYS = QUANTUM | {
    REFERENCE: Way("classical"),
    AGAIN: Way("classical", seed_stream=1),
    CHARGED: Way("quantum"),
    ADAM: Way("adam"),
}


def settings(arm: str, steps: int) -> Row:
    """Of a comparison with this arm and F_C."""
    way = WAYS[arm]
    table: Row = {"name": arm, "head": "born", "metric": way.metric, "seed_stream": way.seed_stream}
    return {
        "task": {"name": "bloch-walk", "context": 2},
        "arm": [table | ({} if way.refresh == 1 else {"refresh": way.refresh})],
        "heads": {"embedding": 2, "layers": 2, "matched_to": "born"},
        "training": {"steps": steps, "batch": 32, "evaluate_every": max(1, steps // POINTS)},
        "tuning": {"kl": [0.01, 0.05, 0.25], "damping": [0.003, 0.03, 0.3], "lr": [0.01, 1.0]},
        "protocol": {"replicates": 40, "finals": 4, "tokens": 4096},
    }


@cache
def rate(arm: str) -> Rate:
    """What a step of an arm costs."""
    configuration, task = configured(settings(arm, 8))
    return Rate.of(configuration, task, arm_by_name(configuration, arm))


def steps_of(arm: str) -> int:
    """What the budget pays for."""
    spending = rate(arm).naive_circuits if arm == CHARGED else rate(arm).grouped_circuits
    return affordable(spending, BUDGET)


def measure(item: Row) -> Row:
    """Log excess at the end, circuits on the way, what was chosen."""
    arm, steps = item["arm"], steps_of(item["arm"])
    runs = tuned_runs(settings(arm, steps), arm, item["replicate"])
    compared = endpoint(runs.data, 1.0)
    excess = mean_of([None if run.diverged else runs.data.exact_excess(run.head) for run in runs.finals])
    return {
        "value": compared.value(excess),
        "margin": compared.margin,
        "excess": excess,
        "steps": steps,
        "setting": runs.setting.values,
        "edge": runs.is_at_edge,
        "circuits": float(np.mean([rate(arm).grouped.of(run.records[-1]) for run in runs.finals])),
        "naive": float(np.mean([naive_circuits(run.records[-1]) for run in runs.finals])),
        "drawn": sum(32 * len(run.records) for run in runs.finals),
        "distinct": sum(run.records[-1]["gradient_contexts"] for run in runs.finals),
        "curve": _curve(runs.finals, rate(arm).grouped),
    }


def _curve(finals: Sequence[TrainedRun], grouped: GroupedCost) -> list[list[float]]:
    """Circuits and validation losses along final runs, means over them at equal steps."""
    evaluated = [[record for record in run.records if record["validation_loss"]] for run in finals]
    at_steps = list(zip(*evaluated, strict=False))
    circuits = [mean_of([grouped.of(record) for record in records]) for records in at_steps]
    losses = [mean_of([record["validation_loss"] for record in records]) for records in at_steps]
    return [[each for each in row if each is not None] for row in (circuits, losses)]

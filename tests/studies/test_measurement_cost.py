"""Study `measurement-cost`: counted circuits against counts by hand, verdicts on planted rows."""

from __future__ import annotations

import numpy as np
import pytest

from qgeo.comparison.arms import arm_by_name
from qgeo.comparison.replicates import data_of
from qgeo.comparison.training import training_batches
from qgeo.studies.experiments import equal_circuits
from qgeo.studies.experiments.circuit_budget import PILOT_STEPS, affordable, naive_circuits
from qgeo.studies.experiments.equal_circuits import (
    ADAM,
    AGAIN,
    BUDGET,
    CHARGED,
    QUANTUM,
    REFERENCE,
    WAYS,
    rate,
    settings,
    steps_of,
)
from qgeo.studies.experiments.tuned import configured
from qgeo.studies.measurement_cost import MEASUREMENT_COST

ROTATIONS = 12
"""Of the circuit: two layers of RY and RZ on two qubits, and as many data angles."""


def distinct_contexts(steps: int) -> int:
    """Of the first batches of replicate 0, seed 0."""
    configuration, task = configured(settings(ADAM, steps))
    windows = data_of(configuration, task, 0).train
    drawn = training_batches(windows, configuration.training, 0)
    return sum(len(set(map(tuple, batch.contexts.tolist()))) for batch in drawn)


def test_adam_pays_for_parameter_shifts_alone():
    # Seen to fail: every context of a batch; a shift less.
    contexts = distinct_contexts(PILOT_STEPS)
    assert rate(ADAM).grouped_circuits(PILOT_STEPS) == contexts * (1 + 2 * ROTATIONS)
    assert rate(ADAM).naive_circuits(PILOT_STEPS) == 32 * PILOT_STEPS * (1 + 2 * ROTATIONS)


def test_a_metric_is_paid_for_when_it_is_taken():
    # Seen to fail: the metric at every step; the fixed circuits left out.
    often, once = rate("F_Q every step"), rate("F_Q once")
    pairs = ROTATIONS * (ROTATIONS - 1) // 2 + ROTATIONS
    assert (often.naive_metric, once.naive_metric) == (32 * pairs, 32 * pairs)
    metric = often.grouped.metric
    assert 0 < metric.per_context + metric.fixed < pairs
    gone = often.grouped_circuits(PILOT_STEPS) - rate(REFERENCE).grouped_circuits(PILOT_STEPS)
    lines = (often.line_contexts - rate(REFERENCE).line_contexts) * PILOT_STEPS
    by_hand = metric.per_context * distinct_contexts(PILOT_STEPS) + metric.fixed * PILOT_STEPS
    assert gone == pytest.approx(by_hand + lines)
    assert rate(REFERENCE).grouped.metric.per_context == 0


def test_steps_are_what_a_budget_pays_for():
    # Seen to fail: one step more.
    assert affordable(lambda steps: 10.0 * steps, 100) == 10
    for arm in (ADAM, "F_Q every 5"):
        spent = [rate(arm).grouped_circuits(steps) for steps in (steps_of(arm), steps_of(arm) + 1)]
        assert spent[0] <= BUDGET < spent[1]
    assert steps_of(CHARGED) < steps_of("F_Q every step") / 2
    assert naive_circuits({"gradient_evaluations": 1, "metric_evaluations": 2, "line_evaluations": 4}) == 7


def test_every_arm_is_what_its_name_says():
    for name, way in WAYS.items():
        configuration, _ = configured(settings(name, 8))
        arm = arm_by_name(configuration, name)
        assert (arm.metric, arm.training(configuration.training).refresh) == (way.metric, way.refresh)


def test_a_small_replicate_is_measured(monkeypatch):
    monkeypatch.setattr(equal_circuits, "BUDGET", 1500)
    row = MEASUREMENT_COST.measure({"arm": ADAM, "replicate": 0})
    assert row["value"] == pytest.approx(np.log(row["excess"] + np.exp(row["value"]) - row["excess"]))
    assert row["naive"] / row["circuits"] == pytest.approx(row["drawn"] / row["distinct"], rel=1e-12)
    assert row["curve"][0][-1] == row["circuits"]
    assert len(row["curve"][0]) == len(row["curve"][1])


def planted(shifts: dict[str, float], replicates: int = 40, naive: float = 2.0) -> list[dict]:
    """Log excess that differs from that of F_C by these."""
    generator = np.random.default_rng(0)
    noise = {arm: 0.15 * generator.normal(size=replicates) for arm in WAYS}
    defaults = dict.fromkeys(QUANTUM, 0.5) | {CHARGED: 1.5}
    return [
        {
            "arm": arm,
            "replicate": place,
            "value": (defaults | shifts).get(arm, 0.0) + noise[arm][place] - 3,
            "margin": np.log(1.1),
            "excess": 0.05,
            "steps": 5 if arm == CHARGED else 20,
            "edge": False,
            "circuits": 1000.0,
            "naive": 1000.0 * naive,
            "drawn": 64,
            "distinct": 32,
            "curve": [[100.0, 1000.0], [1.3, 1.25]],
        }
        for arm in WAYS
        for place in range(replicates)
    ]


def test_a_metric_that_does_not_pay():
    findings = MEASUREMENT_COST.conclude(planted({}))
    assert findings.allowed == ("not supported", "")
    assert {findings.numbers[arm]["verdict"] for arm in QUANTUM} == {"worse"}
    assert len(MEASUREMENT_COST.draw(planted({}))) == 2


def test_one_way_that_pays_is_enough():
    # Seen to fail: F_C minus the arm.
    findings = MEASUREMENT_COST.conclude(planted({"F_Q once": -0.5}))
    assert findings.allowed == ("supported", "")
    assert findings.numbers["F_Q once"]["verdict"] == "better"


def test_what_is_open_stays_open():
    assert MEASUREMENT_COST.conclude(planted({"F_Q once": -0.06})).allowed == ("not decided", "")
    assert MEASUREMENT_COST.conclude(planted({}, replicates=3)).allowed[0] == "not decided"


@pytest.mark.parametrize(
    ("rows", "missed"),
    [
        (planted({AGAIN: 1.0}), "p of F_C tuned again"),
        (planted({CHARGED: 0.5}), "charging F_Q naively"),
        (planted({}, naive=2.1), "contexts drawn/distinct"),
    ],
)
def test_a_row_that_contradicts_is_seen(rows, missed):
    findings = MEASUREMENT_COST.conclude(rows)
    assert [missed in check.expected for check in findings.checks if not check.holds] == [True]
    assert findings.allowed[0] == "not decided"

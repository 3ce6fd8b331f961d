"""Study `update-direction`: the path against direct solves, checks against planted rows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from qgeo.geometry.filter import spectral_filter
from qgeo.studies.experiments.infinitesimal_steps import PATH, predicted_path
from qgeo.studies.experiments.measured_output import random_output, shortest_classical_step
from qgeo.studies.experiments.training_steps import DAMPINGS, KLS, NAMES, best_damped, mean_angle, ratio_at
from qgeo.studies.update_direction import UPDATE_DIRECTION


def random_pair(size=5):
    """F_C ⪯ F_Q, regular, and a gradient."""
    generator = np.random.default_rng(2)
    first, second = (generator.normal(size=(size, size)) for _ in range(2))
    f_c = first @ first.T
    return f_c, f_c + second @ second.T, generator.normal(size=size)


@pytest.mark.parametrize("place", range(len(PATH)))
def test_the_path_is_that_of_the_mixed_metrics(place):
    # Seen to fail: the filter μ/(1 + s(1 − μ)), f for f² in the length, 1/μ left out of the Bures length.
    f_c, f_q, gradient = random_pair()
    step = np.linalg.solve((1 - PATH[place]) * f_c + PATH[place] * f_q, gradient)
    predicted = predicted_path(spectral_filter(f_c, f_q), gradient)
    for name, metric in (("kl", f_c), ("bures", f_q)):
        best = np.sqrt(gradient @ np.linalg.solve(metric, gradient))
        assert_allclose(predicted[name][place], gradient @ step / np.sqrt(step @ metric @ step) / best)


def test_the_path_falls_in_kl_and_rises_in_bures_distance():
    predicted = predicted_path(spectral_filter(*random_pair()[:2]), random_pair()[2])
    assert (np.diff(predicted["kl"]) < 0).all()
    assert (np.diff(predicted["bures"]) > 0).all()
    assert predicted["bures"][-1] == pytest.approx(1)


def test_the_shortest_classical_step():
    f_c, f_q, gradient = random_pair()
    expected = np.linalg.solve(f_c, gradient)
    assert_allclose(shortest_classical_step(spectral_filter(f_c, f_q), gradient), expected, rtol=1e-8)


def test_metrics_of_real_circuits_are_one():
    f_c, f_q = random_output("real-amplitudes", 3, 2, 2, np.random.default_rng(0)).metrics()
    assert_allclose(f_c, f_q, atol=1e-12)


@pytest.fixture(scope="module")
def rows():
    """A circuit of each shape, three of the effect's; trainings planted: drops in the predicted ratio."""
    items = [item for item in UPDATE_DIRECTION.items("quick") if item["kind"] == "step" and item["seed"] < 3]
    effect = {"family": "real-amplitudes", "contexts": 1}
    chosen = [item for item in items if item["seed"] == 0 or effect.items() <= item.items()]
    steps = [item | UPDATE_DIRECTION.measure(item) for item in chosen]
    return steps + [planted_training(replicate) for replicate in range(3)]


def planted_training(replicate):
    predicted = [1.0 - 0.05 * place for place in range(len(NAMES))]
    drops = [[(1 + 0.01 * replicate) * drop for drop in predicted] for _ in KLS]
    at = {"predicted": predicted, "drops": drops, "missed": 0, "angles": [10.0] * len(NAMES)}
    return {"kind": "training", "rows": [at | {"step": step} for step in (0, 5, 20, 60) for _ in range(3)]}


def test_all_checks_hold_on_what_was_measured(rows):
    findings = UPDATE_DIRECTION.conclude(rows)
    assert [check.expected for check in findings.checks if not check.holds] == []
    assert findings.allowed == ("not decided", "a verdict takes 40 replicates, this run has 3")
    assert findings.verdict == "not supported"
    assert len(UPDATE_DIRECTION.draw(rows)) == 2


def test_races_of_heads_are_read_by_name(rows):
    trained = rows[-3:]
    assert ratio_at(trained, 5, KLS[1], NAMES[2]).mean == pytest.approx(0.9)
    assert best_damped(trained, 20, KLS[2], "F_Q") == f"F_Q, d = {DAMPINGS[0]:g}"
    assert mean_angle(trained, "identity") == [10.0] * 3


@pytest.mark.parametrize(
    ("key", "planted", "missed"),
    [
        ("kl", {"optimum": 1.05}, "off by"),
        ("kl", {"random 3": 1.01}, "any other metric"),
        ("bures", {"s = 0.5": 0.5}, "along the path"),
    ],
)
def test_a_row_that_contradicts_is_seen(rows, key, planted, missed):
    at = next(place for place, row in enumerate(rows) if row["family"] == "hardware-efficient")
    wrong = rows[at] | {key: rows[at][key] | planted}
    findings = UPDATE_DIRECTION.conclude([*rows[:at], wrong, *rows[at + 1 :]])
    assert any(missed in check.expected for check in findings.checks if not check.holds)


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        (lambda _: {"phases": 1e-6}, "|F_Q − F_C|"),
        (lambda row: {"kl": row["kl"] | {"other": 0.99}}, "drop_Q/drop_C"),
        (lambda row: {"kl": row["kl"] | {"identity": 0.95}}, "identity"),
    ],
)
def test_real_circuits_that_differ_are_seen(rows, change, missed):
    is_real = [row.get("family") == "real-amplitudes" for row in rows]
    wrong = [row | change(row) if real else row for row, real in zip(rows, is_real, strict=True)]
    checks = UPDATE_DIRECTION.conclude(wrong).checks
    assert [missed in check.expected for check in checks if not check.holds] == [True]


def test_heads_off_first_order_are_seen(rows):
    row = rows[-1]
    off = np.array(row["rows"][0]["drops"]) * np.append(1.0, np.full(len(NAMES) - 1, 2.0))
    wrong = row | {"rows": [at | {"drops": off.tolist()} for at in row["rows"]]}
    checks = UPDATE_DIRECTION.conclude([*rows[:-1], wrong]).checks
    assert ["heads in training" in check.expected for check in checks if not check.holds] == [True]

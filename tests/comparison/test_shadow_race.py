"""The shadow race of replicates: who races from where, with whose damping, and what is said of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from tiny_comparison import settings

from qgeo.comparison.arms import parse_arm
from qgeo.comparison.comparison import compare, resume
from qgeo.comparison.config import parse_configuration
from qgeo.comparison.inputs import build_task
from qgeo.comparison.replicates import data_of
from qgeo.comparison.setting import Setting
from qgeo.comparison.shadow_race import checkpoints, race_jobs, race_questions, run_race
from qgeo.comparison.training import RunSettings, train
from qgeo.comparison.verdicts import verdicts

PAIR = [parse_arm("born+quantum"), parse_arm("born+classical")]
ADAM = parse_arm("born+adam")
NAMES = ["born+quantum", "born+classical", "born+adam", "softmax+adam"]


def comparison(names=NAMES, **sections):
    protocol = {"replicates": 3, "finals": 1, "exploratory": 2}
    race = {"draws": 2, "steps": [0, 3, 5, 60], "windows": 64}
    return parse_configuration(
        settings(arms={"names": names}) | {"protocol": protocol, "race": race} | sections
    )


CHOICES = {
    PAIR[0]: tuple(Setting(0.1, damping) for damping in (1.0, 2.0, 3.0)),
    PAIR[1]: tuple(Setting(0.1, damping) for damping in (4.0, 5.0, 6.0)),
    ADAM: (Setting(lr=0.1), Setting(lr=0.2)),
    parse_arm("softmax+adam"): (Setting(lr=0.1), Setting(lr=0.2)),
}


def test_every_replicate_races_with_what_it_chose():
    # Seen to fail: the first replicate's damping in all of them; Adam of another head as a trajectory.
    jobs = race_jobs(comparison(), CHOICES)
    assert [job.replicate for job in jobs] == [0, 1, 2]
    assert [[racer.setting.damping for racer in job.pair] for job in jobs] == [[1, 4], [2, 5], [3, 6]]
    assert [on.arm.name for on in jobs[0].trajectories] == ["born+adam", "born+classical", "born+quantum"]
    assert [job.trajectories[0].setting.lr for job in jobs] == [0.1, 0.2, 0.1]  # taken in turn
    assert len({job.key for job in jobs}) == 3


def test_there_is_no_race_without_replicates_or_draws_or_a_pair():
    assert race_jobs(parse_configuration(settings(arms={"names": NAMES})), CHOICES) == []
    assert race_jobs(comparison(race={"draws": 0}), CHOICES) == []
    assert race_jobs(comparison(names=["born+quantum", "born+adam"]), CHOICES) == []


def test_a_checkpoint_is_the_head_after_so_many_steps_of_the_training():
    # Seen to fail: the head before its first step at every checkpoint; batches of another seed.
    config = comparison()
    task = data_of(config, build_task(config.task), 1)
    chosen = RunSettings(PAIR[0], Setting(0.1, 1.0))
    after = dict.fromkeys((0, 3, 5))
    for step, head in checkpoints(chosen, 1, config, task):
        after[step] = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    assert list(after) == [0, 3, 5]  # 60 is beyond the training
    training = config.training.model_copy(update={"steps": 3, "schedule": "constant"})
    constant = config.model_copy(
        update={"training": config.training.model_copy(update={"schedule": "constant"})}
    )
    short = config.model_copy(update={"training": training})
    trained = train(task, short, chosen, seed=1).head.state_dict()
    again = {
        step: {name: tensor.clone() for name, tensor in head.state_dict().items()}
        for step, head in checkpoints(chosen, 1, constant, task)
    }
    assert all(np.array_equal(again[3][name], trained[name]) for name in trained)


def test_first_order_steps_are_those_of_theory():
    # Seen to fail: the prediction with the other racer's damping.
    config = comparison()
    job = race_jobs(config, CHOICES)[0]
    task = data_of(config, build_task(config.task), 0)
    for row in run_race(job, config, task)["rows"]:
        seen, theory = (
            row[f"{kind}_quantum"] / row[f"{kind}_classical"] for kind in ("first_order", "theory")
        )
        assert seen == pytest.approx(theory, rel=0.01)


def summary(step: int, quantum, classical) -> dict:
    drops = {"quantum": list(quantum), "classical": list(classical)}
    return {"arm": "born+quantum", "reference": "born+classical", "step": step, "drops": drops}


def test_checkpoints_get_verdicts_of_their_own_and_step_0_none():
    # Seen to fail: step 0 among the confirmatory tests.
    generator = np.random.default_rng(0)
    theirs = generator.normal(1, 0.1, 40)
    races = [
        summary(step, factor * theirs, theirs) for step, factor in ((0, 2.0), (5, 0.8), (20, 1.3), (60, 1.0))
    ]
    config = comparison(protocol={"replicates": 40})
    called = [each.verdict for each in verdicts(race_questions(config, races, PAIR))]
    assert called == ["none", "worse", "better", "equivalent"]
    frozen = [replace(arm, kl=0.1, damping=1.0) for arm in PAIR]
    assert {each.verdict for each in verdicts(race_questions(config, races, frozen))} == {"none"}
    half_given = [PAIR[0], replace(PAIR[1], damping=1000.0)]
    assert {each.verdict for each in verdicts(race_questions(config, races, half_given))} == {"none"}
    lost = [summary(5, theirs, theirs - 1)]
    assert "not surely above zero" in verdicts(race_questions(config, lost, PAIR))[0].reason


def test_a_comparison_with_replicates_races_and_goes_on_to_the_same_bytes(tmp_path):
    # Seen to fail: races made again by every resume; results without them.
    result = compare(comparison(), out=tmp_path / "run")
    races = result.results["race"]
    assert [(race["step"], race["ratio"]["n"], race["checkpoints"]) for race in races] == [
        (0, 3, 9),
        (3, 3, 9),
        (5, 3, 9),
    ]
    assert all(race["first_order_deviation"] < 0.01 for race in races)
    assert all(np.isfinite(race["predicted"]) for race in races)
    said = {entry["endpoint"]: entry["verdict"] for entry in result.results["verdicts"][-3:]}
    assert said == {"race at step 0": "none", "race at step 3": "none", "race at step 5": "none"}
    before = json.loads((result.folder / "results.json").read_text())
    parts = sorted((result.folder / "parts" / "race").iterdir())
    for path in (parts[1], result.folder / "report.html", result.folder / "results.json"):
        path.unlink()
    resume(result.folder, workers=1)
    after = json.loads((result.folder / "results.json").read_text())
    assert after["race"] == before["race"]

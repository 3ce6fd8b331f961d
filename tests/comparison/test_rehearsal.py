"""What a comparison would take: the runs that it does make, and times that add up."""

from __future__ import annotations

import pytest

from qgeo import compare
from qgeo.comparison import rehearsal
from qgeo.comparison.rehearsal import ArmRehearsal, Rehearsal, rehearse
from qgeo.errors import ConfigurationError
from tests.tiny_comparison import configuration


def test_runs_are_those_that_a_comparison_makes(tmp_path):
    made = compare(configuration(), out=tmp_path / "run", workers=1)
    rehearsed = rehearse(configuration(), workers=2)
    assert rehearsed.runs == len(list((made.folder / "parts").rglob("*.json")))
    assert [arm.name for arm in rehearsed.arms] == ["born+quantum", "born+classical", "softmax+adam"]
    assert all(arm.parameters > 0 and arm.seconds > 0 for arm in rehearsed.arms)


def test_tuning_on_the_twin_is_counted_where_it_runs():
    # Seen to fail: the trials counted for the arm on the backend, where they would cost shots.
    arms = {"names": ["born+adam@aer"]}
    rehearsed = rehearse(configuration(arms=arms, backend={"name": "aer", "shots": 16}), workers=1)
    assert {arm.name: arm.runs for arm in rehearsed.arms} == {"born+adam": 2, "born+adam@aer": 2}


def test_times_and_bytes_add_up():
    arms = (
        ArmRehearsal("a", 1, runs=3, seconds=0.5, bytes=10),
        ArmRehearsal("b", 1, runs=1, seconds=None, bytes=30),
    )
    both = Rehearsal(arms, steps=4, workers=2)
    assert (both.runs, both.seconds, both.bytes) == (4, 3.0, 60)


def test_a_metric_that_is_kept_is_timed_over_whole_periods(monkeypatch):
    # Seen to fail: two steps of which one takes the metric, where one in five does.
    steps = []
    train = rehearsal.train
    monkeypatch.setattr(
        rehearsal,
        "train",
        lambda task, short, *rest: steps.append(short.training.steps) or train(task, short, *rest),
    )
    rehearse(configuration(arms={"names": ["born+quantum"]}, training={"refresh": 5}), workers=1)
    assert steps == [11]


def test_what_does_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr("qgeo.comparison.memory.memory_bytes", lambda: 2**10)
    with pytest.raises(ConfigurationError, match="of memory, got born"):
        rehearse(configuration(), workers=1)


@pytest.mark.parametrize("given", ["config.toml", 5])
def test_settings_of_another_type_are_said(given):
    # Seen to fail: an attribute 'get' was missed.
    with pytest.raises(ConfigurationError, match=r"expected settings as a dict.*load_configuration"):
        compare(given)


def test_no_workers_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="expected at least 1 worker, got 0"):
        compare(configuration(), out=tmp_path / "run", workers=0)

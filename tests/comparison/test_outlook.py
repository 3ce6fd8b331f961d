"""Plan against budget: said and checked before anything is posted, in a new comparison and a resumed one."""

from __future__ import annotations

import shutil

import pytest
from posted_work import spy_on_posts
from tiny_comparison import one_trial, write_toml

from qgeo.backends.device import Device, device_by_name
from qgeo.backends.ledger import Ledger
from qgeo.cli import run
from qgeo.comparison import execution
from qgeo.comparison.comparison import compare
from qgeo.comparison.config import load_configuration, parse_configuration
from qgeo.comparison.inputs import build_task, load_inputs
from qgeo.comparison.outlook import check_outlook, outlook, outlook_of_folder
from qgeo.comparison.page import report
from qgeo.comparison.run_folder import RunFolder
from qgeo.errors import ConfigurationError, HardwareError

SECTIONS = {
    "arms": {"names": ["born+quantum"]},
    "training": {"steps": 4, "seeds": 2, "refresh": 2},
    "tuning": one_trial(0.1),
    "backend": {"name": "fake_manila", "shots": 16, "contexts": 2, "max_seconds": 1e6},
}
JOBS = 2 * (4 * 2 + 2 * 2)
"""Two seeds; loss and gradient of four steps; two metrics, whose first layer has shots of its own."""


@pytest.fixture(autouse=True)
def spy(monkeypatch):
    """Posts; what a comparison does beside them is left out."""
    monkeypatch.setattr(execution, "noise_sweep", lambda *_: [])
    monkeypatch.setattr(report, "write_report", lambda _: None)
    return spy_on_posts(monkeypatch)


@pytest.fixture
def config(tmp_path):
    return write_toml(tmp_path / "c.toml", **SECTIONS)


@pytest.fixture
def whole(config) -> float:
    """What all of it takes."""
    configuration = load_configuration(config)
    found = outlook(configuration, build_task(configuration.task), device_by_name("fake_manila"), 1e6)
    assert found.spent == 0
    assert found.total == found.left == found.plan.seconds
    return found.total


def test_what_cannot_finish_is_refused_before_there_is_a_folder(spy, config, whole, tmp_path, capsys):
    # Seen to fail: the check after the folder was made.
    out = tmp_path / "run"
    assert run(["compare", str(config), "--max-seconds", "30", "--out", str(out)]) == 2
    err = capsys.readouterr().err
    assert f"plan: born+quantum@fake_manila, {JOBS} jobs, " in err
    assert f"budget on fake_manila: 30 QPU s for {whole:,.1f} in all" in err
    assert f"at most 30 QPU seconds, this comparison takes about {int(whole) + 1} on fake_manila" in err
    assert "--fit 30" in err
    assert not out.exists()
    assert spy.works == []


def test_a_budget_as_large_as_the_plan_is_enough(spy, config, whole, tmp_path):
    # Seen to fail: seconds by the mean length of all circuits.
    settings = load_configuration(config).model_dump(exclude_none=True)
    settings["backend"]["max_seconds"] = whole
    result = compare(settings, out=tmp_path / "run")
    assert len(spy.works) == JOBS
    assert len(result.results["arms"]) == 2


def test_a_part_is_run_if_asked_for_and_resumed_when_it_can_finish(spy, config, whole, tmp_path, capsys):
    # Seen to fail: a resumed comparison that spends the rest of its budget and stops again; a budget that is
    # changed by a refused resume.
    out = tmp_path / "run"
    start = ["compare", str(config), "--max-seconds", "30", "--out", str(out), "--workers", "1"]
    assert run([*start, "--partial"]) == 2
    assert "expected at most 30 QPU seconds, this would make it about" in capsys.readouterr().err
    some = len(spy.works)
    assert 5 < some < JOBS
    again = ["compare", "--resume", str(out), "--workers", "1"]
    for more in ([], ["--max-seconds", "40"]):
        assert run([*again, *more]) == 2
        err = capsys.readouterr().err
        assert f"this comparison takes about {int(whole) + 1} on fake_manila" in err
        assert len(spy.works) == some
        assert load_configuration(out / "config.toml").backend.max_seconds == 30
    assert run([*again, "--max-seconds", str(int(whole) + 1)]) == 0
    assert len(spy.works) == JOBS


def part_of(configuration, budget, path) -> RunFolder:
    """A comparison that has used up its budget."""
    backend = configuration.backend.model_copy(update={"max_seconds": budget})
    with pytest.raises(HardwareError, match="this would make it about"):
        compare(configuration.model_copy(update={"backend": backend}), out=path, partial=True)
    return RunFolder(path)


@pytest.mark.parametrize("left", [30.0, 10.0])
def test_what_is_spent_and_what_is_left_are_the_whole(left, config, whole, tmp_path):
    # Seen to fail: jobs on disk counted twice.
    folder = part_of(load_configuration(config), whole - left, tmp_path / "run")
    found = outlook_of_folder(*load_inputs(folder.path), device_by_name("fake_manila"), whole - left, folder)
    assert 0 < found.spent <= whole - left
    assert found.total == pytest.approx(whole, rel=1e-9)
    with pytest.raises(HardwareError, match="expected at most"):
        check_outlook(found, partial=False)
    check_outlook(found, partial=True)


def test_a_run_that_ended_early_has_nothing_left(config, whole, tmp_path):
    # Seen to fail: what a diverged run did not take, planned for it again.
    folder = part_of(load_configuration(config), whole - 10.0, tmp_path / "run")
    assert folder.part("final/born+quantum@fake_manila-0").exists()
    ledger = Ledger(folder.ledgers / "final" / "born+quantum@fake_manila-0")
    last, before = ledger.count() - 1, ledger.seconds()
    shutil.rmtree(ledger.folder / "jobs" / f"{last:04d}")
    found = outlook_of_folder(*load_inputs(folder.path), device_by_name("fake_manila"), 1e6, folder)
    assert found.total == pytest.approx(whole - (before - ledger.seconds()))


def test_charges_count_in_place_of_estimates(config, whole, tmp_path):
    folder = part_of(load_configuration(config), 30.0, tmp_path / "run")
    entry = next(folder.ledgers.rglob("entry.json"))
    ledger, number = Ledger(entry.parents[2]), int(entry.parent.name)
    ledger.job(number).write_usage(100.0)
    found = outlook_of_folder(*load_inputs(folder.path), device_by_name("fake_manila"), 30.0, folder)
    assert found.total == pytest.approx(whole + 100.0 - ledger.job(number).entry().seconds)


def test_a_comparison_without_measured_arms_has_no_outlook():
    settings = {"arms": {"names": ["softmax+adam"]}, "backend": {"name": "fake_manila"}}
    configuration = parse_configuration(settings)
    assert outlook(configuration, build_task(configuration.task), device_by_name("fake_manila"), 1.0) is None


def test_what_lies_on_disk_needs_no_device(config, tmp_path, monkeypatch):
    # Seen to fail: a device looked up for the plan of a run whose jobs are all there.
    out = tmp_path / "run"
    compare(load_configuration(config), out=out)
    part = RunFolder(out).part("final/born+quantum@fake_manila-1")
    records = (out / "records.jsonl").read_bytes()

    def retired(_):
        raise ConfigurationError("no such device")

    monkeypatch.setattr(Device, "backend", property(retired))
    for missing in (out / "results.json", part):
        missing.unlink()
        assert run(["compare", "--resume", str(out), "--workers", "1"]) == 0
        assert (out / "records.jsonl").read_bytes() == records

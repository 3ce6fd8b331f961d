"""Training through a ledger: killed at any moment, it goes on where it stopped and posts nothing twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_comparison import configuration, one_trial, tree

from qgeo.backends.work import loaded_circuits
from qgeo.cli import run
from qgeo.comparison.comparison import compare, prepare, resume
from qgeo.comparison.config import parse_configuration, read_toml
from qgeo.errors import ConfigurationError, HardwareError

LEDGER = {
    "task": {"name": "golden-mean", "context": 2, "length": 600},
    "arms": {"names": ["born+quantum"]},
    "heads": {"layers": 1},
    "training": {"steps": 10, "batch": 8, "seeds": 1, "evaluate_every": 5, "validation_windows": 64},
    "tuning": one_trial(0.3),
    "backend": {"name": "fake_manila", "shots": 64, "contexts": 8, "max_seconds": 100_000},
}


def jobs(folder: Path) -> dict[str, str]:
    """Every entry of every ledger: its place and its tag."""
    entries = sorted((folder / "ledger").rglob("entry.json"))
    return {str(path.relative_to(folder)): json.loads(path.read_text())["tag"] for path in entries}


def test_a_training_that_is_killed_goes_on_and_posts_nothing_twice(tmp_path):
    # Seen to fail: tags made anew on resume (jobs posted twice), a sampler without a ledger.
    folder = prepare(parse_configuration(LEDGER), tmp_path / "run").path
    command = [sys.executable, "-c", "from qgeo.cli import main; main()", "compare", "--resume", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(list((folder / "ledger").rglob("result.npz"))) < 12 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = jobs(folder)
    assert 12 <= len(before) < 75
    finished = resume(folder)
    after = jobs(folder)
    assert {place: after[place] for place in before} == before
    steps = finished.results["arms"][1]
    assert steps["name"] == "born+quantum@fake_manila"
    assert steps["shots"] > 0
    whole = sum(
        json.loads(path.read_text())["executions"] for path in folder.rglob("final/*/jobs/*/entry.json")
    )
    assert whole == steps["shots"]


def test_a_budget_that_is_used_up_ends_the_run_in_a_sentence_and_keeps_what_there_is(tmp_path, capsys):
    # Seen to fail: no way to raise it but by hand; its advice "raise --max-seconds" is refused with --resume.
    settings = LEDGER | {"backend": LEDGER["backend"] | {"max_seconds": 20.0}}
    with pytest.raises(HardwareError, match="expected at most 20 QPU seconds, this would") as raised:
        compare(settings, out=tmp_path / "run", partial=True)
    advice = f"qgeo compare --resume {tmp_path / 'run'} --partial --max-seconds 2"
    assert advice in str(raised.value)
    kept = jobs(tmp_path / "run")
    assert 5 < len(kept) < 12
    before = read_toml(tmp_path / "run" / "config.toml")
    for given in ("0", "inf"):
        assert run(["compare", "--resume", str(tmp_path / "run"), "--max-seconds", given]) == 2
    assert "expected a budget in QPU seconds above 0 and finite" in capsys.readouterr().err
    assert run(["compare", "--resume", str(tmp_path / "run"), "--max-seconds", "100000"]) == 0
    after = read_toml(tmp_path / "run" / "config.toml")
    assert after.pop("backend") == before.pop("backend") | {"max_seconds": 100_000.0}
    assert after == before
    assert {place: jobs(tmp_path / "run")[place] for place in kept} == kept
    finished = tree(tmp_path / "run")
    assert run(["compare", "--resume", str(tmp_path / "run"), "--max-seconds", "5"]) == 0
    assert tree(tmp_path / "run") == finished


def test_a_comparison_without_a_budget_gets_none(tmp_path, capsys):
    path = prepare(configuration(), tmp_path / "run").path
    assert run(["compare", "--resume", str(path), "--max-seconds", "5"]) == 2
    assert "expected a comparison with a budget" in capsys.readouterr().err


def test_a_training_with_readout_mitigation_counts_its_calibrations(tmp_path):
    # Seen to fail: a ledger that is not told; calibrations that no record counts; error bars that are roots
    # of negative variances.
    few = {"training": LEDGER["training"] | {"steps": 3, "evaluate_every": 3}}
    settings = LEDGER | few | {"backend": LEDGER["backend"] | {"mitigate_readout": True}}
    arm = compare(settings, out=tmp_path / "run").results["arms"][1]
    entries = [json.loads(path.read_text()) for path in (tmp_path / "run").rglob("final/*/jobs/*/entry.json")]
    assert sum(entry["executions"] for entry in entries) == arm["shots"]
    assert sum(entry["circuits"] for entry in entries) == arm["circuits"]
    for path in (tmp_path / "run").rglob("circuits.qpy"):
        last = loaded_circuits(path.read_bytes())[-1]
        assert set(last.count_ops()) == {"x", "measure"}
    assert not arm["diverged"]


def test_a_device_needs_a_budget(tmp_path):
    settings = LEDGER | {"backend": {"name": "ibm_nowhere"}}
    with pytest.raises(ConfigurationError, match="expected a budget to train on ibm_nowhere"):
        compare(settings, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()

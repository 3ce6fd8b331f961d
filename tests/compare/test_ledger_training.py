"""Training through a ledger: killed at any moment, it goes on where it stopped and posts nothing twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qgeo.backends.ledger import loaded_circuits
from qgeo.compare.comparison import compare, prepare, resume
from qgeo.compare.config import parse_configuration
from qgeo.errors import ConfigurationError, HardwareError

LEDGER = {
    "task": {"name": "golden-mean", "context": 2, "length": 600},
    "arms": {"names": ["born+quantum"]},
    "heads": {"layers": 1},
    "training": {"steps": 10, "batch": 8, "seeds": 1, "evaluate_every": 5, "validation_windows": 64},
    "tuning": {"lr": [0.3]},
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


def test_a_budget_that_is_used_up_ends_the_run_in_a_sentence_and_keeps_what_there_is(tmp_path):
    settings = LEDGER | {"backend": LEDGER["backend"] | {"max_seconds": 20.0}}
    with pytest.raises(HardwareError, match="expected at most 20 QPU seconds, this would make it about"):
        compare(settings, out=tmp_path / "run")
    kept = jobs(tmp_path / "run")
    assert 5 < len(kept) < 12
    config = tmp_path / "run" / "config.toml"
    config.write_text(config.read_text().replace("max_seconds = 20.0", "max_seconds = 100000.0"))
    assert resume(tmp_path / "run").results["arms"][1]["shots"] > 0
    assert {place: jobs(tmp_path / "run")[place] for place in kept} == kept


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

"""A comparison on a Dask cluster whose workers share no file with it: the same bytes, whoever is killed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from tiny_comparison import one_trial, settings
from workers.cluster_processes import cluster

from qgeo.comparison.comparison import compare, resume
from qgeo.errors import RunFolderError

TEXT = "the cat sat on the mat and the dog sat on the log. " * 12


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A text, replicates and races, done in this process."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "corpus.txt").write_text(TEXT)
    return compare(_settings(folder / "corpus.txt"), out=folder / "run").folder


def _settings(corpus: Path) -> dict:
    return settings(
        task={"vocabulary": 6, "context": 2, "text": str(corpus)},
        arms={"names": ["born+quantum", "born+classical", "born+adam"]},
        tuning=one_trial(0.1),
    ) | {"protocol": {"replicates": 2, "finals": 2, "exploratory": 2}, "race": {"draws": 2}}


def _unfinished(whole: Path, place: Path) -> Path:
    """The same folder before its first run."""
    shutil.copytree(whole, place)
    for made in ("parts", "heads", "figures"):
        shutil.rmtree(place / made)
    for made in ("report.html", "results.json", "records.jsonl", "timings.jsonl"):
        (place / made).unlink()
    return place


def _decisive_files(folder: Path) -> dict[str, bytes]:
    """Heads and records; parts without what the clock says."""
    names = [*folder.glob("heads/*"), folder / "records.jsonl"]
    parts = {str(path.relative_to(folder)): _without_clock(path) for path in folder.glob("parts/*/*")}
    return {str(path.relative_to(folder)): path.read_bytes() for path in names} | parts


def _without_clock(part: Path) -> bytes:
    content = json.loads(part.read_bytes())
    return json.dumps({k: v for k, v in content.items() if k not in ("seconds", "sha256")}).encode()


def test_a_worker_is_killed_and_the_scheduler_comes_back(whole, tmp_path, monkeypatch):
    # Seen to fail: the corpus read from the client's path on a worker; parts without the head they name.
    monkeypatch.setattr("qgeo.workers.cluster.CONNECT_SECONDS", 8)  # that a lost scheduler is waited for
    folder = _unfinished(whole, tmp_path / "run")
    sentence = r"is gone; what was done is kept.*--scheduler ADDRESS goes on$"
    with cluster(tmp_path, workers=1) as processes, pytest.raises(RunFolderError, match=sentence):
        resume(folder, scheduler=processes.address, on_progress=_killing(processes.scheduler, 3))
    done = len(list(folder.glob("parts/*/*")))
    assert 0 < done < len(list(whole.glob("parts/*/*")))
    with cluster(tmp_path, workers=2) as processes:
        resume(folder, scheduler=processes.address, on_progress=_killing(processes.workers[0], 5))
    assert _decisive_files(folder) == _decisive_files(whole)


def _killing(process: subprocess.Popen[bytes], at: int) -> Callable[[str, int], None]:
    """A watcher that kills a process when it is told something for the so-manieth time."""
    told = count(1)

    def watch(_stage: str, _jobs: int) -> None:
        if next(told) == at:
            process.kill()

    return watch

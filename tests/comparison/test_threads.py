"""Every run keeps to one thread, whatever the machine has and whatever simulates it."""

from __future__ import annotations

from contextlib import closing

import pytest
import torch
from qiskit_aer import AerSimulator
from threadpoolctl import threadpool_info
from tiny_comparison import configuration

from qgeo.backends.ledgers import Ledgers
from qgeo.comparison.arms import parse_arm
from qgeo.comparison.comparison import prepare
from qgeo.comparison.execution import execute
from qgeo.comparison.inputs import RunInputs
from qgeo.comparison.jobs import Job
from qgeo.comparison.setting import Setting
from qgeo.comparison.threads import single_thread


@pytest.fixture
def seen(monkeypatch):
    """What every call of Aer's simulator may take: its own threads, torch's, those of linear algebra.

    Primitives call it in a Python thread of their own, in which OpenMP has its default again: Aer's own
    option is what limits it there.
    """
    threads, run = [], AerSimulator.run

    def watched(simulator, *arguments, **options):
        blas = {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}
        threads.append({simulator.options.max_parallel_threads, torch.get_num_threads(), *blas})
        return run(simulator, *arguments, **options)

    monkeypatch.setattr(AerSimulator, "run", watched)
    return threads


@pytest.mark.parametrize("backend", ["aer", "aer:noise=fake_manila", "fake_manila"])
def test_a_run_keeps_every_simulator_to_one_thread(backend, seen, tmp_path):
    # Seen to fail: Aer left to count the cores (training, noise model, sweep, agreement), BLAS left at two.
    section = {"name": backend, "shots": 16, "contexts": 2}
    config = configuration(arms={"names": ["born+quantum"]}, backend=section, training={"steps": 1})
    folder = prepare(config, tmp_path / "run")
    with single_thread():  # restores what the test itself changes
        torch.set_num_threads(2)
        job = Job(parse_arm(f"born+quantum@{backend}"), Setting(0.1, 1.0), 0, 0, final=True)
        execute(RunInputs.read(folder), job)
    assert len(seen) > 5  # the loss, its gradient, the metric, the agreement, the noise
    assert [threads for threads in seen if threads != {1}] == []


def test_a_ledger_keeps_a_fake_device_to_one_thread(seen, tmp_path):
    section = {"name": "fake_manila", "shots": 16, "contexts": 2, "max_seconds": 1000.0}
    config = configuration(arms={"names": ["born+adam"]}, backend=section, training={"steps": 1})
    folder = prepare(config, tmp_path / "run")
    with closing(Ledgers(folder.ledgers, "fake_manila", 1000.0)) as ledgers:
        job = Job(parse_arm("born+adam@fake_manila"), Setting(lr=0.1), 0, 0, final=True)
        execute(RunInputs.read(folder), job, ledgers)
    assert len(seen) > 3
    assert [threads for threads in seen if threads != {1}] == []


def test_what_was_before_comes_back():
    before = torch.get_num_threads(), threadpool_info()
    with single_thread():
        assert torch.get_num_threads() == 1
    assert (torch.get_num_threads(), threadpool_info()) == before

"""Copies of a ledger: either finds what the other one posted; what neither can tell apart is not posted."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from quick_clock import QuickClock
from scripted_runner import ScriptedRunner

from qgeo.backends.ledger import Ledger
from qgeo.backends.ledger_sampler import LedgerSampler, Untouched
from qgeo.errors import PendingError, RefusedError
from qgeo.estimators.experiments import REGISTER


class Recalibrated:
    """A pass manager that has come to another result since."""

    def run(self, circuits: list[QuantumCircuit]) -> list[QuantumCircuit]:
        made = [circuit.copy() for circuit in circuits]
        for circuit in made:
            circuit.barrier()
        return made


class CountingRunner(ScriptedRunner):
    def __init__(self, **how) -> None:
        super().__init__(**how)
        self.searched: list[str] = []

    def find(self, tag):
        self.searched.append(tag)
        return super().find(tag)


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    made = Ledger(tmp_path / "ledger")
    made.create({"kind": "test"})
    return made


@pytest.fixture
def runner() -> CountingRunner:
    return CountingRunner()


def copied(ledger: Ledger, name: str = "copy") -> Ledger:
    return Ledger(Path(shutil.copytree(ledger.folder, ledger.folder.with_name(name))))


def measured() -> QuantumCircuit:
    from qiskit import ClassicalRegister

    circuit = QuantumCircuit(1)
    circuit.add_register(ClassicalRegister(1, REGISTER))
    circuit.ry(Parameter("a"), 0)
    circuit.measure(0, 0)
    return circuit


CIRCUIT = measured()


def jobs(ledger: Ledger, runner: ScriptedRunner, count: int = 1, pass_manager=None, **how) -> None:
    """A process that wants so many jobs, and does not wait for them."""
    sampler = LedgerSampler(
        ledger,
        runner,
        pass_manager or Untouched(),
        **({"max_seconds": 1000.0, "clock": QuickClock(), "may_fetch": False} | how),
    )
    for number in range(count):
        with pytest.raises(PendingError):
            sampler.run([(CIRCUIT, np.array([[0.1 * number]]))], shots=20).result()


def test_what_a_copy_posted_is_adopted(ledger, runner):
    # Seen to fail: tags made at random, so that the same job has another one in the copy.
    copy = copied(ledger)
    jobs(copy, runner, 3)
    jobs(ledger, runner, 3)
    assert [ledger.job(number).job_id() for number in range(3)] == ["job-0", "job-1", "job-2"]
    assert len(runner.posted) == 3
    jobs(copy, runner, 4)
    jobs(ledger, runner, 4)
    assert len(runner.posted) == 4


def test_two_copies_at_once_post_each_job_once(ledger, runner):
    # Seen to fail: no search after the first one of a process.
    samplers = [
        LedgerSampler(each, runner, Untouched(), max_seconds=1000.0, clock=QuickClock(), may_fetch=False)
        for each in (ledger, copied(ledger))
    ]
    for number in range(3):
        for sampler in samplers:
            sampler.run([(CIRCUIT, np.array([[0.1 * number]]))], shots=20)
    assert len(runner.posted) == 3


def test_what_is_not_known_here_is_not_posted_again(ledger, runner):
    # Seen to fail: without the search by the ledger's tag, the job is paid twice.
    jobs(copied(ledger), runner)
    with pytest.raises(RefusedError, match=r"job 0 was not posted, as .* \(1, such as job-0\): a copy of it"):
        jobs(ledger, runner, pass_manager=Recalibrated())
    assert len(runner.posted) == 1
    jobs(ledger, runner, pass_manager=Recalibrated(), post_anyway=True)
    assert len(runner.posted) == 2


def test_what_took_the_place_of_a_failed_job_is_known(ledger, runner):
    # Seen to fail: only the first job of an entry taken for its own; nothing more is then posted.
    jobs(ledger, runner)
    ledger.job(0).give_up("failed")
    jobs(ledger, runner, 1)
    jobs(ledger, runner, 2)
    assert len(runner.posted) == 3
    assert [ledger.job(number).job_id() for number in range(2)] == ["job-1", "job-2"]


def test_there_is_one_search_by_the_tag_of_the_ledger(ledger, runner):
    jobs(ledger, runner, 4)
    tags = [ledger.job(number).entry().tag for number in range(4)]
    first, *others = tags  # before each post and behind it; before the first one by the ledger's tag
    assert runner.searched == [ledger.tag, first, *(tag for tag in others for _ in range(2))]
    jobs(ledger, runner, 5)
    assert runner.searched.count(ledger.tag) == 2
    assert all({tag, ledger.tag} == set(both) for tag, both in zip(tags, runner.tags, strict=False))


def test_a_ledger_of_its_own_has_other_tags(tmp_path, runner):
    both = [Ledger(tmp_path / name) for name in "ab"]
    for ledger in both:
        ledger.create({"kind": "test"})
        jobs(ledger, runner)
    assert both[0].job(0).entry().tag != both[1].job(0).entry().tag
    assert len(runner.posted) == 2

"""LedgerSampler: everything on disk before a post, every job posted once, whatever gets lost on the way."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import ParameterVector
from quick_clock import QuickClock
from scripted_runner import ScriptedRunner

from qgeo.backends.device import check_isa, device_by_name
from qgeo.backends.ledger import Ledger
from qgeo.backends.ledger_files import LEDGER_FILES
from qgeo.backends.ledger_sampler import LedgerSampler, Untouched
from qgeo.backends.work import Work, fingerprint, loaded_circuits
from qgeo.errors import HardwareError, LedgerError, PendingError
from qgeo.estimators.lin_comb import LinCombQFI
from qgeo.locks import locked


def circuit() -> QuantumCircuit:
    theta = ParameterVector("theta", 3)
    built = QuantumCircuit(2)
    built.ry(theta[0], 0)
    built.cx(0, 1)
    built.rz(theta[1], 1)
    built.rx(theta[2], 0)
    return built


VALUES = np.array([0.4, 0.7, -0.3])


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    made = Ledger(tmp_path / "ledger")
    made.create({"kind": "test"})
    return made


def sampler(ledger, runner, **how) -> LedgerSampler:
    return LedgerSampler(
        ledger, runner, Untouched(), **({"max_seconds": 1000.0, "clock": QuickClock()} | how)
    )


def estimate(ledger, runner, values=VALUES, shots=200, **how):
    return LinCombQFI(sampler(ledger, runner, **how), pass_manager=Untouched()).estimate(
        circuit(), values, shots=shots
    )


def test_an_estimate_runs_once_and_is_read_again(ledger):
    runner = ScriptedRunner()
    first = estimate(ledger, runner)
    second = estimate(ledger, runner)
    assert_array_equal(first.matrix, second.matrix)
    assert len(runner.posted) == runner.fetched == 1
    assert first.shots == sum(work.executions for _, work in runner.posted)
    assert ledger.seconds() == 1.5  # what was charged, not the estimate


def test_an_answer_that_was_lost_is_found_by_its_tag(ledger):
    # Seen to fail: without the search by tag, "expected an answer to the post".
    runner = ScriptedRunner(lose_answers=1)
    estimate(ledger, runner)
    assert len(runner.posted) == 1
    assert ledger.job(0).job_id() == "job-0"


def test_a_post_that_was_refused_is_tried_again_from_the_same_entry(ledger):
    runner = ScriptedRunner(refuse=1)
    with pytest.raises(HardwareError, match="not posted"):
        estimate(ledger, runner)
    tag = ledger.job(0).entry().tag
    estimate(ledger, runner)
    assert [posted for posted, _ in runner.posted] == [tag]


def test_a_job_that_is_not_done_is_pending_and_nothing_is_posted_again(ledger):
    runner = ScriptedRunner(statuses=("queued", "running"))
    for _ in range(2):
        with pytest.raises(PendingError, match="not done yet"):
            estimate(ledger, runner)
    estimate(ledger, runner)
    assert len(runner.posted) == 1


def test_waiting_polls_until_it_is_done(ledger):
    runner = ScriptedRunner(statuses=("queued", "running", "running"))
    estimate(ledger, runner, wait=0.0)
    assert not runner.statuses


class GivenUp(ScriptedRunner):
    """Its job is given up by another process while this one waits."""

    def status(self, job_id: str, tag: str) -> str:
        del job_id, tag
        self.ledger.job(0).give_up("failed")
        return "running"


def test_nothing_is_posted_by_whoever_waits(ledger):
    # Seen to fail: a job given up meanwhile was posted again from the loop that waits, without the lock.
    runner = GivenUp()
    runner.ledger = ledger
    with pytest.raises(PendingError, match=r"job 0 was given up by another process; .* posts another one"):
        estimate(ledger, runner, wait=0.0)
    assert len(runner.posted) == 1


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_job_that_ended_badly_is_said(ledger, status):
    with pytest.raises(HardwareError, match=f"it is {status}"):
        estimate(ledger, ScriptedRunner(statuses=(status,)))


def test_the_budget_is_kept_before_anything_is_written(ledger):
    runner = ScriptedRunner()
    with pytest.raises(HardwareError, match="expected at most 2 QPU seconds, this would make it about"):
        estimate(ledger, runner, max_seconds=2.0)
    assert ledger.count() == 0
    assert not runner.posted


def test_ledgers_that_share_a_budget_are_written_to_one_at_a_time(ledger):
    # Seen to fail with the lock of the ledger alone: two processes both see the last seconds unspent.
    shared, runner = ledger.folder.parent, ScriptedRunner()
    writing = Thread(target=estimate, args=(ledger, runner), kwargs={"shared": shared})
    with locked(shared, LEDGER_FILES):
        writing.start()
        writing.join(0.5)
        assert (ledger.count(), runner.posted) == (0, [])
    writing.join()
    assert len(runner.posted) == 1


def test_posting_and_fetching_can_be_forbidden(ledger):
    runner = ScriptedRunner()
    with pytest.raises(PendingError, match="not posted yet"):
        estimate(ledger, runner, may_post=False)
    with pytest.raises(PendingError):
        estimate(ledger, runner, may_fetch=False)
    assert len(runner.posted) == 1
    assert runner.fetched == 0
    estimate(ledger, runner, may_post=False)


def test_other_settings_do_not_read_this_ledgers_results(ledger):
    # Seen to fail: without the fingerprint the old result is returned for other values.
    estimate(ledger, ScriptedRunner())
    for changed in ({"values": VALUES + 0.1}, {"shots": 201}):
        with pytest.raises(LedgerError, match="got another, made with other settings"):
            estimate(ledger, ScriptedRunner(), **changed)


def test_everything_is_on_disk_before_the_post(ledger):
    class Looking(ScriptedRunner):
        def post(self, work, tags, sending):
            assert (ledger.job(0).entry().tag, ledger.tag) == (tags.job, tags.ledger)
            assert fingerprint(ledger.job(0).work()) == fingerprint(work)
            return super().post(work, tags, sending)

    estimate(ledger, Looking())


def test_files_are_the_owners_alone(ledger):
    # Seen to fail: a folder above jobs/ with the mode of any new folder, whoever may read it.
    estimate(ledger, ScriptedRunner())
    for path in (ledger.folder, *ledger.folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("known", ["by its id", "by its tag"])
@pytest.mark.parametrize("name", ["circuits.qpy", "values.npz"])
def test_a_changed_file_is_not_read_nor_is_its_job_gone_on_with(ledger, name, known):
    # Seen to fail: files looked at by a post only, so that a job that exists is resumed with others.
    runner = ScriptedRunner()
    with pytest.raises(PendingError):
        estimate(ledger, runner, may_fetch=False)
    job = ledger.folder / "jobs" / "0000"
    (job / name).write_bytes((job / name).read_bytes() + b" ")
    if known == "by its tag":
        (job / "posted.json").unlink()
    with pytest.raises(LedgerError, match="as it was written"):
        ledger.job(0).work()
    with pytest.raises(LedgerError, match="as it was written"):
        estimate(ledger, runner, may_fetch=False)
    assert len(runner.posted) == 1


def test_old_qpy_and_pickles_are_refused(tmp_path):
    with pytest.raises(LedgerError, match="expected circuits in QPY version"):
        loaded_circuits(b"QISKIT" + bytes([5]) + bytes(100))
    with pytest.raises(LedgerError, match="got damage"):
        loaded_circuits(b"QISKIT" + bytes([qpy.common.QPY_VERSION]) + bytes(3))
    evil = Ledger(tmp_path / "evil")
    evil.create({})
    measured = QuantumCircuit(1)
    measured.measure_all()
    work = Work((measured,), (np.zeros((1, 0)),), 10)
    evil.job(0).write_entry(work, 2.0, "mark", tag=evil.tag_for(0, work))
    arrays = {"00000": np.array([print], dtype=object), "job": np.zeros(32, np.uint8)}
    np.savez(evil.folder / "jobs" / "0000" / "result.npz", **arrays)
    with pytest.raises(LedgerError, match="expected numbers, got objects"):
        evil.job(0).result()


def test_a_full_disk_posts_nothing(ledger, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    runner = ScriptedRunner()
    with pytest.raises(LedgerError, match="No space left on device; nothing was posted after this"):
        estimate(ledger, runner)
    assert not runner.posted
    assert not list(ledger.folder.rglob("*.tmp"))


SECOND_PROCESS = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from qgeo.backends.ledger import Ledger
from scripted_runner import ScriptedRunner
from test_ledger_sampler import estimate
runner = ScriptedRunner(refuse=9)
print(repr(estimate(Ledger(Path(sys.argv[1])), runner).matrix.tolist()))
"""


def test_another_process_collects_the_same(ledger):
    first = estimate(ledger, ScriptedRunner())
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", SECOND_PROCESS, str(ledger.folder), str(here), str(here.parent)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == first.matrix.tolist()


def test_shots_that_differ_are_jobs_of_their_own(ledger):
    runner = ScriptedRunner()
    built = LinCombQFI(sampler(ledger, runner), pass_manager=Untouched())
    built.estimate_mean(circuit(), np.stack([VALUES, VALUES + 1]), shots=50)
    assert sorted(work.shots for _, work in runner.posted) == [50, 100]  # one circuit has no parameters


def test_work_that_a_device_cannot_run_is_refused_before_it_is_written(ledger):
    target = device_by_name("fake_manila")
    wide = QuantumCircuit(6)
    foreign = QuantumCircuit(5)
    foreign.h(0)
    far = QuantumCircuit(5)
    far.cx(0, 4)
    for circuit_, said in ((wide, "at most 5 qubits"), (foreign, "has h on"), (far, "has cx on")):
        with pytest.raises(HardwareError, match=said):
            target.check(Work((circuit_,), (np.zeros((1, 0)),), 10))
    with pytest.raises(HardwareError, match="has sdg on"):
        estimate(ledger, ScriptedRunner(), check=target.check)
    assert ledger.count() == 0


def test_fractional_rzz_is_checked():
    built = QuantumCircuit(2)
    built.rzz(2.0, 0, 1)

    class Target:
        num_qubits = 2

        def instruction_supported(self, _name, _qubits):
            return True

    with pytest.raises(HardwareError, match=r"rzz angles in \[0, π/2\]"):
        check_isa(Work((built,), (np.zeros((1, 0)),), 10), Target())


def test_a_disk_that_is_really_full(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(small)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        made, runner = Ledger(small / "ledger"), ScriptedRunner()
        made.create({"kind": "test"})
        (small / "filler").write_bytes(b"x" * 4096)
        with pytest.raises(LedgerError, match="No space left on device"):
            estimate(made, runner)
        assert not runner.posted
        assert made.count() == 0
        (small / "filler").unlink()
        subprocess.run(["mount", "-o", "remount,size=1m", str(small)], check=True)
        estimate(made, runner)
        assert len(runner.posted) == 1
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize("year", ["1970", "2100"])
def test_a_clock_that_was_set_changes_nothing(ledger, year):
    runner = ScriptedRunner(statuses=("queued",))
    with pytest.raises(PendingError):
        estimate(ledger, runner)
    for name in ("entry.json", "attempted.json", "posted.json"):
        path = ledger.folder / "jobs" / "0000" / name
        content = json.loads(re.sub(r"\d{4}-(\d\d-\d\dT)", rf"{year}-\1", path.read_text()))
        write = LEDGER_FILES.write_json if content.pop("sha256", None) is None else LEDGER_FILES.write_sealed
        write(path, content)
        os.utime(path, (0, 0))
    estimate(ledger, runner)
    assert len(runner.posted) == 1

"""Jobs that ended without a result: everything else is fetched, and they run again when somebody says so."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hardware.loopback_faults import PENDING, Changed, HttpError, JobCancelled, JobFails
from hardware.small_jobs import request
from hardware.test_ledgers import MEASURED

from qgeo.backends.device import Device
from qgeo.backends.ibm_account import Account
from qgeo.backends.ledger import Ledger
from qgeo.backends.ledgers import Ledgers
from qgeo.backends.spending import Spending
from qgeo.backends.splitting import Limits
from qgeo.cli import run
from qgeo.errors import FailedJobError, HardwareError, PendingError
from qgeo.hardware import ending
from qgeo.hardware.ending import retry_all
from qgeo.hardware.requests import cancel, collect, post, states, submit


@pytest.fixture(autouse=True)
def quick(quick):
    """Every test here."""


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "ledger")


@pytest.fixture
def several(monkeypatch) -> None:
    """A request of more than two jobs."""
    monkeypatch.setattr(Device, "limits", Limits(executions=200))


def failed(running, where, ledger, fault=JobFails()) -> None:  # noqa: B008 - frozen
    running.inject(fault)
    submit(request(), where, ledger.folder, 60.0)
    with pytest.raises(FailedJobError):
        collect(ledger, where)


@pytest.fixture
def long_ago(monkeypatch) -> None:
    """Every job was posted long ago."""
    monkeypatch.setattr(ending, "MINUTES_BEFORE_GONE", 0.0)


def deleted(running) -> None:
    running.state.jobs.pop(0)


def retry(ledger, where) -> None:
    retry_all([ledger], where, ledger.folder)


@pytest.mark.usefixtures("several")
def test_everything_else_is_fetched_before_a_failed_job_is_said(running, where, ledger):
    # Seen to fail: the first failure ends it, what is done behind it stays on the service.
    running.inject(JobFails())
    submit(request(), where, ledger.folder, 60.0)
    with pytest.raises(
        FailedJobError, match=r"expected job 0, \w+, to be done, it is failed; .* retry .* more$"
    ):
        collect(ledger, where)
    assert [ledger.job(number).has_result() for number in range(ledger.count())] == [False, True, True, True]


@pytest.mark.parametrize("fault", [JobFails(), JobCancelled()], ids=["failed", "cancelled"])
def test_a_job_that_failed_runs_again_when_somebody_says_so(running, where, ledger, fault):
    # Seen to fail: the tag of the failed job, by which that one is found and adopted again.
    failed(running, where, ledger, fault)
    post(ledger, where)
    assert running.posts() == 1  # nothing is paid for again without a word
    retry(ledger, where)
    assert running.posts() == 1
    assert [job.status for job in states(ledger, _reader(ledger, where))] == ["written"]
    post(ledger, where)
    assert collect(ledger, where).shots == running.jobs[1].executions
    assert running.posts() == len(running.jobs) == 2
    assert not set(running.jobs[0].tags) & set(running.jobs[1].tags) - {"qgeo", ledger.tag}


def test_nothing_is_given_up_that_is_not_known_to_have_ended(running, where, ledger):
    running.delay = 600.0
    submit(request(), where, ledger.folder, 60.0)
    retry(ledger, where)
    running.inject(HttpError(500, on="poll", times=6))
    with pytest.raises(PendingError):
        retry(ledger, where)
    running.delay = 0.0
    assert ledger.job(0).earlier() == ()
    assert ledger.job(0).job_id() == running.jobs[0].id


@pytest.mark.usefixtures("long_ago")
def test_a_job_that_is_gone_is_said_and_runs_again(running, where, ledger):
    # Seen to fail: "try again later", for ever.
    submit(request(), where, ledger.folder, 60.0)
    deleted(running)
    with pytest.raises(FailedJobError, match="it is missing; results of others are kept"):
        collect(ledger, where)
    retry(ledger, where)
    post(ledger, where)
    assert collect(ledger, where).shots > 0
    assert ledger.seconds() == pytest.approx(ledger.job(0).entry().seconds + running.jobs[0].seconds)


@pytest.mark.usefixtures("long_ago")
def test_one_answer_that_there_is_no_such_job_is_not_believed(running, where, ledger):
    # Seen to fail: a job that is done given up and paid for again, after a single 404.
    submit(request(), where, ledger.folder, 60.0)
    running.inject(HttpError(404, on="poll", times=2))
    with pytest.raises(PendingError, match=r"the service lists job \w+ and does not find it"):
        collect(ledger, where)
    with pytest.raises(PendingError, match="lists job"):
        retry(ledger, where)
    assert ledger.job(0).earlier() == ()
    assert collect(ledger, where).shots > 0


def test_a_job_that_was_posted_just_now_is_not_given_up(running, where, ledger):
    submit(request(), where, ledger.folder, 60.0)
    deleted(running)
    with pytest.raises(PendingError, match="was posted less than 15 minutes ago"):
        retry(ledger, where)
    assert ledger.job(0).earlier() == ()


@pytest.mark.usefixtures("long_ago")
def test_a_job_of_another_account_is_neither_gone_nor_cancelled(running, where, ledger, monkeypatch):
    # Seen to fail: given up with the key of somebody else in the environment, and paid for there.
    submit(request(), where, ledger.folder, 60.0)
    jobs = list(running.jobs)
    running.state.jobs.clear()
    monkeypatch.setattr(Account, "instances", lambda _: ("0" * 64,))
    for command in (collect, retry):
        with pytest.raises(PendingError, match=r"was posted to another instance .* QISKIT_IBM_INSTANCE"):
            command(ledger, where)
    with pytest.raises(HardwareError, match=r"all but 1 are: job 0: job .* was posted to another instance"):
        cancel(ledger, where)
    running.state.jobs.extend(jobs)


@pytest.mark.usefixtures("long_ago")
def test_a_job_that_was_given_up_and_comes_back_is_cancelled_too(running, where, ledger):
    # Seen to fail: only the newest job of an entry cancelled; the other one runs, and is paid for.
    running.delay = 600.0
    submit(request(), where, ledger.folder, 60.0)
    hidden = list(running.jobs)
    running.state.jobs.clear()
    retry(ledger, where)
    post(ledger, where)
    running.state.jobs.extend(hidden)
    cancel(ledger, where)
    running.delay = 0.0
    assert [job.status for job in running.jobs] == ["Cancelled", "Cancelled"]


# ---- what it costs ---------------------------------------------------------------------------------------


def test_what_a_failed_job_was_charged_counts_on(running, where, ledger):
    # Seen to fail: the charge removed with the job.
    failed(running, where, ledger)
    running.jobs[0].seconds = 3.5
    (ledger.folder / "jobs" / "0000" / "usage.json").unlink()
    retry(ledger, where)
    post(ledger, where)
    expected = pytest.approx(3.5 + ledger.job(0).entry().seconds)
    assert ledger.seconds() == expected
    assert Spending(ledger.folder).seconds() == expected
    collect(ledger, where)
    assert ledger.seconds() == pytest.approx(3.5 + running.jobs[1].seconds)


def test_and_must_be_known_before_another_job_is_posted(running, where, ledger):
    # Seen to fail: a charge that comes later passes the budget.
    pending = json.dumps({"usage": PENDING})
    running.inject(Changed(lambda _: pending, on="metrics", times=2))
    failed(running, where, ledger)
    with pytest.raises(PendingError, match=r"has not computed yet what job .* --at-estimate"):
        retry(ledger, where)
    assert ledger.job(0).earlier() == ()
    retry(ledger, where)
    assert len(ledger.job(0).earlier()) == 1


def test_where_it_is_never_known_the_estimate_may_count(running, where, ledger):
    # Seen to fail: a job whose usage never becomes final never runs again.
    never = json.dumps({"usage": {"status": "failed"}})
    running.inject(Changed(lambda _: never, on="metrics", times=2))
    failed(running, where, ledger)
    retry_all([ledger], where, ledger.folder, at_estimate=True)
    assert ledger.seconds() == pytest.approx(2 * ledger.job(0).entry().seconds)


def test_a_job_that_runs_again_keeps_within_the_budget(running, where, ledger):
    # Seen to fail: its seconds counted once.
    running.inject(JobFails())
    submit(request(), where, ledger.folder, 1.2 * request().plan(where).seconds)
    running.jobs[0].look()
    running.jobs[0].seconds = 2.0
    retry(ledger, where)
    with pytest.raises(HardwareError, match=r"expected at most .* QPU seconds, this would make it about"):
        post(ledger, where)
    assert running.posts() == 1
    post(ledger, where, max_seconds=60.0)
    assert running.posts() == 2


def test_what_was_cancelled_does_not_run_again(running, where, ledger):
    running.delay = 600.0
    submit(request(), where, ledger.folder, 60.0)
    cancel(ledger, where)
    running.delay = 0.0
    with pytest.raises(HardwareError, match=r"expected jobs to run again, .* was cancelled"):
        retry(ledger, where)
    with pytest.raises(FailedJobError, match=r"it is cancelled; .* runs again: it was cancelled$"):
        collect(ledger, where)


# ---- cut on the way --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "left", [("posted.json",), ("attempted.json", "posted.json"), ("usage.json", "posted.json")]
)
def test_a_retry_that_is_cut_is_finished_by_the_next_command(running, where, ledger, left):
    # Seen to fail: the charge of the failed job taken for that of the next one.
    failed(running, where, ledger)
    job = ledger.folder / "jobs" / "0000"
    (job / "attempted.json").write_text('{"utc": 1.0, "uptime": 2.0, "boot": "x"}')
    before = {name: (job / name).read_bytes() for name in left}
    retry(ledger, where)
    for name, content in before.items():
        (job / name).write_bytes(content)
    assert ledger.job(0).job_id() is None
    post(ledger, where)
    assert collect(ledger, where).shots > 0
    assert len(running.jobs) == 2


def test_a_second_failure_is_another_tag(running, where, ledger):
    failed(running, where, ledger)
    running.inject(JobFails())
    for _ in range(2):
        retry(ledger, where)
        post(ledger, where)
        running.jobs[-1].look()
    assert collect(ledger, where).shots > 0
    assert len({tuple(job.tags) for job in running.jobs}) == 3
    assert [earlier.job_id for earlier in ledger.job(0).earlier()] == [job.id for job in running.jobs[:2]]


def test_a_changed_list_of_earlier_jobs_is_noticed(running, where, ledger, capsys):
    failed(running, where, ledger)
    retry(ledger, where)
    path = ledger.folder / "jobs" / "0000" / "earlier.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"jobs": []}))
    assert run(["hardware", "status", str(ledger.folder)]) == 2
    assert "earlier.json" in capsys.readouterr().err


# ---- in a terminal, and in a comparison ------------------------------------------------------------------


def test_the_commands_that_are_named_work(running, where, ledger, capsys):
    failed(running, where, ledger)
    assert run(["hardware", "retry", str(ledger.folder)]) == 0
    assert "written" in capsys.readouterr().out
    assert run(["hardware", "resume", str(ledger.folder)]) == 0
    capsys.readouterr()
    assert run(["hardware", "collect", str(ledger.folder), "--json"]) == 0
    assert np.isfinite(json.loads(capsys.readouterr().out)["matrix"]).all()


def test_the_jobs_of_a_comparison_run_again(running, where, clock, tmp_path, capsys):
    # Seen to fail: a command that takes folders of one ledger only.
    def opened() -> Ledgers:
        ledgers = Ledgers(tmp_path / "run" / "ledger", "ibm_manila", 1000.0, clock=clock)
        vars(ledgers)["device"] = where
        return ledgers

    running.inject(JobFails())
    command = (
        f"qgeo hardware retry {tmp_path / 'run'} gives it up, and qgeo compare --resume {tmp_path / 'run'}"
    )
    with pytest.raises(FailedJobError, match=command):
        opened().sampler("final/a", {}).run([(MEASURED, [0.3, 2.0])], shots=50).result()
    assert run(["hardware", "retry", str(tmp_path / "run")]) == 0
    assert "written" in capsys.readouterr().out
    opened().sampler("final/a", {}).run([(MEASURED, [0.3, 2.0])], shots=50).result()
    assert running.posts() == 2


def _reader(ledger, where):
    from qgeo.backends.device import ledger_sampler

    return ledger_sampler(where, ledger, max_seconds=0, may_post=False)

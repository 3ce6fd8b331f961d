"""Cancelling: whatever became of a post, its job is cancelled, and nothing is posted from then on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hardware.loopback_faults import Dropped, HttpError, ListedLate
from hardware.small_jobs import request
from hardware.test_ledgers import post as post_one

from qgeo.backends.device import Device, ledger_sampler
from qgeo.backends.ledger import Ledger
from qgeo.backends.ledger_files import write_cancelled
from qgeo.backends.ledgers import Ledgers
from qgeo.backends.posting import WAITS_BEFORE_SEARCH
from qgeo.backends.splitting import Limits
from qgeo.cli import run
from qgeo.errors import HardwareError, LedgerError, PendingError, RefusedError, UnansweredError
from qgeo.hardware import ending
from qgeo.hardware.fisher_request import write_request
from qgeo.hardware.requests import cancel, collect, post, states, submit

LISTED_AFTER_THE_SEARCHES = ListedLate(len(WAITS_BEFORE_SEARCH))


@pytest.fixture(autouse=True)
def queued(quick, running):  # noqa: ARG001
    """Every test here: jobs stay in their queue."""
    running.delay = 600.0
    yield
    running.delay = 0.0


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def unanswered(running, where, ledger, listed: ListedLate = LISTED_AFTER_THE_SEARCHES) -> None:
    """A job whose post had no answer."""
    running.inject(Dropped(took_effect=True), listed)
    with pytest.raises(UnansweredError):
        submit(request(), where, ledger.folder, 60.0)
    assert ledger.job(0).job_id() is None


def assert_nothing_is_posted_by_resume(running, where, ledger, posts: int) -> None:
    with pytest.raises(
        HardwareError, match=r"expected jobs to post, .* was cancelled at 20.* nothing of it is"
    ):
        post(ledger, where)
    assert running.posts() == posts


def test_a_job_whose_post_had_no_answer_is_found_and_cancelled(running, where, ledger):
    # Seen to fail: only jobs with a known id cancelled; this one runs, and is paid for.
    unanswered(running, where, ledger)
    (job,) = cancel(ledger, where)
    assert (job.status, job.job_id) == ("cancelled", running.jobs[0].id)
    assert running.jobs[0].status == "Cancelled"
    post(ledger, where)  # it is known, and not posted again
    assert running.posts() == 1


def test_a_job_that_is_not_listed_yet_is_said_and_cancelled_later(running, where, ledger):
    # Seen to fail: "cancelled", and a second post by resume a quarter of an hour later.
    unanswered(running, where, ledger, ListedLate(len(WAITS_BEFORE_SEARCH) + 2))
    with pytest.raises(
        HardwareError, match=r"all but 1 are: job 0: its post had no answer, .* cancel .* tries"
    ):
        cancel(ledger, where)
    where.clock.seconds += 3600
    assert_nothing_is_posted_by_resume(running, where, ledger, 1)
    (job,) = cancel(ledger, where)
    assert (job.status, running.jobs[0].status) == ("cancelled", "Cancelled")


def test_what_was_never_posted_stays_so_and_its_seconds_are_free(running, where, ledger):
    # Seen to fail: resume posts what was cancelled.
    running.inject(HttpError(400))
    with pytest.raises(RefusedError):
        submit(request(), where, ledger.folder, 60.0)
    (job,) = cancel(ledger, where)
    assert job.status == "cancelled"
    assert ledger.seconds() == 0.0
    assert_nothing_is_posted_by_resume(running, where, ledger, 1)
    assert running.jobs == []


def test_a_request_that_was_cut_before_its_jobs_were_written_stays_without(running, where, ledger):
    # Seen to fail: a mark on each job that there is.
    write_request(ledger, request(), where, 60.0)
    assert cancel(ledger, where) == []
    assert_nothing_is_posted_by_resume(running, where, ledger, 0)
    assert ledger.count() == 0


def test_what_is_done_can_be_collected(running, where, ledger):
    running.delay = 0.0
    submit(request(), where, ledger.folder, 60.0)
    running.jobs[0].look()
    cancel(ledger, where)
    assert collect(ledger, where).shots == running.jobs[0].executions
    assert running.posts() == 1


def test_a_cancelled_job_is_said_by_collect(where, ledger):
    submit(request(), where, ledger.folder, 60.0)
    cancel(ledger, where)
    with pytest.raises(HardwareError, match="it is cancelled"):
        collect(ledger, where)


def test_one_that_cannot_be_cancelled_now_does_not_keep_the_others(running, where, ledger, monkeypatch):
    # Seen to fail: the first job without an answer ends it.
    monkeypatch.setattr(Device, "limits", Limits(executions=200))
    submit(request(), where, ledger.folder, 60.0)
    assert len(running.jobs) > 2
    running.inject(HttpError(500, on="cancel"))
    with pytest.raises(HardwareError, match=r"all but 1 are: job 0: the service gave no usable answer"):
        cancel(ledger, where)
    assert [job.status for job in running.jobs] == ["Queued", *["Cancelled"] * (len(running.jobs) - 1)]
    assert {job.status for job in cancel(ledger, where)} == {"cancelled"}


def test_one_whose_files_are_damaged_does_not_keep_the_others(running, where, ledger, monkeypatch):
    # Seen to fail: a cut posted.json, and all jobs stay in the queue.
    monkeypatch.setattr(Device, "limits", Limits(executions=200))
    submit(request(), where, ledger.folder, 60.0)
    (ledger.folder / "jobs" / "0000" / "posted.json").write_text('{"job')
    with pytest.raises(HardwareError, match=r"all but 1 are: job 0: cannot read .*posted\.json"):
        cancel(ledger, where)
    assert [job.status for job in running.jobs] == ["Queued", *["Cancelled"] * (len(running.jobs) - 1)]


def test_what_cannot_be_written_down_is_not_cancelled_and_said(running, where, ledger, monkeypatch):
    def full(*_):
        raise LedgerError("cannot write cancelled.json")

    submit(request(), where, ledger.folder, 60.0)
    monkeypatch.setattr(ending, "write_cancelled", full)
    with pytest.raises(LedgerError, match=r"nothing was cancelled; copy .* to where it can be written"):
        cancel(ledger, where)
    assert running.jobs[0].status == "Queued"


def test_a_comparison_that_has_posted_nothing_yet_is_cancelled(where, clock, tmp_path):
    # Seen to fail: "expected a ledger file"; it posts once its tuning is done.
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.toml").write_text("")
    assert run(["hardware", "status", str(folder)]) == 0
    assert run(["hardware", "cancel", str(folder)]) == 0
    ledgers = Ledgers(folder / "ledger", "ibm_manila", 1000.0, clock=clock)
    vars(ledgers)["device"] = where
    with pytest.raises(HardwareError, match="was cancelled at"):
        post_one(ledgers.sampler("final/a", {}))


def test_cancelling_while_another_process_posts_stops_its_next_post(running, where, ledger, monkeypatch):
    # Seen to fail: looked at once, before the first of several posts.
    monkeypatch.setattr(Device, "limits", Limits(executions=200))
    make = type(where.runner()).post

    def cancelled_meanwhile(self, work, tag, sending):
        job_id = make(self, work, tag, sending)
        write_cancelled(ledger.folder)
        return job_id

    monkeypatch.setattr(type(where.runner()), "post", cancelled_meanwhile)
    with pytest.raises(HardwareError, match="was cancelled at"):
        submit(request(), where, ledger.folder, 60.0)
    assert running.posts() == 1
    assert ledger.count() > 1


def test_a_comparison_is_cancelled_as_a_whole(running, where, clock, tmp_path, capsys):
    # Seen to fail: a folder that is no ledger itself refused; its next run posted by compare --resume.
    folder = tmp_path / "run" / "ledger"
    ledgers = Ledgers(folder, "ibm_manila", 1000.0, clock=clock)
    vars(ledgers)["device"] = where
    for key in ("tuning/a", "final/b"):
        post_one(ledgers.sampler(key, {}))
    assert run(["hardware", "cancel", str(tmp_path / "run")]) == 0
    assert capsys.readouterr().out.count("│ cancelled") == 2
    assert {job.status for job in running.jobs} == {"Cancelled"}
    again = Ledgers(folder, "ibm_manila", 1000.0, clock=clock)
    vars(again)["device"] = where
    for key in ("tuning/a", "final/c"):
        sampler = again.sampler(key, {})
        if key == "tuning/a":
            post_one(sampler)  # the job that is known
        with pytest.raises(HardwareError, match=f"{folder} was cancelled at"):
            post_one(sampler)
    assert running.posts() == 2


def test_the_day_of_the_cancel_is_kept(where, ledger):
    submit(request(), where, ledger.folder, 60.0)
    cancel(ledger, where)
    path = Path(ledger.folder / "cancelled.json")
    first = json.loads(path.read_text())
    cancel(ledger, where)
    assert json.loads(path.read_text()) == first
    (job,) = states(ledger, _reader(where, ledger))
    assert job.status == "cancelled"


def _reader(where, ledger):
    return ledger_sampler(where, ledger, max_seconds=0, may_post=False)


def test_a_search_without_an_answer_is_said(running, where, ledger):
    unanswered(running, where, ledger)
    running.inject(HttpError(500, on="list_jobs", times=6))
    with pytest.raises(HardwareError, match="all but 1 are: job 0: the service gave no usable answer"):
        cancel(ledger, where)
    assert running.jobs[0].status == "Queued"
    cancel(ledger, where)
    assert running.jobs[0].status == "Cancelled"
    with pytest.raises((HardwareError, PendingError)):
        collect(ledger, where)

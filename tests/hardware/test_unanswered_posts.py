"""Posts without an answer and processes that are killed: one job, one payment, a sentence if need be."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from hardware.loopback_faults import Dropped, HttpError, ListedLate, Slow
from hardware.small_jobs import persistently, request
from quick_clock import QuickClock

from qgeo.backends.clock import Clock
from qgeo.backends.device import device_by_name, ledger_sampler
from qgeo.backends.ibm_transport import GIVEN_UP, Fate, Transport, transport_of
from qgeo.backends.ledger import Ledger
from qgeo.backends.posting import WAITS_BEFORE_SEARCH
from qgeo.cli import run
from qgeo.errors import ConfigurationError, PendingError, UnansweredError
from qgeo.hardware.requests import collect, post, states, submit


@pytest.fixture(autouse=True)
def quick(quick):
    """Every test here."""


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def jobs_and_posts(running) -> tuple[int, int]:
    return len(running.jobs), running.posts()


# ---- jobs that are listed late ---------------------------------------------------------------------------


def test_a_job_that_is_listed_within_the_minute_is_found(running, where, clock, ledger):
    running.inject(Dropped(took_effect=True), ListedLate(4))
    (job,) = submit(request(), where, ledger.folder, 60.0)
    assert job.job_id == running.jobs[0].id
    assert clock.pauses[-5:] == list(WAITS_BEFORE_SEARCH[:5])
    assert jobs_and_posts(running) == (1, 1)


def test_a_job_that_is_listed_later_is_found_by_resume(running, where, ledger):
    # Seen to fail: a second post after two seconds, as it was; a second post by resuming at once.
    running.inject(Dropped(took_effect=True), ListedLate(len(WAITS_BEFORE_SEARCH) + 1))
    with pytest.raises(UnansweredError, match=r"expected an answer to the post .* got none \(.*Connection"):
        submit(request(), where, ledger.folder, 60.0)
    (job,) = states(ledger, ledger_sampler(where, ledger, max_seconds=0.0, may_post=False))
    assert job.status == "unanswered"
    with pytest.raises(
        UnansweredError, match="its job may exist and not be listed yet: resume in 15 minutes"
    ):
        post(ledger, where)
    (job,) = post(ledger, where)
    assert job.job_id == running.jobs[0].id
    collect(ledger, where)
    assert jobs_and_posts(running) == (1, 1)
    assert ledger.seconds() == pytest.approx(running.jobs[0].seconds)


@pytest.mark.parametrize("status", GIVEN_UP)
def test_a_proxy_that_gave_up_may_have_let_a_job_pass(running, where, ledger, status):
    # Seen to fail where every 4xx meant that there is no job: the post was refused, the job left alone.
    running.inject(HttpError(status, took_effect=True))
    submit(request(), where, ledger.folder, 60.0)
    assert ledger.job(0).job_id() == running.jobs[0].id
    assert jobs_and_posts(running) == (1, 1)


def test_twirled_shots_come_in_more_than_were_asked_for(running, ledger):
    # Seen to fail where 1,000 shots had to come as 1,000: the client makes 16 times 64 of them.
    twirling = device_by_name("ibm_manila", options={"twirling": True}, clock=QuickClock())
    submit(request(shots=1000), twirling, ledger.folder, 60.0)
    assert collect(ledger, twirling).matrix.shape == (3, 3)
    assert jobs_and_posts(running) == (1, 1)
    assert [bits.shape[1] for bits in ledger.job(0).result()] == [1000] * len(ledger.job(0).result())


def test_only_a_wish_posts_at_once_what_had_no_answer(running, where, ledger, capsys):
    running.inject(HttpError(503))
    with pytest.raises(UnansweredError):
        submit(request(), where, ledger.folder, 60.0)
    ledger.job(0).write_attempt(Clock().now())  # the command has a clock of its own
    assert run(["hardware", "resume", str(ledger.folder)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert (
        f"--post-anyway does not wait, if you know that no job has the tag {ledger.job(0).entry().tag}"
        in said
    )
    assert running.posts() == 1
    assert run(["hardware", "resume", str(ledger.folder), "--post-anyway"]) == 0
    assert jobs_and_posts(running) == (1, 2)


# ---- kill -9 ---------------------------------------------------------------------------------------------

KILLED = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from hardware.small_jobs import request
from qgeo.backends.device import device_by_name
from qgeo.backends.ledger import Ledger
from qgeo.hardware import requests
folder = Path(sys.argv[1])
requests.submit(request(), device_by_name("ibm_manila"), folder, 60.0)
requests.collect(Ledger(folder), device_by_name("ibm_manila"))
"""


def killed_when(condition: Callable[[], Any], folder: Path) -> None:
    """Run submit and collect in a process of its own; kill -9 as soon as `condition` holds."""
    tests = Path(__file__).parents[1]
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(folder), str(tests)])
    try:
        while not condition():
            if process.poll() is not None:
                pytest.fail("the process ended by itself")
    finally:
        process.kill()
        process.wait()


MOMENTS = [
    "after the entry",
    "after the post",
    "after the post of a job that is listed late",
    "while collecting",
]


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_it_goes_on(running, where, clock, ledger, moment):
    # Seen to fail: an entry written after the post (a job nobody knows of); an attempt written after the post
    # (a second job where the first one is listed late).
    if moment == "after the entry":
        running.inject(Slow(3.0, on="post_session"))  # may strike here too, if the process was killed early
        killed_when(lambda: ledger.job(0).is_there(), ledger.folder)
    elif moment == "while collecting":
        running.inject(Slow(30.0, on="results"))
        killed_when(lambda: any(path.endswith("/results") for _, path in running.requests), ledger.folder)
    else:
        running.inject(Slow(30.0, on="post_job"), *([ListedLate(1)] if moment.endswith("late") else []))
        killed_when(lambda: len(running.jobs) == 1, ledger.folder)
    _, said = persistently(lambda: post(ledger, where), clock)
    assert len(said) == (1 if moment.endswith("late") else 0)
    estimate, _ = persistently(lambda: collect(ledger, where), clock)
    assert estimate.shots > 0
    assert jobs_and_posts(running) == (1, 1)
    (job,) = states(ledger, ledger_sampler(where, ledger, max_seconds=0.0, may_post=False))
    assert job.status == "collected"


# ---- the transport ---------------------------------------------------------------------------------------


def test_no_post_is_repeated_by_the_client(where):
    service = where.runner().service
    session = service._active_api_client._session
    transport = session.get_adapter("http://127.0.0.1")
    assert "POST" not in transport.max_retries.allowed_methods
    assert transport_of(service) is transport is session.get_adapter("https://example.org")
    with pytest.raises(ConfigurationError, match="retries can be turned off"):
        transport_of(object())


def test_a_post_to_nobody_was_never_sent():
    # Seen to fail: every connection error taken for an answer that was lost.
    transport, sent = Transport(), []
    session = requests.Session()
    session.mount("http://", transport)
    with transport.watched(lambda: sent.append(1)), pytest.raises(requests.ConnectionError):
        session.post("http://127.0.0.1:9/jobs", data="{}")  # the port of nobody
    assert (transport.fate, transport.status, transport.is_passing, sent) == (Fate.UNSENT, None, True, [1])


def test_a_post_by_a_new_path_counts_and_one_of_a_session_does_not(running):
    transport = Transport()
    session = requests.Session()
    session.mount("http://", transport)
    running.inject(HttpError(500, on="post_session"))
    for path, fate in (("sessions", Fate.UNSENT), ("new/jobs", Fate.REFUSED)):
        with transport.watched(lambda: None):
            session.post(f"{running.url}/{path}", data="{}")
        assert transport.fate is fate
    running.inject(Dropped())
    with transport.watched(lambda: None), pytest.raises(requests.ConnectionError):
        session.post(f"{running.url}/jobs", data="{}")
    assert transport.fate is Fate.UNKNOWN


def test_posts_are_spaced(where, tmp_path):
    # Seen to fail: time measured before the wait.
    names = ("first", "second", "third")
    for name in names:
        submit(request(), where, tmp_path / name, 60.0)
    first, second, third = (Ledger(tmp_path / name).job(0).attempt() for name in names)
    assert min(second.seconds_since(first), third.seconds_since(second)) >= 12.5


@pytest.mark.parametrize("status", [400, 500])
def test_a_device_that_hides_its_calibration_is_said_in_a_sentence_without_a_key(running, tmp_path, status):
    # Seen to fail with a traceback that held the key, the instance and the access token.
    running.inject(HttpError(status, on="properties", times=20))
    with pytest.raises(PendingError, match="the service gave no usable answer") as caught:
        submit(request(), device_by_name("ibm_manila", clock=QuickClock()), tmp_path / "new", 60.0)
    assert "\n" not in str(caught.value)
    assert running.posts() == 0

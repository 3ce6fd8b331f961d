"""Charges through the real client: what the service has not computed yet is none, and is asked for again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hardware.loopback_faults import PENDING, HttpError, JobCancelled, OddUsage
from hardware.small_jobs import request

from qgeo.backends.device import ledger_sampler
from qgeo.backends.ibm import IBMRunner
from qgeo.backends.ledger import Ledger
from qgeo.errors import HardwareError
from qgeo.hardware.requests import collect, states, submit

NAN = float("nan")


@pytest.fixture(autouse=True)
def quick(quick):
    """Every test here."""


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def looked_at(ledger, where):
    """What `qgeo hardware status` does."""
    return states(ledger, ledger_sampler(where, ledger, max_seconds=0.0, may_post=False))


@pytest.mark.parametrize(
    "usage",
    [
        PENDING,
        {},
        None,
        {"status": "pending", "qpu_charge_time_seconds": 7},
        {"status": "complete"},
        {"status": "complete", "qpu_charge_time_seconds": NAN},
        {"status": "complete", "qpu_charge_time_seconds": -2},
        {"status": "complete", "qpu_charge_time_seconds": 10**400},
        {"status": "complete", "qpu_charge_time_seconds": 1e308},
        {"status": "complete", "qpu_charge_time_seconds": None},
    ],
    ids=str,
)
def test_a_charge_that_is_not_final_is_asked_for_again(running, where, ledger, usage):
    # Seen to fail: `job.usage()` kept as it came: 0 for good (pending, {}), NaN, −2; 10**400 was a traceback.
    running.inject(OddUsage(usage))
    submit(request(), where, ledger.folder, 60.0)
    estimate = collect(ledger, where)
    assert ledger.job(0).charged() is None
    assert ledger.seconds() == ledger.job(0).entry().seconds > 2
    (job,) = looked_at(ledger, where)
    assert (job.status, job.charged) == ("collected", running.jobs[0].seconds)
    assert ledger.seconds() == running.jobs[0].seconds > 0
    assert collect(ledger, where).shots == estimate.shots
    asked = running.jobs[0].looks_at_usage
    looked_at(ledger, where)
    assert running.jobs[0].looks_at_usage == asked == 2


def test_metrics_without_an_answer_are_asked_for_again(running, where, ledger):
    submit(request(), where, ledger.folder, 60.0)
    running.inject(HttpError(500, on="metrics", times=6))
    collect(ledger, where)
    assert ledger.job(0).charged() is None
    looked_at(ledger, where)
    assert ledger.job(0).charged() == running.jobs[0].seconds


def test_a_job_that_was_cancelled_in_its_queue_frees_its_seconds(running, where, ledger):
    running.inject(JobCancelled())
    submit(request(), where, ledger.folder, 60.0)
    with pytest.raises(HardwareError, match="it is cancelled"):
        collect(ledger, where)
    assert ledger.seconds() == 0.0


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ({"usage_limit_seconds": 600, "usage_consumed_seconds": 12}, 588.0),
        ({"usage_limit_seconds": 600, "usage_consumed_seconds": 700}, 0.0),
        ({"usage_limit_seconds": 600, "usage_consumed_seconds": None}, None),
        ({"usage_limit_seconds": None, "usage_allocation_seconds": 600}, None),
        ({"usage_limit_seconds": NAN, "usage_consumed_seconds": 1}, None),
        ({"usage_remaining_seconds": None}, None),
        ({"usage_remaining_seconds": NAN}, None),
        ({"usage_remaining_seconds": -3}, 0.0),
        ({"usage_remaining_seconds": "9"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_what_is_left_of_the_allowance_is_a_number_of_seconds_or_none(where, monkeypatch, answer, left):
    # Seen to fail: null of the service as a TypeError of the client; NaN and negative numbers as they came.
    runner = where.runner()
    assert isinstance(runner, IBMRunner)
    client = SimpleNamespace(cloud_usage=lambda: answer)
    monkeypatch.setattr(runner.service, "_active_api_client", client)
    assert runner.remaining_seconds() == left

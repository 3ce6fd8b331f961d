"""What the real client makes of each fault: which exception, how many requests, and whether a job exists.

Read as tables. The one that costs money: the client retries a POST on 5xx by itself, so that "500 although
the job was created" makes two jobs out of one call that succeeds. Only a tag finds the other one.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from hardware.loopback import LoopbackService
from hardware.loopback_faults import (
    Dropped,
    Fault,
    HalfBody,
    HttpError,
    JobCancelled,
    JobFails,
    TokenRevoked,
    TruncatedJson,
)
from hardware.small_jobs import submit
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_ibm_runtime import IBMBackend, QiskitRuntimeService
from qiskit_ibm_runtime.accounts.exceptions import InvalidAccountError
from qiskit_ibm_runtime.api.exceptions import RequestsApiError
from qiskit_ibm_runtime.exceptions import (
    IBMNotAuthorizedError,
    IBMRuntimeError,
    RuntimeInvalidStateError,
    RuntimeJobFailureError,
    RuntimeJobMaxTimeoutError,
    RuntimeProgramNotFound,
)
from requests.exceptions import JSONDecodeError

OK = None

SUBMITTING = [  # fault, exception of run(), its message, POST /jobs received, jobs that exist afterwards
    (HttpError(500, times=2), OK, "", 3, 1),
    (HttpError(503, times=2), OK, "", 3, 1),
    (HttpError(500, times=6), IBMRuntimeError, "too many 500 error responses", 6, 0),
    (HttpError(500, took_effect=True), OK, "", 2, 2),  # paid twice, and the call succeeds
    (HttpError(500, times=6, took_effect=True), IBMRuntimeError, "too many 500", 6, 6),
    (HttpError(429), IBMRuntimeError, "429 Client Error", 1, 0),
    (HttpError(429, retry_after=1), IBMRuntimeError, "429 Client Error", 1, 0),
    (HttpError(400), IBMRuntimeError, "400 Client Error", 1, 0),
    (HttpError(404), RuntimeProgramNotFound, "404 Client Error", 1, 0),
    (HttpError(401), IBMNotAuthorizedError, "401 Client Error", 1, 0),
    (Dropped(), IBMRuntimeError, "Connection aborted", 1, 0),
    (Dropped(took_effect=True), IBMRuntimeError, "Connection aborted", 1, 1),
    (HalfBody(on="post_job"), IBMRuntimeError, "Connection broken", 1, 1),
    (TruncatedJson(on="post_job"), JSONDecodeError, "Unterminated string", 1, 1),
    # run() asks three things before it posts; what fails there posts nothing
    (HttpError(500, on="backends", times=6), QiskitBackendNotFoundError, "No backend matches", 0, 0),
    (HttpError(500, on="usage", times=6), RequestsApiError, "too many 500", 0, 0),
    (HttpError(429, on="usage"), RequestsApiError, "429 Client Error", 0, 0),
    (Dropped(on="status", times=6), RequestsApiError, "Connection aborted", 0, 0),
]

COLLECTING = [  # fault, exception of result(), its message, polls received, downloads received
    (HttpError(500, on="poll", times=2), OK, "", 3, 1),
    (HttpError(500, on="poll", times=6), RequestsApiError, "too many 500", 6, 0),
    (HttpError(429, on="poll"), RequestsApiError, "429 Client Error", 1, 0),
    (HttpError(429, on="poll", retry_after=0), OK, "", 2, 1),
    (Dropped(on="poll", times=5), OK, "", 6, 1),
    (Dropped(on="poll", times=6), RequestsApiError, "Connection aborted", 6, 0),
    (HalfBody(on="poll"), RequestsApiError, "Connection broken", 1, 0),
    (TruncatedJson(on="poll"), JSONDecodeError, "char", 1, 0),
    (HttpError(500, on="results", times=2), OK, "", 1, 3),
    (HttpError(500, on="results", times=6), RequestsApiError, "too many 500", 1, 6),
    (HttpError(429, on="results"), RequestsApiError, "429 Client Error", 1, 1),
    (Dropped(on="results", times=5), OK, "", 1, 6),
    (Dropped(on="results", times=6), RequestsApiError, "Connection aborted", 1, 6),
    (HalfBody(on="results"), RequestsApiError, "Connection broken: IncompleteRead", 1, 1),
    (TruncatedJson(on="results"), TypeError, "string indices must be integers", 1, 1),
]

BAD_JOBS = [
    (JobFails("no such qubit", 1517), RuntimeJobFailureError, "Error code 1517; no such qubit", "ERROR"),
    (JobFails("too long", 1305), RuntimeJobMaxTimeoutError, "Error code 1305; too long", "ERROR"),
    (JobCancelled(), RuntimeInvalidStateError, "Job was cancelled", "CANCELLED"),
]

CANCELLING = [  # fault, exception of cancel(), its message, cancellations received, status afterwards
    (HttpError(500, on="cancel", times=2), OK, "", 3, "CANCELLED"),
    (HttpError(500, on="cancel", took_effect=True), RuntimeInvalidStateError, "cannot be", 2, "CANCELLED"),
    (Dropped(on="cancel"), IBMRuntimeError, "Connection aborted", 1, "QUEUED"),
    (Dropped(on="cancel", took_effect=True), IBMRuntimeError, "Connection aborted", 1, "CANCELLED"),
    (HttpError(429, on="cancel"), IBMRuntimeError, "429 Client Error", 1, "QUEUED"),
]


def attempt(call: Any, error: type[Exception] | None, message: str) -> None:
    """Call; expect that exception and no other, or none."""
    if error is OK:
        call()
        return
    with pytest.raises(error, match=message) as caught:
        call()
    assert caught.type is error


@pytest.mark.usefixtures("no_backoff")
@pytest.mark.parametrize(("fault", "error", "message", "posts", "jobs"), SUBMITTING, ids=str)
def test_submitting(
    loopback: LoopbackService,
    service: QiskitRuntimeService,
    device: IBMBackend,
    fault: Fault,
    error: type[Exception] | None,
    message: str,
    posts: int,
    jobs: int,
):
    loopback.delay = 60.0
    loopback.inject(fault)
    attempt(lambda: submit(device, "mine"), error, message)
    assert loopback.posts() == posts
    assert len(loopback.jobs) == jobs
    assert len(service.jobs(job_tags=["mine"], limit=None)) == jobs


@pytest.mark.usefixtures("no_backoff")
@pytest.mark.parametrize(("fault", "error", "message", "polls", "downloads"), COLLECTING, ids=str)
def test_collecting_loses_nothing(
    loopback: LoopbackService,
    service: QiskitRuntimeService,
    device: IBMBackend,
    fault: Fault,
    error: type[Exception] | None,
    message: str,
    polls: int,
    downloads: int,
):
    job = submit(device)
    loopback.inject(fault)
    attempt(lambda: job.result(poll_interval=0.1), error, message)
    path = f"/jobs/{job.job_id()}"
    assert loopback.requests.count(("GET", path)) == polls
    assert loopback.requests.count(("GET", f"{path}/results")) == downloads
    assert service.job(job.job_id()).result(poll_interval=0.1)[0].data.meas.num_shots == 100
    assert loopback.posts() == 1


@pytest.mark.parametrize(("fault", "error", "message", "status"), BAD_JOBS, ids=str)
def test_a_bad_job_says_why_and_costs_nothing(
    loopback: LoopbackService,
    device: IBMBackend,
    fault: Fault,
    error: type[Exception],
    message: str,
    status: str,
):
    loopback.inject(fault)
    job = submit(device)
    attempt(lambda: job.result(poll_interval=0.1), error, message)
    assert job.status() == status
    assert loopback.jobs[0].seconds == 0
    assert submit(device).result(poll_interval=0.1)[0].data.meas.num_shots == 100  # the next one is good


@pytest.mark.usefixtures("no_backoff")
@pytest.mark.parametrize(("fault", "error", "message", "posts", "status"), CANCELLING, ids=str)
def test_cancelling(
    loopback: LoopbackService,
    service: QiskitRuntimeService,
    device: IBMBackend,
    fault: Fault,
    error: type[Exception] | None,
    message: str,
    posts: int,
    status: str,
):
    loopback.delay = 60.0
    job = submit(device)
    loopback.inject(fault)
    attempt(job.cancel, error, message)
    assert loopback.requests.count(("POST", f"/jobs/{job.job_id()}/cancel")) == posts
    assert service.job(job.job_id()).status() == status


def test_the_client_waits_before_its_second_retry(loopback: LoopbackService, device: IBMBackend):
    loopback.inject(HttpError(500, times=2))
    start = time.monotonic()
    submit(device)
    assert 0.9 < time.monotonic() - start < 3.0  # 0 s, then 1 s; all five waits would be 0, 1, 2, 4, 8


# ---- the token -------------------------------------------------------------------------------------------


def test_a_revoked_token_stops_this_client_and_not_a_new_one():
    with LoopbackService() as loopback:  # its own: the client shared by the tests would be stopped too
        client = loopback.service()
        job = submit(client.backend("fake_manila"))
        loopback.inject(TokenRevoked())
        with pytest.raises(IBMNotAuthorizedError):
            job.result(poll_interval=0.1)
        with pytest.raises(QiskitBackendNotFoundError):  # the client hides the 401 of GET /backends
            submit(job.backend())
        again = loopback.service().job(job.job_id())
        assert again.result(poll_interval=0.1)[0].data.meas.num_shots == 100
        with pytest.raises(IBMNotAuthorizedError):  # the old client goes on with its old token
            job.status()
        assert loopback.posts() == 1


def test_a_token_at_its_end_is_renewed_by_the_client():
    with LoopbackService(token_lifetime=5.0) as loopback:
        client = loopback.service()
        loopback.inject(TokenRevoked())
        assert submit(client.backend("fake_manila")).status() == "DONE"


def test_a_wrong_api_key_is_an_invalid_account(loopback: LoopbackService):
    loopback.inject(HttpError(400, on="token"))
    with pytest.raises(InvalidAccountError):
        loopback.service()


def test_an_unknown_route_is_refused_at_injection(loopback: LoopbackService):
    with pytest.raises(ValueError, match="expected a route among"):
        loopback.inject(Dropped(on="post_jobs"))

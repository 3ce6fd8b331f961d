"""IBM Quantum through qiskit-ibm-runtime: jobs that are tagged, found again, and never posted twice.

The account comes from the environment (QISKIT_IBM_TOKEN, QISKIT_IBM_INSTANCE) or from IBM's own saved
account; this file never reads or prints the key. The client posts again by itself after an answer of 500, up
to five times, although the job may exist: that is turned off here, and a post is only repeated after a search
by its tag has found nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any, TypeVar

from qgeo.backends.ledger import Work
from qgeo.backends.runner import Bits, Finished
from qgeo.errors import ConfigurationError, HardwareError, PendingError
from qgeo.estimators.experiments import REGISTER

SECONDS_BETWEEN_POSTS = 12.5
"""Five posts a minute are allowed."""

WAITS = (2.0, 10.0, 60.0, 0.0)
"""After the first, second, … post that failed for a passing reason."""

SETTLING_SECONDS = 2.0
"""Before a search by tag, so that a job that was just made is listed."""

_PASSING = re.compile(r"\b(429|5\d\d)\b|[Cc]onnection|[Tt]imed? ?out")

_STATUS = {
    "INITIALIZING": "queued",
    "QUEUED": "queued",
    "RUNNING": "running",
    "DONE": "done",
    "COMPLETED": "done",
    "CANCELLED": "cancelled",
    "ERROR": "failed",
    "FAILED": "failed",
}
Answer = TypeVar("Answer")


def connected_service() -> Any:
    """The account's service.

    Raises:
        ConfigurationError: the package is missing, or there is no account.
    """
    try:
        from qiskit_ibm_runtime import QiskitRuntimeService
    except ImportError:
        raise ConfigurationError(
            "expected qiskit-ibm-runtime for IBM Quantum, found none; pip install 'qgeo[ibm]'"
        ) from None
    try:
        return QiskitRuntimeService()
    except Exception as error:
        raise ConfigurationError(
            "expected an IBM Quantum account in QISKIT_IBM_TOKEN and QISKIT_IBM_INSTANCE, or one saved by "
            f"qiskit-ibm-runtime: {readable(error)}"
        ) from None


def connected_backend(name: str) -> Any:
    """A device of the account, or its least busy one.

    Raises:
        ConfigurationError: no account, or no such device.
    """
    service = connected_service()
    try:
        if name == "least-busy":
            return service.least_busy(operational=True, simulator=False)
        return service.backend(name)
    except Exception as error:
        raise ConfigurationError(
            f"expected a device of your account, got {name!r}: {readable(error)}"
        ) from None


class IBMRunner:
    """Jobs on one device of an account.

    Args:
        backend: from `connected_backend`.
        options: `mode` ("batch", or "session" where the plan has sessions), `dynamical_decoupling`,
            `twirling`, `max_execution_time` (seconds).
        pause: how to wait, in seconds.
    """

    def __init__(
        self, backend: Any, options: dict[str, Any], *, pause: Callable[[float], None] = sleep
    ) -> None:
        self.backend, self.service, self.options = backend, backend.service, options
        self._pause, self._last_post = pause, -SECONDS_BETWEEN_POSTS
        post_once(self.service)

    def post(self, work: Work, tag: str) -> str:
        """Post a job with this tag, again only where a search finds none.

        Raises:
            HardwareError: it was not posted. PendingError: that cannot be told now; a later search will.
        """
        problem = ""
        for wait in WAITS:
            self._pause(max(0.0, self._last_post + SECONDS_BETWEEN_POSTS - monotonic()))
            self._last_post = monotonic()
            try:
                return self._post(work, tag)
            except Exception as error:
                problem = readable(error)
            self._pause(SETTLING_SECONDS)
            found = self.find(tag)
            if found:
                return found[0]
            if not _PASSING.search(problem):
                break
            self._pause(wait)
        raise HardwareError(
            f"the job was not posted: {problem}; nothing is lost, qgeo hardware resume tries again"
        )

    def find(self, tag: str) -> list[str]:
        """Ids of the jobs with this tag."""
        return [job.job_id() for job in _asked(lambda: self.service.jobs(limit=None, job_tags=[tag]))]

    def status(self, job_id: str) -> str:
        """queued, running, done, failed or cancelled."""
        status = _asked(lambda: self.service.job(job_id).status())
        return _STATUS.get(str(getattr(status, "name", status)).upper(), "queued")

    def result(self, job_id: str, work: Work) -> Finished:
        """The bits of a job that is done, and what it was charged."""
        job = _asked(lambda: self.service.job(job_id))
        results = _asked(job.result)
        bits = tuple(
            _bits(result, rows, work.shots) for result, rows in zip(results, work.values, strict=True)
        )
        return Finished(bits, _charged(job))

    def cancel(self, job_id: str) -> None:
        """Cancel a job; one that has ended stays as it is."""
        if self.status(job_id) in ("queued", "running"):
            _asked(lambda: self.service.job(job_id).cancel())

    def remaining_seconds(self) -> float | None:
        """What is left of the allowance."""
        left = _asked(self.service.usage).get("usage_remaining_seconds")
        return None if left is None else float(left)

    def _post(self, work: Work, tag: str) -> str:
        from qiskit_ibm_runtime import Batch, Session
        from qiskit_ibm_runtime.executor_sampler import Sampler

        mode = Session if self.options.get("mode") == "session" else Batch
        pubs = [(c, v) if c.num_parameters else (c,) for c, v in zip(work.circuits, work.values, strict=True)]
        with mode(backend=self.backend) as opened:
            sampler = Sampler(mode=opened)
            self._set_options(sampler.options, tag)
            return str(sampler.run(pubs, shots=work.shots).job_id())

    def _set_options(self, options: Any, tag: str) -> None:
        options.environment.job_tags = ["qgeo", tag]
        options.dynamical_decoupling.enable = bool(self.options.get("dynamical_decoupling"))
        options.twirling.enable_measure = bool(self.options.get("twirling"))
        if self.options.get("max_execution_time"):
            options.max_execution_time = int(self.options["max_execution_time"])


def post_once(service: Any) -> None:
    """Turn off the client's own repeated POSTs; everything else is still tried again.

    Raises:
        ConfigurationError: a client that is built otherwise than the tested one.
    """
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    clients = [getattr(service, "_active_api_client", None), *getattr(service, "_api_clients", {}).values()]
    sessions: list[Any] = [getattr(client, "_session", None) for client in clients]
    if not sessions or any(session is None for session in sessions):
        raise ConfigurationError(
            "expected a qiskit-ibm-runtime whose retries can be turned off, as in 0.51; install that version"
        )
    statuses = (500, 502, 503, 504, 520, 521, 522, 524)
    retry = Retry(
        total=5, connect=3, backoff_factor=0.5, status_forcelist=statuses
    )  # no POST among its methods
    for session in sessions:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))


def readable(error: BaseException) -> str:
    """An exception as one line without anything that could be a key."""
    line = " ".join(str(error).split())[:300] or type(error).__name__
    return re.sub(r"[A-Za-z0-9_\-.]{25,}", "…", line)


def _asked(question: Callable[[], Answer]) -> Answer:
    """An answer of the service; a lost connection is no loss.

    Raises:
        PendingError: no answer now.
    """
    try:
        return question()
    except Exception as error:
        raise PendingError(
            f"the service gave no usable answer: {readable(error)}; nothing is lost, try again later"
        ) from None


def _bits(result: Any, rows: Any, shots: int) -> Bits:
    return result.data[REGISTER].array.reshape(len(rows), shots, -1)


def _charged(job: Any) -> float | None:
    """QPU seconds of a job, None where the service does not say."""
    try:
        return float(job.usage())
    except Exception:  # an answer without numbers, or none: the estimate stands
        return None

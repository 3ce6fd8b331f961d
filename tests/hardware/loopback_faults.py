"""What can go wrong between a client and IBM: one small frozen dataclass for each fault.

A fault is given to a service with `loopback.inject(fault)`, waits for the next `times` requests of its kind
and is then spent; faults of one kind are met in the order of injection. Three families:

    on the wire     HttpError, Dropped, HalfBody, TruncatedJson, Changed, Unfiltered, Slow: any request,
                    named by `on`
    on a job        JobFails, JobCancelled, ListedLate, OddUsage: the next `times` jobs that are created
    on the token    TokenRevoked: every token handed out so far is refused, at once

`on` is the name of a route: token, search, catalog, backends, configuration, properties, status, usage,
post_job, list_jobs, poll, results, metrics, logs, cancel, tags, delete_job, post_session, session,
close_session, cancel_session. A wire fault with `took_effect=True` strikes after the service did its work:
the job exists, or is cancelled, although the client hears of an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any


@dataclass(frozen=True)
class HttpError:
    """Answer an error status instead of the answer: 500 (retried by the client), 429 (not retried), 401, 503.

    `retry_after` seconds are sent as Retry-After; the client then retries a GET, never a POST, on 429.
    `says` is the text of the error.
    """

    status: int = 500
    on: str = "post_job"
    times: int = 1
    took_effect: bool = False
    retry_after: int | None = None
    says: str = "a fault was injected"


@dataclass(frozen=True)
class Dropped:
    """Read the request, then close the connection without a word."""

    on: str = "post_job"
    times: int = 1
    took_effect: bool = False


@dataclass(frozen=True)
class HalfBody:
    """Announce the whole answer, send half of its body, close the connection."""

    on: str = "results"
    times: int = 1
    took_effect: bool = True


@dataclass(frozen=True)
class TruncatedJson:
    """Answer 200 with a valid HTTP message whose JSON ends in the middle."""

    on: str = "results"
    times: int = 1
    took_effect: bool = True


@dataclass(frozen=True)
class Changed:
    """Answer 200 with another body: `change` makes it of the right one."""

    change: Callable[[str], str]
    on: str = "post_job"
    times: int = 1
    took_effect: bool = True


@dataclass(frozen=True)
class Unfiltered:
    """Answer a list of jobs as if no tag had been asked for."""

    on: str = "list_jobs"
    times: int = 1
    took_effect: bool = True


@dataclass(frozen=True)
class Slow:
    """Do the work, then wait `seconds` before the answer: the time to kill a client in between."""

    seconds: float
    on: str = "post_job"
    times: int = 1
    took_effect: bool = True


@dataclass(frozen=True)
class JobFails:
    """The next jobs end as Failed. The code 1305 means to the client: ran longer than its maximum time."""

    reason: str = "the control electronics stopped answering"
    code: int = 9999
    times: int = 1


@dataclass(frozen=True)
class JobCancelled:
    """The next jobs are cancelled by somebody else (on the web page) while they are queued."""

    reason: str = "cancelled by the user"
    times: int = 1


@dataclass(frozen=True)
class ListedLate:
    """The next jobs are left out of the first `searches` lists that would hold them."""

    searches: int = 3
    times: int = 1


@dataclass(frozen=True)
class OddUsage:
    """The first `looks` questions for the metrics of the next jobs are answered with this usage, which may be
    NaN, too: Python's JSON knows it. PENDING is what the service says until it has computed the usage."""

    usage: Any = field(default_factory=lambda: dict(PENDING))
    looks: int = 1
    times: int = 1


PENDING = {"status": "pending", "qpu_charge_time_seconds": 0}


@dataclass(frozen=True)
class TokenRevoked:
    """Refuse (401) every token handed out so far; a freshly fetched one is good again."""


WireFault = HttpError | Dropped | HalfBody | TruncatedJson | Changed | Unfiltered | Slow
JobFault = JobFails | JobCancelled | ListedLate | OddUsage
Fault = WireFault | JobFault | TokenRevoked


@dataclass
class FaultQueue:
    """Faults that wait, in order of injection; taking one counts down its `times`. Safe between threads."""

    waiting: list[tuple[WireFault | JobFault, int]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, fault: WireFault | JobFault) -> None:
        """Let `fault` wait for its next `times` requests or jobs."""
        with self._lock:
            self.waiting.append((fault, fault.times))

    def clear(self) -> None:
        """Forget every fault that still waits."""
        with self._lock:
            self.waiting.clear()

    def for_request(self, route: str) -> WireFault | None:
        """The fault this request meets, if any."""
        fault = self._take(lambda fault: isinstance(fault, WireFault) and fault.on == route)
        return fault if isinstance(fault, WireFault) else None

    def for_job(self) -> JobFault | None:
        """The fate of the job that is being created, if it is a bad one."""
        fault = self._take(lambda fault: isinstance(fault, JobFault))
        return fault if isinstance(fault, JobFault) else None

    def _take(self, fits: Callable[[WireFault | JobFault], bool]) -> WireFault | JobFault | None:
        with self._lock:
            for index, (fault, left) in enumerate(self.waiting):
                if fits(fault):
                    self.waiting[index : index + 1] = [(fault, left - 1)] if left > 1 else []
                    return fault
        return None

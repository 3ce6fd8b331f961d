"""What the loopback service remembers, and the request and the answer that its routes speak in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hardware.loopback_faults import FaultQueue
from hardware.loopback_jobs import Job
from qiskit_ibm_runtime.fake_provider.fake_backend import FakeBackendV2


@dataclass(frozen=True)
class Request:
    """One request: path without the prefix of the API, query as lists, body as text."""

    method: str
    path: str
    query: dict[str, list[str]] = field(default_factory=dict)
    body: str = ""
    token: str = ""

    @property
    def json(self) -> Any:
        """The body as JSON; {} if there is none."""
        return json.loads(self.body or "{}")

    def first(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return self.query.get(name, [None])[0]


@dataclass(frozen=True)
class Answer:
    """Status, body (JSON text), and headers beyond the usual."""

    status: int = 200
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class State:
    """Everything the service remembers."""

    backends: tuple[FakeBackendV2, ...]
    delay: float
    limit_seconds: float
    token_lifetime: float
    seed: int
    jobs: list[Job] = field(default_factory=list)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    requests: list[tuple[str, str]] = field(default_factory=list)
    faults: FaultQueue = field(default_factory=FaultQueue)

    @property
    def consumed_seconds(self) -> float:
        """Quantum seconds of all jobs that ran."""
        return sum(job.seconds for job in self.jobs)


def ok(content: Any, status: int = 200) -> Answer:
    """An answer with JSON content."""
    return Answer(status, json.dumps(content))


def refusal(status: int, message: str) -> Answer:
    """An error in the form of the service: a list of errors, each with a code and a message."""
    return ok({"errors": [{"code": status, "message": message}], "trace": "loopback"}, status)

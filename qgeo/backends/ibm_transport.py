"""What became of a POST: the one place where bytes leave for the service, so that it is seen and not guessed.

    UNSENT    no POST of a job left this machine: something before it failed, or nobody listened
    REFUSED   it was answered with 4xx, 429 included: there is no job
    UNKNOWN   no answer, 5xx, or an answer that cannot be read: there may be a job

The exceptions of qiskit-ibm-runtime do not tell these apart: 503, a lost answer and a refused connection all
arrive with the status −1, and an error of a question asked before the POST looks like one of the POST.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any
from urllib.parse import urlsplit

from requests import ConnectionError, ConnectTimeout, PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError
from urllib3.util import Retry

from qgeo.backends.clock import Clock
from qgeo.errors import ConfigurationError

SECONDS_BETWEEN_POSTS = 12.5
"""Five posts a minute and account are allowed."""

REPEATED_STATUSES = (500, 502, 503, 504, 520, 521, 522, 524)
"""After which the client asks again, though never posts again."""


class Fate(Enum):
    """Of the last POST of a job."""

    UNSENT = auto()
    REFUSED = auto()
    UNKNOWN = auto()


class Transport(HTTPAdapter):
    """All requests of one service go through here: it repeats no POST, and remembers the last one.

    Attributes:
        fate: of the POST that is watched; status: of the last answer to any request since, None where none
            came, 0 where nothing was asked.
    """

    def __init__(self) -> None:
        # the default methods, which are repeated, are all but POST and PATCH
        retry = Retry(total=5, connect=3, backoff_factor=0.5, status_forcelist=REPEATED_STATUSES)
        super().__init__(max_retries=retry)
        self.fate = Fate.UNSENT
        self.status: int | None = 0
        self._sending: Callable[[], None] | None = None
        self._last_post = -SECONDS_BETWEEN_POSTS

    @contextmanager
    def watched(self, sending: Callable[[], None]) -> Iterator[None]:
        """Watch a POST; `sending` is called right before it leaves."""
        self.fate, self.status = Fate.UNSENT, 0
        self._sending = sending
        try:
            yield
        finally:
            self._sending = None

    def wait_for_turn(self, clock: Clock) -> None:
        """Wait until another post is allowed."""
        clock.pause(max(0.0, self._last_post + SECONDS_BETWEEN_POSTS - clock.uptime()))
        self._last_post = clock.uptime()

    @property
    def is_passing(self) -> bool:
        """Whether it may be gone in a minute: no connection, too many requests, an error of the service."""
        return self.status is None or self.status == 429 or self.status >= 500

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Send, as `requests` wants it, and note what comes of it."""
        is_post = self._sending is not None and _may_make_a_job(request)
        if is_post and self._sending is not None:
            self._sending()
            self.fate = Fate.UNKNOWN
        self.status = None
        try:
            response = super().send(request, *args, **kwargs)
        except ConnectionError as error:
            if is_post and _never_left(error):
                self.fate = Fate.UNSENT
            raise
        self.status = response.status_code
        if is_post and 400 <= response.status_code < 500:
            self.fate = Fate.REFUSED
        return response


def transport_of(service: Any) -> Transport:
    """The one transport of a service, put in place where its clients still have their own.

    Raises:
        ConfigurationError: a client that is built otherwise than the tested one.
    """
    clients = [getattr(service, "_active_api_client", None), *getattr(service, "_api_clients", {}).values()]
    sessions: list[Any] = [getattr(client, "_session", None) for client in clients]
    if not sessions or any(session is None for session in sessions):
        raise ConfigurationError(
            "expected a qiskit-ibm-runtime whose retries can be turned off, as in 0.51; install that version"
        )
    mounted = [session.adapters.get("https://") for session in sessions]
    transport = next((adapter for adapter in mounted if isinstance(adapter, Transport)), None) or Transport()
    for session in sessions:
        for scheme in ("http://", "https://"):
            session.mount(scheme, transport)
    return transport


def _may_make_a_job(request: PreparedRequest) -> bool:
    """Every POST but the one that opens a batch or a session: should a path be new, it counts."""
    return request.method == "POST" and not urlsplit(str(request.url)).path.endswith("/sessions")


def _never_left(error: ConnectionError) -> bool:
    """Whether there was no connection at all. (urllib3 repeats those, and no POST that had one.)"""
    reason = error.args[0] if error.args else None
    refused = isinstance(reason, MaxRetryError) and isinstance(reason.reason, NewConnectionError)
    return refused or isinstance(error, ConnectTimeout)

"""The one place where bytes leave for the service: a POST's fate is seen, no answer is waited for for ever.

    UNSENT    no POST of a job left this machine: something before it failed, or nobody listened
    REFUSED   it was answered with 4xx, 429 included: there is no job (but see GIVEN_UP)
    UNKNOWN   no answer, 5xx, or an answer that cannot be read: there may be a job

A question that is not answered in `READ_SECONDS` is given up, a post in `POST_SECONDS`; who waits is told.
The exceptions of qiskit-ibm-runtime do not tell these apart: 503, a lost answer and a refused connection all
arrive with the status −1, and an error of a question asked before the POST looks like one of the POST.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

from requests import ConnectionError, ConnectTimeout, PreparedRequest, RequestException, Response
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import MaxRetryError, NewConnectionError, ReadTimeoutError
from urllib3.util import Retry

from qgeo.backends.clock import Clock
from qgeo.errors import ConfigurationError

_log = logging.getLogger(__name__)

SECONDS_BETWEEN_POSTS = 12.5
"""Five posts a minute and account are allowed."""

CONNECT_SECONDS = 5.0
"""A choice: to reach the service at all."""
READ_SECONDS = 30.0
"""Of silence, while a question waits for its answer: it is no loss to ask again. The client has no limit."""

POST_SECONDS = 300.0
"""Of silence after the post of a job. It is safe to give up: the job is searched for by its tag."""

SECONDS_BEFORE_SAYING = 5.0
"""Of waiting, before whoever waits is told for what."""

REPEATED_STATUSES = (500, 502, 503, 504, 520, 521, 522, 524)
"""After which the client asks again, though never posts again."""


GIVEN_UP = (408, 409, 425, 499)
"""Of 4xx, those that a proxy says when it gave up, or when the same came before: there may be a job."""


class Fate(Enum):
    """Of the last POST of a job."""

    UNSENT = auto()
    REFUSED = auto()
    UNKNOWN = auto()


class _Repeats(Retry):
    """Asks again after errors of the service and lost connections, not after silence: that may be long."""

    def increment(self, *args: Any, **kwargs: Any) -> Any:
        """The repeats that are left."""
        if isinstance(kwargs.get("error"), ReadTimeoutError):
            raise kwargs["error"]
        return super().increment(*args, **kwargs)


class Transport(HTTPAdapter):
    """All requests of one service go through here: it repeats no POST, and remembers the last one.

    Attributes:
        fate: of the POST that is watched; status: of the last answer to any request since, None where none
            came, 0 where nothing was asked; trouble: what went wrong last, where the client does not say it.
    """

    def __init__(self) -> None:
        # the default methods, which are repeated, are all but POST and PATCH
        retry = _Repeats(total=5, connect=3, backoff_factor=0.5, status_forcelist=REPEATED_STATUSES)
        super().__init__(max_retries=retry)
        self.fate = Fate.UNSENT
        self.status: int | None = 0
        self.trouble: str | None = None
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

    def wait_for_turn(self, clock: Clock) -> bool:
        """Wait until another post is allowed; whether that took a while."""
        left = max(0.0, self._last_post + SECONDS_BETWEEN_POSTS - clock.uptime())
        clock.pause(left)
        self._last_post = clock.uptime()
        return left > 0

    @property
    def is_passing(self) -> bool:
        """Whether it may be gone in a minute: no connection, too many requests, an error of the service."""
        return self.status is None or self.status == 429 or self.status >= 500

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Send, as `requests` wants it, within the limits of time, and note what comes of it."""
        address = urlsplit(str(request.url))
        limit = READ_SECONDS if self._sending is None else POST_SECONDS
        kwargs["timeout"] = (CONNECT_SECONDS, limit)
        with told(f"an answer of {address.hostname} to {request.method} {address.path}", limit):
            return self._sent(request, *args, **kwargs)

    def _sent(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        is_post = self._sending is not None and _may_make_a_job(request)
        if is_post and self._sending is not None:
            self._sending()
            self.fate = Fate.UNKNOWN
        self.status = None
        try:
            response = super().send(request, *args, **kwargs)
        except RequestException as error:
            self.trouble = f"{request.method}: no answer ({type(error).__name__})"
            if is_post and isinstance(error, ConnectionError) and _never_left(error):
                self.fate = Fate.UNSENT
            raise
        self.status, self.trouble = response.status_code, None
        if is_post and 400 <= response.status_code < 500 and response.status_code not in GIVEN_UP:
            self.fate = Fate.REFUSED
        return response


class _Bearer(AuthBase):
    """The access token of IBM Cloud in every request. The client's own, where there is none, waits for a
    minute with the next request, and sends the key of the account in its place.

    Args:
        auth: the client's.
    """

    def __init__(self, auth: Any, transport: Transport) -> None:
        self.auth, self._transport = auth, transport

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Service-CRN"] = self.auth.crn
        request.headers["Authorization"] = f"Bearer {self._token()}"
        return request

    def _token(self) -> str:
        tokens = self.auth.tm
        tokens.http_config = tokens.http_config | {"timeout": (CONNECT_SECONDS, READ_SECONDS)}
        try:
            with told("IBM Cloud for an access token", READ_SECONDS):
                return str(tokens.get_token())
        except Exception as error:
            tokens.request_time = 0  # else the next request sleeps for a minute, as if another one asked
            status = getattr(error, "status_code", None)
            said = f"status {status}" if isinstance(status, int) else type(error).__name__
            self._transport.trouble = f"IBM Cloud gave no access token ({said}); is the API key right?"
            raise RequestException(self._transport.trouble) from None


@contextmanager
def told(what: str, limit: float | None = None) -> Iterator[None]:
    """Say, as a warning of the log, that something is waited for, if it takes long."""
    most = "" if limit is None else f", at most {limit:.0f} s"
    timer = Timer(SECONDS_BEFORE_SAYING, lambda: _log.warning("qgeo: waiting for %s%s", what, most))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def bounded_sessions() -> Iterator[None]:
    """Sessions that the client makes inside the block have our transport from their first request on."""
    from qiskit_ibm_runtime.api.session import RetrySession

    transport, made = Transport(), RetrySession.__init__

    def make(session: Any, *args: Any, **kwargs: Any) -> None:
        made(session, *args, **kwargs)
        _put_in_place(session, transport)

    RetrySession.__init__ = make
    try:
        yield
    finally:
        RetrySession.__init__ = made


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
        _put_in_place(session, transport)
    return transport


def _put_in_place(session: Any, transport: Transport) -> None:
    for scheme in ("http://", "https://"):
        session.mount(scheme, transport)
    if hasattr(session.auth, "tm") and not isinstance(session.auth, _Bearer):
        session.auth = _Bearer(session.auth, transport)


def _may_make_a_job(request: PreparedRequest) -> bool:
    """Every POST but the one that opens a batch or a session: should a path be new, it counts."""
    return request.method == "POST" and not urlsplit(str(request.url)).path.endswith("/sessions")


def _never_left(error: ConnectionError) -> bool:
    """Whether there was no connection at all. (urllib3 repeats those, and no POST that had one.)"""
    reason = error.args[0] if error.args else None
    refused = isinstance(reason, MaxRetryError) and isinstance(reason.reason, NewConnectionError)
    return refused or isinstance(error, ConnectTimeout)

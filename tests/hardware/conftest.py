"""Fixtures of the hardware tests: one loopback service and one client for all of them, and no other address.

`only_loopback` is on for every test of this folder and fails the test that tries to connect elsewhere.
"""

from __future__ import annotations

import inspect
import socket
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from hardware.loopback import LoopbackService
from hardware.small_jobs import serving
from qiskit_ibm_runtime import IBMBackend, QiskitRuntimeService
from qiskit_ibm_runtime.api import session
from qiskit_ibm_runtime.api.session import PostForcelistRetry
from quick_clock import QuickClock
from urllib3.util import Retry

from qgeo.backends.device import Device
from qgeo.backends.device import device_by_name as named_device


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Refuse to connect, or to look up a name, beyond 127.0.0.1; returns the addresses connected to."""
    connected: list[Any] = []
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(address: Any) -> None:
        connected.append(address)
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "localhost"):
            pytest.fail(f"expected connections to 127.0.0.1 only, got {address}")

    def guarded(function: Any) -> Any:
        def call(self: socket.socket, address: Any) -> Any:
            check(address)
            return function(self, address)

        return call

    def guarded_look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        check((host,))
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket.socket, "connect", guarded(connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
    return connected


@pytest.fixture(scope="session", autouse=True)
def no_proxy() -> Iterator[None]:
    """Reach 127.0.0.1 without the proxy that a machine may have; before any client is made."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "127.0.0.1")
        yield


@pytest.fixture(scope="session", autouse=True)
def stacks_without_source() -> Iterator[None]:
    """The client looks for its caller at every request, and reads the source of all frames for it (44 ms,
    half of these tests' time); names of files are all it uses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "inspect", SimpleNamespace(stack=partial(inspect.stack, 0)))
        yield


@pytest.fixture(scope="session")
def server(no_proxy: None) -> Iterator[LoopbackService]:  # noqa: ARG001
    """The one service; tests use `loopback`, which starts each of them with a clean one."""
    with LoopbackService() as running:
        yield running


@pytest.fixture
def loopback(server: LoopbackService) -> LoopbackService:
    """The service without jobs, sessions, faults, delay or a log."""
    server.reset()
    return server


@pytest.fixture(scope="session")
def service(server: LoopbackService) -> QiskitRuntimeService:
    """A client in this process; its token may have been revoked: such tests take a `loopback.service()`."""
    return server.service()


@pytest.fixture(scope="session")
def device(service: QiskitRuntimeService) -> IBMBackend:
    """The fake device, as the client sees it."""
    return service.backend("fake_manila")


@pytest.fixture(scope="session")
def running(no_proxy: None) -> Iterator[LoopbackService]:  # noqa: ARG001
    """A service with the device ibm_manila, which this process finds by its environment; see `quick`."""
    with serving() as service, service.applied():
        yield service


@pytest.fixture(scope="session")
def clock() -> QuickClock:
    """One for all tests: `where` posts by it."""
    return QuickClock()


@pytest.fixture(scope="session")
def where(running: LoopbackService, clock: QuickClock) -> Device:  # noqa: ARG001
    """ibm_manila, as qgeo knows it."""
    return named_device("ibm_manila", clock=clock)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, running: LoopbackService, clock: QuickClock) -> None:
    """No waiting between posts and retries; a clean service."""
    monkeypatch.setattr(Retry, "get_backoff_time", lambda _: 0.0)
    running.reset()
    clock.pauses.clear()


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without the waits (0, 1, 2, 4, 8 s): how often is the client's own choice still."""
    monkeypatch.setattr(PostForcelistRetry, "get_backoff_time", lambda _: 0.0)

"""A loopback stand-in for the IBM Quantum REST API: the real client, unmodified, runs jobs on a fake device.

    with LoopbackService() as loopback:
        service = loopback.service()                                 # in this process
        subprocess.run(command, env=os.environ | loopback.environment())     # or in another one
        loopback.inject(HttpError(500, on="post_job", times=2))      # see loopback_faults.py

`jobs` shows what was posted (tags, status, payload), `requests` every request as (method, path). `delay` is
the life of the next jobs in seconds, half of it queued. Only 127.0.0.1 is served, on a port of the system's
choice; `environment()` holds all the client needs to find it, and a guard against any other address.
Routes: loopback_routes.py and loopback_account.py; jobs: loopback_jobs.py; memory: loopback_state.py.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

from hardware.loopback_account import CRN
from hardware.loopback_faults import (
    Changed,
    Dropped,
    Fault,
    HalfBody,
    HttpError,
    Slow,
    TokenRevoked,
    TruncatedJson,
    Unfiltered,
    WireFault,
)
from hardware.loopback_jobs import Job
from hardware.loopback_routes import NAMES, answer, find
from hardware.loopback_state import Answer, Request, State, refusal
from qiskit_ibm_runtime import QiskitRuntimeService
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from qiskit_ibm_runtime.fake_provider.fake_backend import FakeBackendV2

TOKEN = "loopback-api-key"
PREFIXES = ("/api/v1", "/experimental")
GUARD = Path(__file__).parent / "guard"


class LoopbackService:
    """The REST API on 127.0.0.1 for the time of a `with` block.

    Args:
        backends: the devices on offer; FakeManilaV2 if none is given.
        delay: seconds from POST to Completed for jobs posted from now on; 0 runs them at the first look.
        limit_seconds: the allowance of the instance, in quantum seconds.
        token_lifetime: seconds a token says it is valid; the client renews it 10 s before the end.
        seed: of the simulator; job number i runs with seed + i.
    """

    def __init__(
        self,
        *backends: FakeBackendV2,
        delay: float = 0.0,
        limit_seconds: float = 600.0,
        token_lifetime: float = 3600.0,
        seed: int = 0,
    ) -> None:
        self.state = State(backends or (FakeManilaV2(),), delay, limit_seconds, token_lifetime, seed)
        self._server = Server(self.state)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> LoopbackService:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The address, without a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def jobs(self) -> list[Job]:
        """Every job created so far, in order."""
        return self.state.jobs

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Every request so far as (method, path), without the prefix of the API; retries count."""
        return self.state.requests

    def posts(self) -> int:
        """How many times a job was posted, answered or not."""
        return self.requests.count(("POST", "/jobs"))

    @property
    def delay(self) -> float:
        """Seconds from POST to Completed for jobs posted from now on; a job's own is `job.delay`."""
        return self.state.delay

    @delay.setter
    def delay(self, seconds: float) -> None:
        self.state.delay = seconds

    def inject(self, *faults: Fault) -> None:
        """Let these faults meet the next requests, or jobs, of their kind, in this order, all from now on."""
        with self._server.lock:
            for fault in faults:
                self._inject(fault)

    def _inject(self, fault: Fault) -> None:
        if isinstance(fault, TokenRevoked):
            self.state.tokens.clear()
            return
        if isinstance(fault, WireFault) and fault.on not in NAMES:
            raise ValueError(f"expected a route among {sorted(NAMES)}, got {fault.on!r}")
        self.state.faults.add(fault)

    def reset(self) -> None:
        """Forget jobs, sessions, requests, faults and delay; tokens stay good."""
        for memory in (self.state.jobs, self.state.sessions, self.state.requests, self.state.faults):
            memory.clear()
        self.state.delay = 0.0

    def environment(self) -> dict[str, str]:
        """The variables with which `QiskitRuntimeService()` in another process uses this service, guarded.

        The word "experimental" in the URL keeps the client from rewriting it to a host of IBM's.
        """
        bases = dict.fromkeys(("IAM_URL", "GLOBAL_SEARCH_URL", "GLOBAL_CATALOG_URL"), self.url)
        return bases | {
            "QISKIT_IBM_URL": f"{self.url}/experimental",
            "QISKIT_IBM_CHANNEL": "ibm_quantum_platform",
            "QISKIT_IBM_TOKEN": TOKEN,
            "QISKIT_IBM_INSTANCE": CRN,
            "QISKIT_FUNCTIONS_EXPERIMENTAL": "1",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(GUARD), os.environ.get("PYTHONPATH")])),
        }

    @contextmanager
    def applied(self) -> Iterator[None]:
        """This process, too, finds the service by its environment, inside the block."""
        with patch.dict(os.environ, self.environment()):
            yield

    def service(self) -> QiskitRuntimeService:
        """A new client in this process, the usual way: account, catalogue, instance, backends."""
        names = ("IAM_URL", "GLOBAL_SEARCH_URL", "GLOBAL_CATALOG_URL", "NO_PROXY", "no_proxy")
        environment = self.environment()
        with patch.dict(os.environ, {name: environment[name] for name in names}):
            os.environ.pop("QISKIT_FUNCTIONS_EXPERIMENTAL", None)
            return QiskitRuntimeService(
                channel="ibm_quantum_platform",
                token=TOKEN,
                instance=CRN,
                url_resolver=lambda *_: f"{self.url}/api/v1",
            )


class Server(ThreadingHTTPServer):
    """The socket: a thread for each connection, which all see one state, one request at a time."""

    daemon_threads = True

    def __init__(self, state: State) -> None:
        self.state = state
        self.lock = threading.RLock()
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), Connection)

    def close_connections(self) -> None:
        """End connections that clients keep open, so that no thread and no socket is left behind."""
        for connection in list(self.connections):
            with suppress(OSError):  # the client was faster
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed or gave up is no error of ours."""


class Connection(BaseHTTPRequestHandler):
    """One connection of a client: read a request, let a fault strike or not, write the answer."""

    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Remember the connection."""
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        """Forget it."""
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *arguments: object) -> None:
        """Stay silent: `requests` is the log."""

    def serve(self) -> None:
        """The life of one request."""
        request = self.read()
        fault, reply = self.meet(request)
        if isinstance(fault, Slow):
            time.sleep(fault.seconds)
        if isinstance(fault, Dropped):
            self.close_connection = True
        elif isinstance(fault, HalfBody):
            self.write(reply, len(reply.body) // 2)
            self.close_connection = True
        else:
            self.write(reply)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve

    def read(self) -> Request:
        """The request, whole, so that closing the connection later is clean."""
        address = urlsplit(self.path)
        path = address.path
        for prefix in PREFIXES:
            path = path.removeprefix(prefix)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return Request(self.command, path, parse_qs(address.query), body, token)

    def meet(self, request: Request) -> tuple[WireFault | None, Answer]:
        """Log the request, take the fault that waits for it, let the route work unless that prevents it."""
        with self.server.lock:
            state = self.server.state
            state.requests.append((request.method, request.path))
            route = find(request)
            fault = state.faults.for_request(route[0].__name__) if route else None
            lost = fault is not None and not fault.took_effect
            if isinstance(fault, Unfiltered):
                request = replace(request, query={k: v for k, v in request.query.items() if k != "tags"})
            reply = Answer() if lost else answer(state, request)
        if isinstance(fault, HttpError):
            wait = () if fault.retry_after is None else (("Retry-After", str(fault.retry_after)),)
            reply = Answer(fault.status, refusal(fault.status, fault.says).body, wait)
        elif isinstance(fault, Changed):
            reply = Answer(200, fault.change(reply.body))
        elif isinstance(fault, TruncatedJson):
            reply = Answer(reply.status, reply.body[: len(reply.body) // 2])
        return fault, reply

    def write(self, reply: Answer, body_bytes: int | None = None) -> None:
        """Status, headers and body (or its first bytes) at once."""
        body = reply.body.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in reply.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:body_bytes])
        self.wfile.flush()

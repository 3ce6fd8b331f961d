"""What the loopback service answers: one small function for each route of the REST API that the client uses.

A route takes the state of the service, a request and what its path names, and returns an answer. `PATTERNS`
is the table of them; the names of the functions are what a fault's `on` refers to. Read off the sources of
qiskit-ibm-runtime 0.51, `api/rest/*.py`. Token, instance and devices: loopback_account.py.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from hardware.loopback_account import (
    PLAN_ID,
    backends,
    catalog,
    configuration,
    find_backend,
    properties,
    search,
    status,
    token,
    usage,
)
from hardware.loopback_jobs import Job
from hardware.loopback_state import Answer, Request, State, ok, refusal

Handler = Callable[..., Answer]


# ---- jobs ------------------------------------------------------------------------------------------------


def post_job(state: State, request: Request) -> Answer:
    """POST /jobs: create a job; what the schema refuses is refused here too."""
    payload = request.json
    backend = find_backend(state, payload.get("backend", ""))
    if payload.get("program_id") != "executor":
        return refusal(404, f"program {payload.get('program_id')} not found; the loopback runs executor jobs")
    if backend is None:
        return refusal(400, f"backend {payload.get('backend')} not found")
    session = state.sessions.get(payload.get("session_id", ""))
    if payload.get("session_id") and not (session and session["accepting_jobs"]):
        return refusal(400, f"session {payload['session_id']} does not accept jobs")
    job = Job(backend, payload, state.delay, state.seed + len(state.jobs), tags=list(payload.get("tags", [])))
    try:
        job.program  # noqa: B018 - decoding is the check
    except (KeyError, ValueError) as error:
        return refusal(400, f"invalid params: {error}")
    job.fate = state.faults.for_job()
    state.jobs.append(job)
    return ok({"id": job.id, "backend": backend.name}, 200)


def list_jobs(state: State, request: Request) -> Answer:
    """GET /jobs: newest first, paged; filtered by tags (all), session, backend, program, state and date."""
    found = [job for job in state.jobs if fits(job, request) and job.is_listed()]
    if request.first("sort") != "ASC":
        found.reverse()
    start = int(request.first("offset") or 0)
    page = found[start : start + int(request.first("limit") or 20)]
    return ok({"jobs": [describe(job) for job in page], "count": len(found), "offset": start})


def fits(job: Job, request: Request) -> bool:
    """Whether a job passes the filters of a list request."""
    pending, after, before = (request.first(name) for name in ("pending", "created_after", "created_before"))
    job.look()
    return all(
        [
            set(request.query.get("tags", [])) <= set(job.tags),
            request.first("session_id") in (None, job.session_id),
            request.first("backend") in (None, job.backend.name),
            request.first("program") in (None, job.payload["program_id"]),
            pending is None or (pending == "true") != job.is_final,
            after is None or job.created >= datetime.fromisoformat(after),
            before is None or job.created <= datetime.fromisoformat(before),
        ]
    )


def poll(_: State, request: Request, job: Job) -> Answer:
    """GET /jobs/{id}: status and description, with the posted parameters unless they are excluded."""
    job.look()
    excluded = request.first("exclude_params") == "true"
    return ok(describe(job) | ({} if excluded else {"params": job.payload["params"]}))


def describe(job: Job) -> dict[str, Any]:
    """A job as the service tells of it."""
    state = {"status": job.status, "reason": job.reason, "reason_code": job.code}
    return {
        "id": job.id,
        "backend": job.backend.name,
        "program": {"id": job.payload["program_id"]},
        "status": job.status,
        "state": {name: value for name, value in state.items() if value is not None},
        "created": job.created.isoformat(),
        "tags": job.tags,
        "session_id": job.session_id,
        "private": job.payload.get("private", False),
        "estimated_running_time_seconds": job.estimated_seconds,
    }


def results(_: State, __: Request, job: Job) -> Answer:
    """GET /jobs/{id}/results: 204 without a body until there is a result."""
    return Answer(200, job.result) if job.look() == "Completed" and job.result else Answer(204)


def metrics(_: State, __: Request, job: Job) -> Answer:
    """GET /jobs/{id}/metrics: when, and how many quantum seconds."""
    done = job.look() == "Completed"
    finished = job.finished.isoformat() if job.finished else None
    times = {
        "created": job.created.isoformat(),
        "running": finished if done else None,
        "finished": finished,
    }
    return ok({"timestamps": times, "usage": job.usage()})


def logs(_: State, __: Request, job: Job) -> Answer:
    """GET /jobs/{id}/logs."""
    return Answer(200, job.reason or "")


def cancel(_: State, __: Request, job: Job) -> Answer:
    """POST /jobs/{id}/cancel: 409 if it has ended."""
    job.look()
    return Answer(204) if job.cancel() else refusal(409, f"job {job.id} has ended: {job.status}")


def tags(_: State, request: Request, job: Job) -> Answer:
    """PUT /jobs/{id}/tags: replace them."""
    job.tags = list(request.json["tags"])
    return Answer(204)


def delete_job(state: State, _: Request, job: Job) -> Answer:
    """DELETE /jobs/{id}."""
    state.jobs.remove(job)
    return Answer(204)


# ---- sessions and batches --------------------------------------------------------------------------------


def post_session(state: State, request: Request) -> Answer:
    """POST /sessions: batches only, as on the open plan, where a dedicated session is refused."""
    wish = request.json
    if wish.get("mode") != "batch":
        return refusal(400, "You are not authorized to run a session when using the open plan.")
    session = {
        "id": uuid.uuid4().hex[:20],
        "backend_name": wish.get("backend"),
        "mode": "batch",
        "max_ttl": wish.get("max_ttl"),
        "state": "open",
        "accepting_jobs": True,
        "elapsed_time": 0,
    }
    state.sessions[session["id"]] = session
    return ok(session)


def session(_: State, __: Request, found: dict[str, Any]) -> Answer:
    """GET /sessions/{id}."""
    return ok(found)


def close_session(_: State, request: Request, found: dict[str, Any]) -> Answer:
    """PATCH /sessions/{id}: stop accepting jobs; those that wait still run."""
    found["accepting_jobs"] = bool(request.json["accepting_jobs"])
    found["state"] = "open" if found["accepting_jobs"] else "closed"
    return Answer(204)


def cancel_session(state: State, _: Request, found: dict[str, Any]) -> Answer:
    """DELETE /sessions/{id}/close: cancel all of its jobs that wait or run."""
    found.update(accepting_jobs=False, state="closed")
    for job in state.jobs:
        if job.session_id == found["id"]:
            job.look()
            job.cancel("its session was cancelled")
    return Answer(204)


# ---- the table -------------------------------------------------------------------------------------------

PATTERNS: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/identity/token", token),
    ("POST", "/v3/resources/search", search),
    ("GET", f"/({PLAN_ID})", catalog),
    ("GET", "/instances/usage", usage),
    ("GET", "/backends", backends),
    ("GET", "/backends/([^/]+)/configuration", configuration),
    ("GET", "/backends/([^/]+)/properties", properties),
    ("GET", "/backends/([^/]+)/status", status),
    ("POST", "/jobs", post_job),
    ("GET", "/jobs", list_jobs),
    ("GET", "/jobs/([^/]+)", poll),
    ("DELETE", "/jobs/([^/]+)", delete_job),
    ("GET", "/jobs/([^/]+)/results", results),
    ("GET", "/jobs/([^/]+)/metrics", metrics),
    ("GET", "/jobs/([^/]+)/logs", logs),
    ("POST", "/jobs/([^/]+)/cancel", cancel),
    ("PUT", "/jobs/([^/]+)/tags", tags),
    ("POST", "/sessions", post_session),
    ("GET", "/sessions/([^/]+)", session),
    ("PATCH", "/sessions/([^/]+)", close_session),
    ("DELETE", "/sessions/([^/]+)/close", cancel_session),
)
NAMES = frozenset(handler.__name__ for _, _, handler in PATTERNS)
WITHOUT_TOKEN = frozenset({"token"})


def find(request: Request) -> tuple[Handler, tuple[str, ...]] | None:
    """The route of a request and the variable parts of its path."""
    for method, pattern, handler in PATTERNS:
        if request.method == method and (match := re.fullmatch(pattern, request.path)):
            return handler, match.groups()
    return None


def answer(state: State, request: Request) -> Answer:
    """Check the token, look up what the path names, and call the route."""
    found = find(request)
    if found is None:
        return refusal(404, f"no route {request.method} {request.path} in the loopback service")
    handler, names = found
    if handler.__name__ not in WITHOUT_TOKEN and request.token not in state.tokens:
        return refusal(401, "the token has expired or was never given out")
    if request.path.startswith("/jobs/"):
        job = next((job for job in state.jobs if job.id == names[0]), None)
        return handler(state, request, job) if job else refusal(404, f"job {names[0]} not found")
    if request.path.startswith("/sessions/"):
        session_ = state.sessions.get(names[0])
        return (
            handler(state, request, session_) if session_ else refusal(404, f"session {names[0]} not found")
        )
    return handler(state, request, *names)

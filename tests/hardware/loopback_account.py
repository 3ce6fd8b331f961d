"""Routes of the loopback service around the jobs: token, instance, allowance and devices.

The token is that of IBM's identity service (ibm-cloud-sdk-core), the search and the catalogue are asked once
by a new client (qiskit-ibm-runtime 0.51, `accounts/account.py`), the rest is the REST API (`api/rest/`).
"""

from __future__ import annotations

import base64
import json
import time
import uuid

from hardware.loopback_state import Answer, Request, State, ok, refusal
from qiskit_ibm_runtime.fake_provider.fake_backend import FakeBackendV2

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/loopback:11111111-2222-3333-4444-555555555555::"
PLAN_ID = "plan-of-the-loopback"


# ---- account ---------------------------------------------------------------------------------------------


def token(state: State, _: Request) -> Answer:
    """POST /identity/token: a valid JWT with issue and expiry times; nobody checks its signature."""
    now = int(time.time())
    claims = {"iat": now, "exp": now + int(state.token_lifetime), "jti": uuid.uuid4().hex}
    parts = (json.dumps({"alg": "RS256", "typ": "JWT"}), json.dumps(claims), "signature")
    access = ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
    state.tokens.add(access)
    return ok({"access_token": access, "token_type": "Bearer", "expires_in": int(state.token_lifetime)})


def search(_: State, __: Request) -> Answer:
    """POST /v3/resources/search: the one instance of the account."""
    doc = {"extensions": [{"backends": "all"}]}
    item = {"crn": CRN, "name": "loopback", "service_plan_unique_id": PLAN_ID, "doc": doc, "tags": []}
    return ok({"items": [item], "limit": 100})


def catalog(_: State, __: Request, ___: str) -> Answer:
    """GET /{plan_id}: the instance is of the open plan."""
    return ok({"overview_ui": {"en": {"display_name": "Open"}}, "metadata": {"pricing": {"type": "free"}}})


def usage(state: State, _: Request) -> Answer:
    """GET /instances/usage: the limit and what the jobs have cost; the client computes what remains."""
    spent = state.consumed_seconds
    return ok(
        {
            "instance_id": CRN,
            "plan_id": PLAN_ID,
            "usage_consumed_seconds": spent,
            "usage_limit_seconds": state.limit_seconds,
            "usage_limit_reached": spent >= state.limit_seconds,
            "usage_period": {"period_length_days": 28},
        }
    )


# ---- backends --------------------------------------------------------------------------------------------


def backends(state: State, _: Request) -> Answer:
    """GET /backends."""
    devices = [
        {
            "name": backend.name,
            "status": {"name": "online", "reason": "available"},
            "qubits": backend.num_qubits,
            "queue_length": queue_length(state, backend.name),
        }
        for backend in state.backends
    ]
    return ok({"devices": devices})


def configuration(state: State, _: Request, name: str) -> Answer:
    """GET /backends/{name}/configuration: the raw file of the fake device, under its own name."""
    backend = find_backend(state, name)
    if backend is None:
        return refusal(404, f"backend {name} not found")
    return ok(backend._load_json(backend.conf_filename) | {"backend_name": name})


def properties(state: State, _: Request, name: str) -> Answer:
    """GET /backends/{name}/properties: the raw file of the fake device."""
    backend = find_backend(state, name)
    if backend is None:
        return refusal(404, f"backend {name} not found")
    return ok(backend._load_json(backend.props_filename))


def status(state: State, _: Request, name: str) -> Answer:
    """GET /backends/{name}/status."""
    if find_backend(state, name) is None:
        return refusal(404, f"backend {name} not found")
    queue = queue_length(state, name)
    return ok({"state": True, "status": "active", "length_queue": queue, "backend_version": "1.0.0"})


def queue_length(state: State, name: str) -> int:
    """How many jobs of a device have not ended."""
    return sum(not job.is_final and job.backend.name == name for job in state.jobs)


def find_backend(state: State, name: str) -> FakeBackendV2 | None:
    """The device of that name."""
    return next((backend for backend in state.backends if backend.name == name), None)

"""Requests carried out: planned, submitted, resumed, collected.

Carrying a request (`fisher_request.py`) out on a ledger's sampler posts what is missing, or decodes what is
there.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qgeo.backends.device import Device, ledger_sampler
from qgeo.backends.job_status import status_of
from qgeo.backends.ledger import Ledger
from qgeo.backends.ledger_sampler import LedgerSampler
from qgeo.backends.plan import Plan
from qgeo.backends.runner import Runner
from qgeo.errors import FailedJobError, HardwareError, PendingError, QGeoError
from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.methods import METHODS
from qgeo.hardware.ending import cancel_all
from qgeo.hardware.fisher_request import (
    FisherManifest,
    FisherRequest,
    check_budget,
    read_request,
    set_budget,
    write_request,
)


def alternatives(request: FisherRequest, device: Device) -> list[Plan | str]:
    """Every method's plan at the same shots, or why it cannot treat the circuit ("method: reason")."""
    plans: list[Plan | str] = []
    for method in METHODS:
        try:
            plans.append(replace(request, method=method).plan(device))
        except QGeoError as error:
            plans.append(f"{method}: {error}")
    return plans


@dataclass(frozen=True)
class JobState:
    """One job of a ledger, for a table; charged: None as long as that is not final."""

    number: int
    job_id: str | None
    status: str
    circuits: int
    executions: int
    seconds: float
    charged: float | None = None


def submit(request: FisherRequest, device: Device, folder: Path, max_seconds: float) -> list[JobState]:
    """Write the request and its jobs to a new folder, then post them.

    Raises:
        HardwareError: the budget is missing or too small, or a circuit that the device cannot run; nothing is
            posted then.
        LedgerError: the folder holds another request, or cannot be written.
    """
    check_budget(max_seconds)
    needed = request.plan(device).seconds
    if needed > max_seconds:
        raise HardwareError(
            f"expected at most {max_seconds:g} QPU seconds, this needs about {needed:.1f}; raise "
            "--max-seconds, or choose fewer shots or a cheaper method (qgeo hardware plan compares them)"
        )
    ledger = Ledger(folder)
    write_request(ledger, request, device, max_seconds)
    return post(ledger, device)


def post(
    ledger: Ledger, device: Device, *, max_seconds: float | None = None, post_anyway: bool = False
) -> list[JobState]:
    """Post whatever the ledger's request still lacks; jobs that are known are not posted again.

    Args:
        max_seconds: the budget from now on, if it is to be another; the manifest keeps the earlier ones.
        post_anyway: post again what was sent lately, had no answer and is not listed.
    """
    request = read_request(ledger)
    ledger.sweep_drafts()
    if max_seconds is not None:
        set_budget(ledger, max_seconds)
    with closing(device.runner()) as runner:
        sampler = _sampler(request, ledger, device, runner, may_fetch=False, post_anyway=post_anyway)
        _until_pending(request, sampler)
        return states(ledger, sampler)


def collect(ledger: Ledger, device: Device) -> FisherEstimate:
    """The estimate, from results on disk and those that are finished.

    Raises:
        PendingError: a job is not done yet; what is done is kept.
        FailedJobError: a job ended without a result; what is done behind it is kept, too.
    """
    request = read_request(ledger)
    ledger.sweep_drafts()
    sampler = _sampler(request, ledger, device, may_post=False)
    posted = [number for number in range(ledger.count()) if ledger.job(number).job_id() is not None]
    failures = [failure for number in posted if (failure := _failure(sampler, number))]
    if failures:
        raise failures[0]
    return request.carried_out(sampler)


def _failure(sampler: LedgerSampler, number: int) -> FailedJobError | None:
    """Fetch a job that is done; what is to be said of one that never will be."""
    try:
        sampler.fetched(number)
    except FailedJobError as failure:
        return failure
    return None


def cancel(ledger: Ledger, device: Device) -> list[JobState]:
    """Cancel a ledger; see `cancel_all`."""
    cancel_all([ledger], device, ledger.folder)
    return states(ledger, ledger_sampler(device, ledger, max_seconds=0, may_post=False))


def states(ledger: Ledger, sampler: LedgerSampler) -> list[JobState]:
    """Every job and where it stands; charges that were not final yet are asked for again."""
    sampler.spending.ask(sampler.runner.charged)
    return [_state(ledger, sampler, number) for number in range(ledger.count())]


def _sampler(
    request: FisherRequest, ledger: Ledger, device: Device, runner: Runner | None = None, **may: Any
) -> LedgerSampler:
    limit = ledger.manifest(FisherManifest).max_seconds
    return ledger_sampler(device, ledger, runner, max_seconds=limit, mitigation=request.mitigation, **may)


def _until_pending(request: FisherRequest, sampler: LedgerSampler) -> None:
    try:
        request.carried_out(sampler)
    except PendingError:
        return


def _state(ledger: Ledger, sampler: LedgerSampler, number: int) -> JobState:
    job = ledger.job(number)
    entry, job_id = job.entry(), job.job_id()
    if job.has_result():
        status = "collected"
    else:
        status = status_of(ledger, number, sampler.runner) or _unposted(ledger, number)
    charged = job.charged()
    return JobState(number, job_id, status, entry.circuits, entry.executions, entry.seconds, charged)


def _unposted(ledger: Ledger, number: int) -> str:
    if ledger.job(number).has_attempt():
        return "unanswered"
    return "cancelled" if ledger.is_cancelled else "written"

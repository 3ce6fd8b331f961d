"""Requests carried out: planned, submitted, resumed, collected, cancelled, tried again.

Carrying a request (`fisher_request.py`) out on a ledger's sampler posts what is missing, or decodes what is
there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

from qgeo.backends.device import Device, ledger_sampler
from qgeo.backends.ledger import Ledger
from qgeo.backends.ledger_files import LEDGER_FILES, cancelled_since, write_cancelled
from qgeo.backends.ledger_sampler import ENDED_WITHOUT_RESULT, LedgerSampler
from qgeo.backends.plan import Plan
from qgeo.backends.runner import Runner
from qgeo.errors import FailedJobError, HardwareError, PendingError, QGeoError
from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.methods import METHODS
from qgeo.hardware.fisher_request import (
    FisherManifest,
    FisherRequest,
    check_budget,
    read_request,
    set_budget,
    write_request,
)
from qgeo.locks import locked


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
    posted = [number for number in range(ledger.count()) if ledger.job_id(number) is not None]
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
    """Cancel every job that is not done; nothing of the ledger is posted from then on.

    Jobs whose id is not known, as their post had no answer, are searched for by their tags.

    Raises:
        HardwareError: a job that could not be cancelled, or may exist and not be listed yet; all others are.
    """
    cancel_all([ledger], device, ledger.folder)
    return states(ledger, ledger_sampler(device, ledger, max_seconds=0, may_post=False))


def cancel_all(ledgers: Sequence[Ledger], device: Device, shared: Path) -> None:
    """Cancel all ledgers of a folder; see `cancel`."""
    for folder in {shared, *(ledger.folder for ledger in ledgers)}:
        write_cancelled(folder)  # first of all: whoever posts now sees it before the next post
    with locked(shared, LEDGER_FILES):  # and has come to know the job of the one that is under way
        runner = device.runner()
        left = [said for ledger in ledgers for said in _cancelled(ledger, runner)]
    if left:
        raise HardwareError(
            f"expected every job to be cancelled, all but {len(left)} are: {left[0]}; qgeo hardware cancel "
            f"{quote(str(shared))} tries again"
        )


def _cancelled(ledger: Ledger, runner: Runner) -> Iterator[str]:
    """Cancel all jobs of a ledger; a sentence on each that may still run."""
    for number in range(ledger.count()):
        if ledger.has_result(number):
            continue
        try:
            jobs = _jobs_of(ledger, number, runner)
            for job_id in jobs:
                runner.cancel(job_id, ledger.tag_of(number))
        except PendingError as error:
            yield f"job {number}: {error}"
            continue
        if not jobs and ledger.has_attempt(number):
            yield f"the post of job {number} had no answer, and no job has its tag yet; wait 15 minutes"


def _jobs_of(ledger: Ledger, number: int, runner: Runner) -> list[str]:
    """What an entry was posted as: the job that is known, and any that is found by its tag."""
    known = ledger.job_id(number)
    try:
        listed = [job.job_id for job in runner.find(ledger.tag_of(number))]
    except PendingError:
        if known is None:
            raise
        return [known]
    if known is None and listed:
        ledger.write_job_id(number, listed[0])
    return listed if known is None else [known, *(job_id for job_id in listed if job_id != known)]


def retry_all(ledgers: Sequence[Ledger], device: Device, shared: Path) -> None:
    """Give up every job that ended without a result: whoever resumes posts another one in its place.

    What a job given up was charged counts on, and must be known: else the next one could pass the budget. Of
    one that the service does not know any more, the estimate counts.

    Raises:
        HardwareError: the folder was cancelled.
        PendingError: no usable answer, or a charge that is not final.
    """
    for folder in {shared, *(ledger.folder for ledger in ledgers)}:
        if cancelled_since(folder):
            raise HardwareError(f"expected jobs to run again, {folder} was cancelled; start in a new folder")
    with locked(shared, LEDGER_FILES):
        runner = device.runner()
        for ledger in ledgers:
            _give_up_ended(ledger, runner)


def _give_up_ended(ledger: Ledger, runner: Runner) -> None:
    for number in range(ledger.count()):
        job_id = ledger.job_id(number)
        if job_id is None or ledger.has_result(number):
            continue
        status = runner.status(job_id, ledger.tag_of(number))
        if status in ENDED_WITHOUT_RESULT:
            if status != "missing":
                _know_charge(ledger, number, runner.charged(job_id))
            ledger.give_up(number, status)


def _know_charge(ledger: Ledger, number: int, seconds: float | None) -> None:
    if ledger.charged(number) is None:
        if seconds is None:
            raise PendingError(
                f"the service has not computed yet what job {ledger.job_id(number)} was charged, which must "
                "count before another one is posted; try again later"
            )
        ledger.write_usage(number, seconds)


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
    entry, job_id = ledger.entry(number), ledger.job_id(number)
    if ledger.has_result(number):
        status = "collected"
    else:
        tag = ledger.tag_of(number)
        status = _unposted(ledger, number) if job_id is None else sampler.runner.status(job_id, tag)
    charged = ledger.charged(number)
    return JobState(number, job_id, status, entry.circuits, entry.executions, entry.seconds, charged)


def _unposted(ledger: Ledger, number: int) -> str:
    if ledger.has_attempt(number):
        return "unanswered"
    return "cancelled" if ledger.is_cancelled else "written"

"""Ending jobs: cancelled, so that nothing of a folder is posted any more; or given up, to run again.

Both take a ledger or all ledgers of a comparison, and go through every job: one that cannot be treated now
keeps no other from it, and is said in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from shlex import quote

from qgeo.backends.device import Device
from qgeo.backends.job_status import ENDED_WITHOUT_RESULT, status_of
from qgeo.backends.ledger import Ledger
from qgeo.backends.ledger_files import LEDGER_FILES, Posted, cancelled_since, write_cancelled
from qgeo.backends.runner import Runner
from qgeo.errors import HardwareError, LedgerError, PendingError, QGeoError
from qgeo.locks import locked

MINUTES_BEFORE_GONE = 15.0
"""After a post: a job that nobody knows until then is not given up."""


def cancel_all(ledgers: Sequence[Ledger], device: Device | None, shared: Path) -> None:
    """Cancel every job that is not done; nothing of the folder is posted from then on.

    Jobs whose id is not known, as their post had no answer, are searched for by their tags.

    Args:
        ledgers: of the folder `shared`, where nothing is posted either that is not written yet.
        device: None where there are no ledgers yet.

    Raises:
        HardwareError: a job that could not be cancelled, or may exist and not be listed; all others are.
    """
    for folder in {shared, *(ledger.folder for ledger in ledgers)}:
        _write_cancelled(folder)  # first of all: whoever posts now sees it before the next post
    with locked(shared, LEDGER_FILES):  # and has come to know the job of the one that is under way
        runner = None if device is None else device.runner()
        left = [] if runner is None else _untreated(ledgers, partial(_cancel_job, runner))
    if left:
        raise HardwareError(
            f"expected every job to be cancelled, all but {len(left)} are: {left[0]}; qgeo hardware cancel "
            f"{quote(str(shared))} tries again"
        )


def retry_all(
    ledgers: Sequence[Ledger], device: Device | None, shared: Path, *, at_estimate: bool = False
) -> None:
    """Give up every job that ended without a result: whoever resumes posts another one in its place.

    What a job given up was charged counts on, and must be known: else the next one could pass the budget. Of
    one that the service does not know any more, the estimate counts.

    Args:
        at_estimate: let the estimate count where the service has computed no charge.

    Raises:
        HardwareError: the folder was cancelled.
        PendingError: no usable answer, a charge that is not final, a job that was posted lately.
    """
    for folder in {shared, *(ledger.folder for ledger in ledgers)}:
        if cancelled_since(folder):
            raise HardwareError(f"expected jobs to run again, {folder} was cancelled; start in a new folder")
    with locked(shared, LEDGER_FILES):
        runner = None if device is None else device.runner()
        left = [] if runner is None else _untreated(ledgers, partial(_give_up, runner, at_estimate))
    if left:
        raise PendingError(f"{left[0]}; all other jobs that ended without a result were given up")


def _write_cancelled(folder: Path) -> None:
    try:
        write_cancelled(folder)
    except LedgerError as error:
        raise LedgerError(
            f"{error}: nothing was cancelled; copy {folder} to where it can be written, and cancel the copy"
        ) from None


def _untreated(ledgers: Sequence[Ledger], treat: Callable[[Ledger, int], None]) -> list[str]:
    """Treat every job of all ledgers; a sentence on each that cannot be treated now."""
    return [said for ledger in ledgers for said in _untreated_of(ledger, treat)]


def _untreated_of(ledger: Ledger, treat: Callable[[Ledger, int], None]) -> Iterator[str]:
    try:
        numbers = range(ledger.count())
    except QGeoError as error:
        yield str(error)
        return
    for number in numbers:
        try:
            treat(ledger, number)
        except QGeoError as error:
            yield f"job {number}: {error}"


def _cancel_job(runner: Runner, ledger: Ledger, number: int) -> None:
    """Cancel what was posted for an entry.

    Raises:
        PendingError: it may still run.
    """
    if ledger.job(number).has_result():
        return
    status = status_of(ledger, number, runner)
    jobs = _jobs_of(ledger, number, runner, status)
    for job_id, tag in jobs.items():
        runner.cancel(job_id, tag)
    if not jobs and status == "missing":
        raise PendingError(f"{ledger.job(number).job_id()} is not known to the account in use")
    if not jobs and ledger.job(number).has_attempt():
        raise PendingError("its post had no answer, and no job has its tag yet; wait 15 minutes")


def _jobs_of(ledger: Ledger, number: int, runner: Runner, status: str | None) -> dict[str, str]:
    """Ids and tags of the jobs of an entry: the one that is known, and all that are found by its tags, those
    that were given up because nobody knew them included."""
    tags, known = ledger.job(number).tags(), ledger.job(number).job_id()
    jobs = {} if known is None or status == "missing" else {known: tags[-1]}
    try:
        listed = {job.job_id: tag for tag in tags for job in runner.find(tag)}
    except PendingError:
        if not jobs:
            raise
        return jobs
    newest = [job_id for job_id, tag in listed.items() if tag == tags[-1]]
    if known is None and newest:
        ledger.job(number).write_job_id(newest[0], next(iter(runner.instances()), None))
    return listed | jobs


def _give_up(runner: Runner, at_estimate: bool, ledger: Ledger, number: int) -> None:
    job = ledger.job(number)
    posted = None if job.has_result() else job.posted()
    status = None if posted is None else status_of(ledger, number, runner)
    if posted is None or status not in ENDED_WITHOUT_RESULT:
        return
    if status == "missing":
        _check_is_old(posted)
    else:
        _know_charge(ledger, number, runner.charged(posted.job_id), at_estimate)
    job.give_up(status)


def _check_is_old(posted: Posted) -> None:
    """A job that the service does not know may be known a little later."""
    age = datetime.now(UTC) - datetime.fromisoformat(posted.posted)
    if age < timedelta(minutes=MINUTES_BEFORE_GONE):
        raise PendingError(
            f"job {posted.job_id} was posted less than {MINUTES_BEFORE_GONE:.0f} minutes ago, and may be "
            "known later; try again then"
        )


def _know_charge(ledger: Ledger, number: int, seconds: float | None, at_estimate: bool) -> None:
    job = ledger.job(number)
    if seconds is not None:
        job.write_usage(seconds)
    elif job.charged() is None and not at_estimate:
        raise PendingError(
            f"the service has not computed yet what job {job.job_id()} was charged, which must "
            "count before another one is posted; try again later, or let the estimate count: --at-estimate"
        )

"""Where a posted job of a ledger stands, and what may be believed of it.

    queued, running, done                as the service says
    failed, cancelled                    it will never have a result
    missing                              nobody knows it: it was deleted

A job that the service does not know may be that of another account, or of an instance that is not in use:
then nothing is said of it.
"""

from __future__ import annotations

from qgeo.backends.ledger import Ledger
from qgeo.backends.runner import Runner
from qgeo.errors import PendingError

ENDED_WITHOUT_RESULT = ("failed", "cancelled", "missing")
"""Statuses of jobs that will never have one."""


def status_of(ledger: Ledger, number: int, runner: Runner) -> str | None:
    """The status of a job, None where it is not posted.

    Raises:
        PendingError: no usable answer, or a job that was posted to another instance.
        LedgerError: it is another job.
    """
    job = ledger.job(number)
    posted = job.posted()
    if posted is None:
        return None
    status = runner.status(posted.job_id, job.tag())
    if status == "missing" and posted.instance is not None and posted.instance not in runner.instances():
        raise PendingError(
            f"job {posted.job_id} was posted to another instance than those of the account in use; set "
            "QISKIT_IBM_TOKEN and QISKIT_IBM_INSTANCE to what they were then"
        )
    return status

"""Spending: the running sum of QPU seconds that all ledgers of a folder have spent or will.

    seconds = Σ final charges of ended jobs + Σ estimates of all others

Every job is read once. A check then costs a glance at each ledger for what another process wrote since, not a
walk over all jobs. Charges that the service had not computed when a job ended are asked for again, a bounded
number of them whatever number of jobs waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import ceil
from pathlib import Path

from qgeo.backends.clock import Clock
from qgeo.backends.job_folder import JobFolder
from qgeo.backends.ledger import Ledger, manifests
from qgeo.errors import HardwareError, PendingError, QGeoError

SECONDS_BETWEEN_QUESTIONS = 10.0
"""Between questions for a charge while jobs are posted: fewer requests than the posts themselves take, whose
distance is 12.5 s, so that all charges are known soon after the last job."""

QUESTIONS_BEFORE_REFUSAL = 20
"""For charges at most, before a request is refused for lack of seconds: a few seconds of waiting."""

Charged = Callable[[str], float | None]
"""From a job's id to its final charge, None as long as there is none."""

_ROUNDING = 1e-9
"""Relative: sums of the same seconds in another order."""


def fits(seconds: float, limit: float) -> bool:
    """Whether a sum of seconds is within a limit; never true of a limit that is no number."""
    return seconds <= limit * (1 + _ROUNDING)


class Spending:
    """Args: folder: of the ledger, or of all ledgers that share a budget."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ledgers: dict[Path, Ledger] = {}
        self._counted: dict[Path, int] = {}
        self._charges_changed: dict[Path, int] = {}
        self._estimates: dict[JobFolder, float] = {}
        self._waiting: deque[JobFolder] = deque()
        self._charged = self._estimated = 0.0
        self._last_question: float | None = None

    def seconds(self) -> float:
        """Spent or expected, up to now."""
        self.refresh()
        return self._sum

    def refresh(self) -> None:
        """See what was written since, by this process or another."""
        for manifest in manifests(self.folder):
            ledger = self._ledgers.setdefault(manifest.parent, Ledger(manifest.parent))
            self._settle_changed(ledger)
            number = self._counted.get(ledger.folder, 0)
            while ledger.is_written(number):
                self._count(ledger.job(number))
                number += 1
            self._counted[ledger.folder] = number

    def _settle_changed(self, ledger: Ledger) -> None:
        """Count the charges that another process has written down."""
        changed = ledger.charges_changed()
        if changed != self._charges_changed.get(ledger.folder):
            self._charges_changed[ledger.folder] = changed
            for job in [job for job in self._estimates if job.ledger == ledger.folder]:
                if job.has_ended():
                    self.settle(job)

    def settle(self, job: JobFolder) -> None:
        """A job has ended: from now on its charge counts, or is asked for."""
        if job not in self._estimates:
            return
        charged = job.charged()
        if charged is not None:
            self._estimated -= self._estimates.pop(job)
            self._charged += charged
        elif job not in self._waiting:
            self._waiting.append(job)

    def check(self, limit: float, more: float, charged: Charged, clock: Clock, command: str) -> None:
        """Refuse what would exceed the budget.

        Args:
            limit: of the budget; more: seconds that are wanted beside what is written.
            charged: asks for a job's charge; command: that goes on with more seconds, which follow it.

        Raises:
            HardwareError: it does not fit, and the charges that were asked for do not change that.
        """
        self.refresh()
        self._ask_in_turn(charged, clock)
        questions = min(QUESTIONS_BEFORE_REFUSAL, len(self._waiting))
        while not self._fits(limit, more):
            if not questions:
                self._refuse(limit, more, command)
            self._ask(partial(charge_now, charged))
            questions -= 1

    def ask(self, charged: Charged, most: int = QUESTIONS_BEFORE_REFUSAL) -> None:
        """Ask for the charges that are not final yet, those first that were not asked for longest.

        Without an answer, an account, or the right to write it down the estimates stand; no more is asked.
        """
        self.refresh()
        with suppress(QGeoError):
            for _ in range(min(most, len(self._waiting))):
                self._ask(charged)

    @property
    def _sum(self) -> float:
        return self._charged + max(0.0, self._estimated)

    def _fits(self, limit: float, more: float) -> bool:
        return fits(self._sum + more, limit)

    def _refuse(self, limit: float, more: float, command: str) -> None:
        total = self._sum + more
        raise HardwareError(
            f"expected at most {limit:g} QPU seconds, this would make it about {total:.1f}; {command} "
            f"{ceil(total)} goes on, or choose fewer shots or a cheaper method"
        )

    def _ask_in_turn(self, charged: Charged, clock: Clock) -> None:
        if not self._waiting:
            return
        now, last = clock.uptime(), self._last_question
        if last is None or now - last >= SECONDS_BETWEEN_QUESTIONS:
            self._last_question = now
            if last is not None:  # the first one has only just ended
                self._ask(partial(charge_now, charged))

    def _ask(self, charged: Charged) -> None:
        """For the charge of the job that waits longest; it waits on if there is none."""
        job = self._waiting.popleft()
        try:
            job_id = job.job_id()
            seconds = charged(job_id) if job.charged() is None and job_id is not None else None
            if seconds is not None and job.job_id() == job_id:  # it may have been given up meanwhile
                job.write_usage(seconds)
        finally:
            self.settle(job)

    def _count(self, job: JobFolder) -> None:
        charged = job.charged()
        self._charged += job.seconds_before()
        if charged is not None:
            self._charged += charged
            return
        self._estimates[job] = job.estimate()
        self._estimated += self._estimates[job]
        if job.has_ended():
            self._waiting.append(job)


def charge_now(charged: Charged, job_id: str) -> float | None:
    """A job's charge, None if it is not final or there is no answer."""
    try:
        return charged(job_id)
    except PendingError:
        return None

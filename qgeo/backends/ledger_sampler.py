"""LedgerSampler: a Qiskit V2 sampler whose jobs live in a ledger.

The n-th call is the ledger's n-th group of jobs. With results on disk it answers at once; else its circuits
are transpiled, checked, divided into jobs that a device takes (`splitting.py`), their sum of seconds held
against the budget, all of them written, then posted (once each), then waited for or reported as pending.
Whatever repeats its calls from the same seed (an estimate, a training run) therefore goes on where it was
cut, in this process or another, whatever a device's calibration has become meanwhile.

The sum that is checked is that of everything written before and of all jobs of this call: nothing of a call
is written that does not fit, and nothing of one is posted before all of it is written. An estimate that
`submit` makes is one call. One whose later calls depend on the results of earlier ones (a pilot run, a
training) cannot know more than that: each of its calls is checked as it comes.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from pathlib import Path
from typing import Any

from qiskit import QuantumCircuit
from qiskit.primitives import BaseSamplerV2, PrimitiveResult
from qiskit.primitives.containers.sampler_pub import SamplerPub

from qgeo.backends.calls import Joined, call_of
from qgeo.backends.clock import Clock
from qgeo.backends.job_status import ENDED_WITHOUT_RESULT, status_of
from qgeo.backends.ledger import Ledger
from qgeo.backends.ledger_files import LEDGER_FILES
from qgeo.backends.mitigated_work import PLAIN, Flips, Mitigation
from qgeo.backends.permission import Check, Permission
from qgeo.backends.posting import Commands, Posting, commands_of
from qgeo.backends.runner import Runner, Wanted
from qgeo.backends.spending import Spending, charge_now
from qgeo.backends.splitting import Limits, Part
from qgeo.backends.written_calls import WrittenCalls
from qgeo.errors import FailedJobError, PendingError, UnfitError
from qgeo.estimators.mitigation import BESIDE
from qgeo.estimators.primitives import PassManager
from qgeo.locks import locked


class LedgerSampler(BaseSamplerV2):
    """Args:
    ledger: where jobs are kept; runner: where they run; pass_manager: to its gates.
    max_seconds: QPU seconds that may be taken, estimated or charged; shared: the folder of all ledgers that
        share them, if this is not the only one.
    wait: seconds between looks at a job that is not done; None raises `PendingError` instead.
    check: refuses what cannot run there now, before anything is written and before each post.
    may_post: whether entries may be made and posted; may_fetch: whether results may be asked for. Without
        the one only what was posted is read, without the other everything is posted and nothing waited for.
    post_anyway: post again what was sent lately and had no answer (`posting.py`); clock: how time is had.
    mitigation: what every job runs beside its circuits; results say the readout errors that it measured.
    spending: of `shared`, where several samplers keep one sum; commands: that go on with this.
    limits: of a job.
    """

    transpiles = True

    def __init__(
        self,
        ledger: Ledger,
        runner: Runner,
        pass_manager: PassManager,
        *,
        max_seconds: float,
        wait: float | None = None,
        check: Check | None = None,
        shared: Path | None = None,
        may_post: bool = True,
        may_fetch: bool = True,
        post_anyway: bool = False,
        clock: Clock | None = None,
        mitigation: Mitigation = PLAIN,
        spending: Spending | None = None,
        commands: Commands | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.ledger, self.runner, self.wait, self.shared = ledger, runner, wait, shared or ledger.folder
        self.may_fetch, self.mitigation, self._clock = may_fetch, mitigation, clock or Clock()
        self.may_post = may_post
        self.spending = spending or Spending(self.shared)
        self._commands = commands = commands or commands_of(ledger.folder)
        permission = Permission(
            (self.shared, ledger.folder),
            self.spending,
            max_seconds,
            runner.charged,
            self._clock,
            check,
            commands,
        )
        self._posting = Posting(
            ledger, runner, self._clock, may_post, post_anyway, permission.check_all, commands
        )
        self._calls = WrittenCalls(
            ledger, pass_manager, limits or Limits(), permission, self._alone, may_post
        )
        self._scale, self._next = mitigation.scales[0], 0

    def at_scale(self, scale: int) -> LedgerSampler:
        """The same jobs from the first one on, read where circuits were folded so."""
        made = copy(self)
        made._next, made._scale = 0, scale
        return made

    def run(self, pubs: Iterable[Any], *, shots: int | None = None) -> Any:
        """A job whose `result()` is on disk, waited for, or pending."""
        coerced = [SamplerPub.coerce(pub, shots) for pub in pubs]
        self.mitigation.check(pub.circuit for pub in coerced)
        call, first = call_of(coerced, self.mitigation), self._next
        parts = self._calls.parts(call, first)
        self._next += len(parts)
        for number in range(first, self._next):
            self._post(number, range(first, self._next))
        return _LedgerJob(self, coerced, dict(enumerate(parts, first)))

    def read(self, number: int) -> list[tuple[Any, Flips | None]]:
        """The packed bits of one job's circuits, and what is known of their readout errors."""
        return self.mitigation.read(self.bits(number), self._scale, lambda: self.ledger.job(number).reads())

    def beside(self, jobs: dict[int, Part], rows: int) -> tuple[int, int]:
        """Circuits and shots that these jobs ran beside `rows` bindings, each with all of its shots.

        Where shots were divided, a binding is run in several jobs. All scales share the calibrations, the
        first pays for them.
        """
        circuits = self.mitigation.calibrations if self._scale == self.mitigation.scales[0] else 0
        again = sum(part.rows for part in jobs.values()) - rows
        return again + circuits * len(jobs), sum(circuits * part.shots for part in jobs.values())

    def bits(self, number: int) -> list[Any]:
        """The packed bits of one job: from disk, else from the runner."""
        while (fetched := self.fetched(number)) is None:
            if self.wait is None:
                raise PendingError(
                    f"job {self.ledger.job(number).job_id()} is not done yet; collect again later"
                )
            self._clock.pause(self.wait)
        return fetched

    def fetched(self, number: int) -> list[Any] | None:
        """A job's bits if it is done, kept on disk from then on.

        Raises:
            FailedJobError: it failed, was cancelled, or is not there any more.
        """
        job = self.ledger.job(number)
        kept = job.result()
        if kept is not None:
            self.spending.settle(job)  # it may be another process that kept it
        if kept is not None or not self.may_fetch:
            return kept
        job_id, status = self._known_id(number), status_of(self.ledger, number, self.runner)
        if status in ENDED_WITHOUT_RESULT:
            self._keep_usage(number, job_id)
            raise self._failure(number, job_id, status)
        if status != "done":
            return None
        finished = self.runner.result(job_id, self._wanted(number))
        if job.job_id() != job_id:  # given up meanwhile, by another process
            return None
        job.write_result(finished.bits, finished.seconds)
        self.spending.settle(job)
        return list(finished.bits)

    def _known_id(self, number: int) -> str:
        """The id of a job that is posted. It is not posted here: that needs the lock."""
        known = self.ledger.job(number).job_id()
        if known is None and self.may_post:
            resume = self._commands.resume
            raise PendingError(f"job {number} was given up by another process; {resume} posts another one")
        return known or self._posting.job_id(number)

    def _failure(self, number: int, job_id: str, status: str) -> FailedJobError:
        said = f"expected job {number}, {job_id}, to be done, it is {status}; results of others are kept"
        if self.ledger.is_cancelled:
            return FailedJobError(f"{said}, and nothing of {self.ledger.folder} runs again: it was cancelled")
        return FailedJobError(
            f"{said}: {self._commands.retry} gives it up, and {self._commands.resume} then runs it again, "
            f"for about {self.ledger.job(number).entry().seconds:.1f} QPU seconds more"
        )

    def _keep_usage(self, number: int, job_id: str) -> None:
        """What a job without a result was charged: nothing, or what it ran until it ended."""
        job = self.ledger.job(number)
        if job.charged() is not None:
            return
        seconds = charge_now(self.runner.charged, job_id)
        if job.job_id() == job_id:
            job.write_usage(seconds)
            self.spending.settle(job)

    def _wanted(self, number: int) -> Wanted:
        job = self.ledger.job(number)
        shapes, shots = job.shapes(), job.entry().shots
        return Wanted(shapes, shots, lambda: job.work())

    def _alone(self) -> Any:
        """A lock, so that two processes neither post a job twice nor spend the same seconds."""
        return locked(self.shared, LEDGER_FILES)

    def _post(self, number: int, call: range) -> None:
        if self.ledger.job(number).has_result():  # what is there needs no lock, which may not be to be had
            return
        with self._alone():
            if self.ledger.job(number).has_result():
                return
            self.ledger.job(number).checked()  # a job that exists is read by these files, too
            try:
                self._posting.job_id(number)
            except UnfitError as error:
                raise self._calls.given_up(call, error) from None


class Untouched:
    """A pass manager that leaves circuits as they are: the ledger transpiles what it writes."""

    def run(self, circuits: list[QuantumCircuit]) -> list[QuantumCircuit]:
        """The circuits."""
        return circuits


class _LedgerJob:
    """What `LedgerSampler.run` returns: only `result` is used."""

    def __init__(self, sampler: LedgerSampler, pubs: list[SamplerPub], jobs: dict[int, Part]) -> None:
        self._sampler, self._pubs, self._jobs = sampler, pubs, jobs

    def result(self) -> PrimitiveResult:
        """Bits of all PUBs, in their order; one job after the other is held beside them."""
        joined = Joined(self._pubs)
        for number, part in self._jobs.items():
            joined.add(part, self._sampler.read(number))
        rows = sum(max(1, pub.parameter_values.size) for pub in self._pubs)
        return PrimitiveResult(joined.results(), metadata={BESIDE: self._sampler.beside(self._jobs, rows)})

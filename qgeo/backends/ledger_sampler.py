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

from collections.abc import Callable, Iterable
from copy import copy
from pathlib import Path
from typing import Any

from qiskit import QuantumCircuit
from qiskit.primitives import BaseSamplerV2, PrimitiveResult
from qiskit.primitives.containers.sampler_pub import SamplerPub

from qgeo.backends.calls import Call, Joined, call_of
from qgeo.backends.clock import Clock
from qgeo.backends.ledger import Ledger, Work
from qgeo.backends.ledger_files import LEDGER_FILES, PieceFile, cancelled_since
from qgeo.backends.mitigated_work import PLAIN, Flips, Mitigation
from qgeo.backends.posting import Commands, Posting, commands_of
from qgeo.backends.runner import Runner, Wanted
from qgeo.backends.spending import Spending, charge_now
from qgeo.backends.splitting import Limits, Part, Piece
from qgeo.errors import HardwareError, LedgerError, PendingError, RefusedError, UnfitError
from qgeo.estimators.mitigation import BESIDE
from qgeo.locks import locked

Check = Callable[[Work], None]


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
        pass_manager: Any,
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
        self.ledger, self.runner, self.pass_manager = ledger, runner, pass_manager
        self.max_seconds = max_seconds
        self.wait, self.check, self.shared = wait, check, shared or ledger.folder
        self.may_post, self.may_fetch = may_post, may_fetch
        self._clock = clock or Clock()
        self.commands = commands or commands_of(ledger.folder)
        self._posting = Posting(
            ledger, runner, self._clock, may_post, post_anyway, self._before_post, self.commands
        )
        self.spending = spending or Spending(self.shared)
        self.limits = limits or Limits()
        self.mitigation, self._scale = mitigation, mitigation.scales[0]
        self._next = 0

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
        parts = self._written(call, first)
        self._next += len(parts)
        jobs = dict(enumerate(parts, first))
        for number in jobs:
            self._post(number, jobs)
        return _LedgerJob(self, coerced, jobs)

    def read(self, number: int) -> list[tuple[Any, Flips | None]]:
        """The packed bits of one job's circuits, and what is known of their readout errors."""
        return self.mitigation.read(self.bits(number), self._scale, lambda: self.ledger.reads(number))

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
        while (found := self.fetched(number)) is None:
            if self.wait is None:
                raise PendingError(f"job {self.ledger.job_id(number)} is not done yet; collect again later")
            self._clock.pause(self.wait)
        return found

    def fetched(self, number: int) -> list[Any] | None:
        """A job's bits if it is done, kept on disk from then on.

        Raises:
            HardwareError: it failed or was cancelled.
        """
        kept = self.ledger.result(number)
        if kept is not None or not self.may_fetch:
            return kept
        job_id = self._posting.job_id(number)
        status = self.runner.status(job_id)
        if status in ("failed", "cancelled"):
            self._keep_usage(number, job_id)
            raise HardwareError(
                f"expected job {job_id} to be done, it is {status}; everything before it is kept; submit "
                "into a new folder to run all of it again, and to pay for it again"
            )
        if status != "done":
            return None
        finished = self.runner.result(job_id, self._wanted(number))
        self.ledger.write_result(number, finished.bits, finished.seconds)
        self.spending.settle(self.ledger, number)
        return list(finished.bits)

    def _keep_usage(self, number: int, job_id: str) -> None:
        """What a job without a result was charged: nothing, or what it ran until it ended."""
        if self.ledger.charged(number) is None:
            self.ledger.write_usage(number, charge_now(self.runner.charged, job_id))
            self.spending.settle(self.ledger, number)

    def _wanted(self, number: int) -> Wanted:
        shapes, shots = self.ledger.shapes(number), self.ledger.entry(number).shots
        return Wanted(shapes, shots, lambda: self.ledger.work(number))

    def _alone(self) -> Any:
        """A lock, so that two processes neither post a job twice nor spend the same seconds."""
        return locked(self.shared, LEDGER_FILES)

    def _written(self, call: Call, first: int) -> list[Part]:
        """The jobs of a call from this number on, all of them on disk.

        Raises:
            LedgerError: others are there.
        """
        if not self.ledger.is_written(first):
            self._may_write(first)
            with self._alone():
                self._write(call, first)
        entry = self.ledger.entry(first)
        if entry.pieces is None:
            return self._written_by_0_1(call, first)
        parts = [self._part(number) for number in range(first, first + entry.of)]
        for number, part in enumerate(parts, first):
            self._check_mark(number, call.mark(part))
        return parts

    def _part(self, number: int) -> Part:
        entry = self.ledger.entry(number)
        return Part(entry.shots, tuple(Piece(**piece.model_dump()) for piece in entry.pieces or ()))

    def _check_mark(self, number: int, mark: str) -> None:
        if self.ledger.entry(number).fingerprint != mark:
            raise LedgerError(
                f"expected job {number} of {self.ledger.folder} to be the one computed here, got another,"
                " made with other settings or versions; submit into a new folder"
            )

    def _write(self, call: Call, first: int) -> None:
        """Check the seconds of all jobs of a call together, then write them, if nobody did meanwhile."""
        if self.ledger.is_written(first):
            return
        here = call.transpiled(self.pass_manager)
        self._check_circuits(here)
        parts = here.parts(self.limits)
        self._check_budget(sum(seconds for _, seconds in parts))
        self.ledger.sweep(first)
        for place, (part, seconds) in enumerate(parts):
            pieces = tuple(PieceFile(**vars(piece)) for piece in part.pieces)
            work, number = self.mitigation.added(here.work(part)), first + place
            self.ledger.write_entry(
                number, work, seconds, call.mark(part), place=place, of=len(parts), pieces=pieces
            )

    def _may_write(self, number: int) -> None:
        if not self.may_post:
            raise PendingError(f"job {number} is not posted yet; {self.commands.resume} posts it")
        self._check_not_cancelled()

    def _check_circuits(self, call: Call) -> None:
        """Refuse what the device cannot run now, with all that mitigates it."""
        everything = Part(call.shots[0], tuple(Piece(pub, 0, 0, 0) for pub in range(len(call.circuits))))
        try:
            self._check_now(self.mitigation.added(call.work(everything)))
        except RefusedError as error:
            raise self._posting.with_advice(error) from None

    def _check_now(self, work: Work) -> None:
        """
        Raises:
            UnfitError: the device cannot run it. RefusedError: it does not say how it is.
        """
        if self.check is None:
            return
        try:
            self.check(work)
        except PendingError as error:
            raise RefusedError(f"the job was not posted, as {error}") from None

    def _check_budget(self, more: float) -> None:
        self.spending.check(self.max_seconds, more, self.runner.charged, self._clock, self.commands.resume)

    def _before_post(self, work: Work) -> None:
        """Since it was written the ledger may have been cancelled, charges may have turned out higher than
        estimates, and the device may have become another."""
        self._check_not_cancelled()
        self._check_budget(0.0)
        self._check_now(work)

    def _check_not_cancelled(self) -> None:
        """
        Raises:
            HardwareError: the ledger was cancelled.
        """
        for folder in (self.shared, self.ledger.folder):
            since = cancelled_since(folder)
            if since is not None:
                raise HardwareError(
                    f"expected jobs to post, {folder} was cancelled at {since}; nothing of it is posted any "
                    "more, what is done can be collected; start anew in a new folder"
                )

    def _written_by_0_1(self, call: Call, first: int) -> list[Part]:
        """The jobs of a call as qgeo 0.1 divided it; what it left unwritten is not made here.

        Raises:
            LedgerError: a job is missing, which this version would divide otherwise.
        """
        parts = list(call.old_parts())
        for number, part in enumerate(parts, first):
            if not self.ledger.has_entry(number):
                raise LedgerError(
                    f"expected {len(parts)} jobs of one request of qgeo 0.1 in {self.ledger.folder}, job "
                    f"{number} is missing; go on with that version, or submit into a new folder"
                )
            self._check_mark(number, call.old_mark(part))
        return parts

    def _post(self, number: int, call: Iterable[int]) -> None:
        if self.ledger.has_result(number):  # what is there needs no lock, which may not be to be had
            return
        with self._alone():
            if self.ledger.has_result(number):
                return
            self.ledger.checked(number)  # a job that exists is read by these files, too
            try:
                self._posting.job_id(number)
            except UnfitError as error:
                raise self._given_up(call, error) from None

    def _given_up(self, call: Iterable[int], error: UnfitError) -> UnfitError:
        """A call that does not fit the device any more: written anew the next time, unless a job of it was
        sent."""
        numbers, resume = list(call), self.commands.resume
        if any(map(self.ledger.was_sent, numbers)):
            return UnfitError(f"{error}; nothing more was posted: {resume} when it can run this again")
        self.ledger.sweep(numbers[0])
        return UnfitError(
            f"{error}; nothing was posted: {resume} brings the circuits to the device as it is then"
        )


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

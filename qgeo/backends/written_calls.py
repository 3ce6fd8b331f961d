"""Calls in a ledger: which jobs a call is, read where they are written, written where they are not.

A call is written as a whole or not at all: its circuits transpiled and checked, divided into jobs that the
device takes, the seconds of all of them held against the budget, then one entry after the other. They count
once the last one is there. Jobs that qgeo 0.1 wrote are read as it divided them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from qgeo.backends.calls import Call
from qgeo.backends.ledger import Ledger
from qgeo.backends.ledger_files import PieceFile
from qgeo.backends.permission import Permission
from qgeo.backends.splitting import Limits, Part, Piece
from qgeo.errors import LedgerError, PendingError, RefusedError, UnfitError
from qgeo.estimators.primitives import PassManager


@dataclass(frozen=True, eq=False)
class WrittenCalls:
    """Args:
    ledger: where; pass_manager: to the gates of the device; limits: of a job there.
    permission: to write and post; alone: makes a lock against other processes.
    may_write: without it calls are only read.
    """

    ledger: Ledger
    pass_manager: PassManager
    limits: Limits
    permission: Permission
    alone: Callable[[], AbstractContextManager[None]]
    may_write: bool

    def parts(self, call: Call, first: int) -> list[Part]:
        """The jobs of a call from this number on, all of them on disk.

        Raises:
            PendingError: it is not written and may not be. HardwareError: it must not be.
            LedgerError: another call is there.
        """
        if not self.ledger.is_written(first):
            self._check_may_write(first)
            with self.alone():
                self._write(call, first)
        entry = self.ledger.job(first).entry()
        if entry.pieces is None:
            return self._of_0_1(call, first)
        parts = [self._part(number) for number in range(first, first + entry.of)]
        for number, part in enumerate(parts, first):
            self._check_mark(number, call.mark(part))
        return parts

    def given_up(self, call: range, error: UnfitError) -> UnfitError:
        """What to say of jobs that the device cannot run any more: they are written anew the next time,
        unless one of them was sent."""
        resume = self.permission.commands.resume
        if any(self.ledger.job(number).was_sent() for number in call):
            return UnfitError(f"{error}; nothing more was posted: {resume} when it can run this again")
        self.ledger.sweep(call.start)
        return UnfitError(
            f"{error}; nothing was posted: {resume} brings the circuits to the device as it is then"
        )

    def _part(self, number: int) -> Part:
        entry = self.ledger.job(number).entry()
        return Part(entry.shots, tuple(Piece(**piece.model_dump()) for piece in entry.pieces or ()))

    def _check_mark(self, number: int, mark: str) -> None:
        if self.ledger.job(number).entry().fingerprint != mark:
            raise LedgerError(
                f"expected job {number} of {self.ledger.folder} to be the one computed here, got another,"
                " made with other settings or versions; submit into a new folder"
            )

    def _check_may_write(self, number: int) -> None:
        if not self.may_write:
            raise PendingError(f"job {number} is not posted yet; {self.permission.commands.resume} posts it")
        self.permission.check_not_cancelled()

    def _write(self, call: Call, first: int) -> None:
        """Check all jobs of a call together, then write them, if nobody did meanwhile."""
        if self.ledger.is_written(first):
            return
        here = call.transpiled(self.pass_manager)
        self._check_circuits(here)
        parts = here.parts(self.limits)
        self.permission.check_budget(sum(seconds for _, seconds in parts))
        self.ledger.sweep(first)
        for place, (part, seconds) in enumerate(parts):
            pieces = tuple(PieceFile(**vars(piece)) for piece in part.pieces)
            work, job = call.mitigation.added(here.work(part)), self.ledger.job(first + place)
            tag, mark = self.ledger.tag_for(job.number, work), call.mark(part)
            job.write_entry(work, seconds, mark, tag=tag, place=place, of=len(parts), pieces=pieces)

    def _check_circuits(self, call: Call) -> None:
        """Refuse what the device cannot run now, with all that mitigates it."""
        everything = Part(call.shots[0], tuple(Piece(pub, 0, 0, 0) for pub in range(len(call.circuits))))
        try:
            self.permission.check_device(call.mitigation.added(call.work(everything)))
        except RefusedError as error:
            raise self.permission.commands.with_advice(error) from None
        except UnfitError as error:
            resume = self.permission.commands.resume
            raise UnfitError(f"{error}; nothing was posted: {resume} looks at the device again") from None

    def _of_0_1(self, call: Call, first: int) -> list[Part]:
        """What qgeo 0.1 left unwritten is not made here.

        Raises:
            LedgerError: a job is missing, which this version would divide otherwise.
        """
        parts = list(call.old_parts())
        for number, part in enumerate(parts, first):
            if not self.ledger.job(number).is_there():
                raise LedgerError(
                    f"expected {len(parts)} jobs of one request of qgeo 0.1 in {self.ledger.folder}, job "
                    f"{number} is missing; go on with that version, or submit into a new folder"
                )
            self._check_mark(number, call.old_mark(part))
        return parts

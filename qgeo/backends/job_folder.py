"""One job of a ledger: what it is, whether it was sent, what came back and what it was charged.

entry.json       UUID (the job's tag), shots, fingerprint, seconds estimated; written before posting
circuits.qpy     the transpiled circuits, ours; read only if its SHA-256 is the recorded one
values.npz       one array of angles per circuit; never pickle
attempted.json   when it was last sent, written before that; gone again if it was clearly refused
posted.json      the job's id
result.npz       its bits
usage.json       what it was charged; "final": false until the service has computed it
earlier.json     the jobs before it that ended without a result and were given up, their seconds

What each file holds, and in which format: `ledger_files.py`.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from qgeo.array_files import ArraySpec, array_bytes, parsed_arrays, read_arrays, size_of
from qgeo.backends.clock import Moment
from qgeo.backends.ledger_files import (
    CHARGES_CHANGED,
    FORMAT,
    LEDGER_FILES,
    Attempt,
    CircuitShape,
    EarlierJob,
    EarlierJobs,
    JobEntry,
    PieceFile,
    Posted,
    Usage,
    cancelled_since,
)
from qgeo.backends.usage import final_seconds
from qgeo.backends.work import Bits, Work, loaded_circuits, qpy_bytes
from qgeo.files import digest

_ENTRY, _ATTEMPTED, _POSTED = "entry.json", "attempted.json", "posted.json"
_RESULT, _USAGE, _EARLIER = "result.npz", "usage.json", "earlier.json"
_SEAL = "job"
"""Name of the array in a result that says whose bits these are: the 32 bytes of `_seal`."""


@dataclass(frozen=True)
class JobFolder:
    """A job of the ledger in `ledger`, by its number."""

    ledger: Path
    number: int

    @property
    def path(self) -> Path:
        """Of the folder."""
        return self.ledger / "jobs" / f"{self.number:04d}"

    def is_there(self) -> bool:
        """Whether it has its entry."""
        return LEDGER_FILES.is_there(self.path / _ENTRY)

    def entry(self) -> JobEntry:
        """The entry of a job.

        Raises:
            LedgerError: it is missing or damaged.
        """
        return LEDGER_FILES.read_versioned(self.path / _ENTRY, {1: JobEntry, 2: JobEntry}, sealed=(2,))

    def write_entry(
        self,
        work: Work,
        seconds: float,
        mark: str,
        *,
        tag: str,
        place: int = 0,
        of: int = 1,
        pieces: tuple[PieceFile, ...] | None = None,
    ) -> JobEntry:
        """Everything of a job, on disk, the entry last: from then on it is to be posted exactly once.

        Args:
            work: transpiled; seconds: expected; mark: fingerprint of what was wanted, before transpiling.
            tag: by which the job is found at the service, new for each.
            place, of: among jobs that are written together, in this order, and count once all are there.
            pieces: of the call that it belongs to; None for whole PUBs.
        """
        LEDGER_FILES.make_folder(self.path)
        circuits, values = qpy_bytes(work.circuits), array_bytes(_numbered(work.values))
        LEDGER_FILES.write_bytes(self.path / "circuits.qpy", circuits)
        LEDGER_FILES.write_bytes(self.path / "values.npz", values)
        entry = JobEntry(
            format=FORMAT,
            tag=tag,
            shots=work.shots,
            circuits=sum(len(rows) for rows in work.values),
            executions=work.executions,
            seconds=seconds,
            fingerprint=mark,
            qpy_sha256=digest(circuits),
            qpy_bytes=len(circuits),
            values_sha256=digest(values),
            values_bytes=len(values),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            shapes=work.shapes,
            place=place,
            of=of,
            pieces=pieces,
        )
        LEDGER_FILES.write_sealed(self.path / _ENTRY, entry)
        return entry

    def remove_entry(self) -> None:
        """From then on there is no such job."""
        LEDGER_FILES.remove(self.path / _ENTRY)

    def work(self) -> Work:
        """The circuits and angles of a job, if nobody touched them.

        Raises:
            LedgerError: a digest differs, or they do not belong together.
        """
        entry, (circuits, values) = self.entry(), self.checked()
        loaded, path = loaded_circuits(circuits), self.path / "values.npz"
        expected = _numbered(ArraySpec((None, circuit.num_parameters), float) for circuit in loaded)
        most = 8 * entry.circuits * max((circuit.num_parameters for circuit in loaded), default=0)
        arrays = parsed_arrays(LEDGER_FILES, path, values, expected, most=most)
        work = Work(tuple(loaded), tuple(arrays.values()), entry.shots)
        if work.executions != entry.executions or entry.shapes not in (None, work.shapes):
            raise LEDGER_FILES.damaged(self.path / _ENTRY, "it describes other circuits")
        return work

    def checked(self) -> tuple[bytes, bytes]:
        """The files of circuits and angles, if nobody touched them.

        Raises:
            LedgerError: a digest differs.
        """
        entry, job = self.entry(), self.path
        return (
            LEDGER_FILES.checked_bytes(job / "circuits.qpy", entry.qpy_sha256, entry.qpy_bytes),
            LEDGER_FILES.checked_bytes(job / "values.npz", entry.values_sha256, entry.values_bytes),
        )

    def shapes(self) -> tuple[CircuitShape, ...]:
        """What the circuits of a job look like from outside; of format 1 they are read for it."""
        known = self.entry().shapes
        return self.work().shapes if known is None else known

    def reads(self) -> list[dict[int, int]]:
        """From which qubit each bit of each circuit of a job is read."""
        return [dict(shape.reads) for shape in self.shapes()]

    def attempt(self) -> Moment | None:
        """When the job was last sent without being refused, None if it never was.

        Raises:
            LedgerError: that file is damaged.
        """
        if not self.has_attempt():
            return None
        advice = "resume --post-anyway, if you know that no job has its tag"
        return LEDGER_FILES.read_json(self.path / _ATTEMPTED, Attempt, advice).moment

    def has_attempt(self) -> bool:
        return LEDGER_FILES.is_there(self.path / _ATTEMPTED)

    def write_attempt(self, moment: Moment) -> None:
        """A post is about to leave: from now on it may make a job, whatever becomes of this process."""
        LEDGER_FILES.write_json(self.path / _ATTEMPTED, asdict(moment))

    def forget_attempt(self) -> None:
        """The post was refused."""
        LEDGER_FILES.remove(self.path / _ATTEMPTED)

    def job_id(self) -> str | None:
        """Where it was posted, None if that is not known.

        Raises:
            LedgerError: that file is damaged.
        """
        known = self.posted()
        return None if known is None else known.job_id

    def posted(self) -> Posted | None:
        """What is known of the job that was posted, None if nothing is, or it was given up.

        Raises:
            LedgerError: that file is damaged.
        """
        if not LEDGER_FILES.is_there(self.path / _POSTED):
            return None
        advice = "remove it, and resume finds the job by its tag"
        known = LEDGER_FILES.read_versioned(self.path / _POSTED, {1: Posted, 2: Posted}, advice, sealed=(2,))
        return None if self._is_given_up(known.job_id) else known

    def write_job_id(self, job_id: str, instance: str | None = None) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        posted = Posted(format=FORMAT, job_id=job_id, posted=now, instance=instance)
        LEDGER_FILES.write_sealed(self.path / _POSTED, posted)

    def tag(self) -> str:
        """The tag of the job that an entry stands for: another one after each job that was given up."""
        return self.tags()[-1]

    def tags(self) -> list[str]:
        """Those of the jobs that were given up, too."""
        tag, again = self.entry().tag, range(1, len(self.earlier()) + 1)
        return [tag, *(str(uuid.uuid5(uuid.UUID(tag), f"again {count}")) for count in again)]

    def was_sent(self) -> bool:
        """Whether there is a job, or may be."""
        return self.has_attempt() or self.job_id() is not None

    def earlier(self) -> tuple[EarlierJob, ...]:
        """The jobs of an entry that were given up.

        Raises:
            LedgerError: that file is damaged.
        """
        if not LEDGER_FILES.is_there(self.path / _EARLIER):
            return ()
        return LEDGER_FILES.read_versioned(self.path / _EARLIER, {2: EarlierJobs}, sealed=(2,)).jobs

    def give_up(self, status: str) -> None:
        """The job that an entry stands for has ended without a result: the entry is to be posted again.

        What it was charged counts on; its estimate, where that is not known.
        """
        job_id, charged = self.job_id(), self.charged()
        if job_id is None:
            return
        seconds = self.entry().seconds if charged is None else charged
        given_up = EarlierJob(job_id=job_id, status=status, seconds=seconds)
        LEDGER_FILES.write_sealed(self.path / _EARLIER, EarlierJobs(jobs=(*self.earlier(), given_up)))
        self.forget_given_up()

    def _is_given_up(self, job_id: str) -> bool:
        return job_id in {job.job_id for job in self.earlier()}

    def forget_given_up(self) -> None:
        """Its id is removed last: as long as that is there, the other files are those of a job given up."""
        if LEDGER_FILES.is_there(self.path / _POSTED) and self.earlier() and self.job_id() is None:
            for path in (self.path / _USAGE, self.path / _ATTEMPTED, self.path / _POSTED):
                LEDGER_FILES.remove(path)

    def has_result(self) -> bool:
        return LEDGER_FILES.is_there(self.path / _RESULT)

    def result(self) -> list[Bits] | None:
        """Packed bits (rows, shots, bytes) per circuit, None if they are not there yet.

        Raises:
            LedgerError: the file is damaged, or has not the bits of this job.
        """
        if not self.has_result():
            return None
        entry, path = self.entry(), self.path / _RESULT
        expected = _numbered(shape.result(entry.shots) for shape in self.shapes())
        expected |= {_SEAL: ArraySpec((32,), "uint8")} if entry.format > 1 else {}
        advice = "remove it and collect again"
        arrays = read_arrays(LEDGER_FILES, path, expected, most=size_of(expected), advice=advice)
        seal = arrays.pop(_SEAL, None)
        if seal is not None and seal.tobytes() != _seal(entry, arrays.values()):
            raise LEDGER_FILES.damaged(path, "it was changed, or is the result of another job", advice)
        return list(arrays.values())

    def write_result(self, bits: Sequence[Bits], seconds: float | None) -> None:
        """Keep a job's bits, sealed with its tag, and what it was charged."""
        entry = self.entry()
        seal = np.frombuffer(_seal(entry, bits), dtype=np.uint8)
        named = _numbered(bits) | ({_SEAL: seal} if entry.format > 1 else {})
        LEDGER_FILES.write_bytes(self.path / _RESULT, array_bytes(named))
        self.write_usage(seconds)

    def has_ended(self) -> bool:
        """Whether its usage can be asked for: a result is there, or it was seen to fail."""
        return LEDGER_FILES.is_there(self.path / _USAGE) or self.has_result()

    def charged(self) -> float | None:
        """Seconds that a job was charged, None as long as that is not final.

        qgeo 0.1 kept 0 where the service had computed nothing yet: such a zero is none.
        """
        if not LEDGER_FILES.is_there(self.path / _USAGE):
            return None
        advice = "remove it, and the estimate counts again"
        usage = LEDGER_FILES.read_json(self.path / _USAGE, Usage, advice)
        return usage.seconds if usage.is_final else None

    def write_usage(self, seconds: float | None) -> None:
        """Keep what a job was charged; None: it has ended, and the figure is not final yet."""
        seconds = final_seconds(seconds)
        LEDGER_FILES.write_json(self.path / _USAGE, Usage(seconds=seconds, final=seconds is not None))
        LEDGER_FILES.write_bytes(self.ledger / CHARGES_CHANGED, b"")

    def seconds(self) -> float:
        """Of one job, with those that were given up before it."""
        charged = self.charged()
        return self.seconds_before() + (self.estimate() if charged is None else charged)

    def seconds_before(self) -> float:
        """Of the jobs of an entry that were given up."""
        return sum(job.seconds for job in self.earlier())

    def estimate(self) -> float:
        """Seconds expected of a job that was not charged yet: none where it will never be posted."""
        return (
            0.0 if cancelled_since(self.ledger) is not None and not self.was_sent() else self.entry().seconds
        )


def _seal(entry: JobEntry, bits: Iterable[Bits]) -> bytes:
    """SHA-256 of the job's tag and of its bits."""
    summary = hashlib.sha256(entry.tag.encode())
    for array in bits:
        summary.update(np.ascontiguousarray(array).tobytes())
    return summary.digest()


def _numbered(arrays: Iterable[Any]) -> dict[str, Any]:
    return {f"{place:05d}": array for place, array in enumerate(arrays)}

"""The ledger: a folder that knows every job, before it is posted, while it runs, and after.

manifest.json              what is computed, where, within which budget; the ledger's own tag
jobs/0000/entry.json       UUID (the job's tag), shots, fingerprint, seconds estimated; written before posting
jobs/0000/circuits.qpy     the transpiled circuits, ours; read only if its SHA-256 is the recorded one
jobs/0000/values.npz       one array of angles per circuit; never pickle
jobs/0000/attempted.json   when it was last sent, written before that; gone again if it was clearly refused
jobs/0000/posted.json      the job's id
jobs/0000/result.npz       its bits
jobs/0000/usage.json       what it was charged; "final": false until the service has computed it
jobs/0000/earlier.json     the jobs before it that ended without a result and were given up, their seconds

What each file holds, and in which format: `ledger_files.py`. The folder appears by a rename, with its
manifest.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cached_property
from itertools import count as numbers_from
from itertools import takewhile
from pathlib import Path
from shlex import quote
from typing import Any, TypeVar

import numpy as np

from qgeo.array_files import ArraySpec, array_bytes, parsed_arrays, read_arrays, size_of
from qgeo.backends.clock import Moment
from qgeo.backends.ledger_files import (
    FORMAT,
    LEDGER_FILES,
    Attempt,
    CircuitShape,
    EarlierJob,
    EarlierJobs,
    Entry,
    Manifest,
    ManifestHead,
    PieceFile,
    Posted,
    Usage,
    cancelled_since,
)
from qgeo.backends.usage import final_seconds
from qgeo.backends.work import Bits, Work, fingerprint, loaded_circuits, qpy_bytes
from qgeo.errors import LedgerError
from qgeo.files import digest, sweep

ManifestModel = TypeVar("ManifestModel", bound=Manifest)

_SEAL = "job"
"""Name of the array in a result that says whose bits these are: the 32 bytes of `_seal`."""


class Ledger:
    """The jobs of one folder, numbered in the order in which they were wanted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def manifest(self, model: type[ManifestModel]) -> ManifestModel:
        """The manifest.

        Raises:
            LedgerError: it is missing or damaged, or that of another kind of ledger.
        """
        return LEDGER_FILES.read_versioned(self.folder / "manifest.json", {1: model, 2: model})

    @property
    def exists(self) -> bool:
        """Whether there is a manifest."""
        return LEDGER_FILES.is_there(self.folder / "manifest.json")

    @cached_property
    def tag(self) -> str | None:
        """What all jobs of this ledger are tagged with, in whatever copy of it; none in format 1."""
        return self.manifest(ManifestHead).tag

    def create(self, manifest: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> None:
        """Make the folder with its manifest and further files; it appears complete or not at all.

        Raises:
            LedgerError: there is something already, or it cannot be written.
        """
        if self.exists:
            raise LedgerError(
                f"expected a new folder, {self.folder} holds a ledger; qgeo hardware resume "
                f"{quote(str(self.folder))} goes on with it, or choose another --out"
            )
        marked = {"format": FORMAT, "tag": str(uuid.uuid4())} | dict(manifest)

        def fill(draft: Path) -> None:
            LEDGER_FILES.make_folder(draft / "jobs")
            for name, content in (files or {}).items():
                LEDGER_FILES.write_bytes(draft / name, content)
            LEDGER_FILES.write_json(draft / "manifest.json", marked)

        LEDGER_FILES.publish_folder(self.folder, fill)

    def change(self, **settings: Any) -> None:
        """Change settings of the manifest: those that decide no numbers, such as the budget."""
        path = self.folder / "manifest.json"
        LEDGER_FILES.write_json(path, LEDGER_FILES.read_json(path, dict[str, Any]) | settings)

    def sweep_drafts(self) -> None:
        """Remove what killed processes were writing, or had not removed yet."""
        for folder in (self.folder, *LEDGER_FILES.listed(self.folder / "jobs")):
            sweep(folder)
        for number in self._numbers():
            self._forget_given_up(number)

    def count(self) -> int:
        """How many jobs are written.

        Raises:
            LedgerError: one is missing between others.
        """
        numbers = sorted(self._numbers())
        if numbers != list(range(len(numbers))):
            missing = min(set(range(len(numbers))) - set(numbers))
            raise LEDGER_FILES.missing(self._job(missing) / "entry.json")
        if not numbers or self.is_written(numbers[-1]):
            return len(numbers)
        return numbers[-1] - self.entry(numbers[-1]).place

    def has_entry(self, number: int) -> bool:
        return LEDGER_FILES.is_there(self._job(number) / "entry.json")

    def is_written(self, number: int) -> bool:
        """Whether a job has its entry, and so have all that were to be written with it: only then it
        counts."""
        if not self.has_entry(number):
            return False
        entry = self.entry(number)
        return self.has_entry(number - entry.place + entry.of - 1)

    def sweep(self, number: int) -> None:
        """Remove jobs from this one on, of which not all that belong together were written.

        Raises:
            LedgerError: one of them was sent, which nothing of ours does.
        """
        known = list(takewhile(self.has_entry, numbers_from(number)))
        for sent in filter(self.was_sent, known):
            raise LEDGER_FILES.damaged(self._job(sent), "it was posted before all jobs were written")
        for written in reversed(known):
            LEDGER_FILES.remove(self._job(written) / "entry.json")

    def entry(self, number: int) -> Entry:
        """The entry of a job.

        Raises:
            LedgerError: it is missing or damaged.
        """
        path = self._job(number) / "entry.json"
        return LEDGER_FILES.read_versioned(path, {1: Entry, 2: Entry}, sealed=(2,))

    def write_entry(
        self,
        number: int,
        work: Work,
        seconds: float,
        mark: str,
        *,
        place: int = 0,
        of: int = 1,
        pieces: tuple[PieceFile, ...] | None = None,
    ) -> Entry:
        """Everything of a job, on disk, the entry last: from then on it is to be posted exactly once.

        Args:
            work: transpiled; seconds: expected; mark: fingerprint of what was wanted, before transpiling.
            place, of: among jobs that are written together, in this order, and count once all are there.
            pieces: of the call that it belongs to; None for whole PUBs.
        """
        LEDGER_FILES.make_folder(self._job(number))
        circuits, values = qpy_bytes(work.circuits), array_bytes(_numbered(work.values))
        LEDGER_FILES.write_bytes(self._job(number) / "circuits.qpy", circuits)
        LEDGER_FILES.write_bytes(self._job(number) / "values.npz", values)
        entry = Entry(
            format=FORMAT,
            tag=self._tag(number, work),
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
        LEDGER_FILES.write_sealed(self._job(number) / "entry.json", entry)
        return entry

    def _tag(self, number: int, work: Work) -> str:
        """The same in every copy of the folder that writes the same job."""
        if self.tag is None:
            return str(uuid.uuid4())
        return str(uuid.uuid5(uuid.UUID(self.tag), f"{number} {fingerprint(work)}"))

    def work(self, number: int) -> Work:
        """The circuits and angles of a job, if nobody touched them.

        Raises:
            LedgerError: a digest differs, or they do not belong together.
        """
        entry, (circuits, values) = self.entry(number), self.checked(number)
        loaded, path = loaded_circuits(circuits), self._job(number) / "values.npz"
        expected = _numbered(ArraySpec((None, circuit.num_parameters), float) for circuit in loaded)
        most = 8 * entry.circuits * max((circuit.num_parameters for circuit in loaded), default=0)
        arrays = parsed_arrays(LEDGER_FILES, path, values, expected, most=most)
        work = Work(tuple(loaded), tuple(arrays.values()), entry.shots)
        if work.executions != entry.executions or entry.shapes not in (None, work.shapes):
            raise LEDGER_FILES.damaged(self._job(number) / "entry.json", "it describes other circuits")
        return work

    def checked(self, number: int) -> tuple[bytes, bytes]:
        """The files of circuits and angles, if nobody touched them.

        Raises:
            LedgerError: a digest differs.
        """
        entry, job = self.entry(number), self._job(number)
        return (
            LEDGER_FILES.checked_bytes(job / "circuits.qpy", entry.qpy_sha256, entry.qpy_bytes),
            LEDGER_FILES.checked_bytes(job / "values.npz", entry.values_sha256, entry.values_bytes),
        )

    def shapes(self, number: int) -> tuple[CircuitShape, ...]:
        """What the circuits of a job look like from outside; of format 1 they are read for it."""
        known = self.entry(number).shapes
        return self.work(number).shapes if known is None else known

    def reads(self, number: int) -> list[dict[int, int]]:
        """From which qubit each bit of each circuit of a job is read."""
        return [dict(shape.reads) for shape in self.shapes(number)]

    def attempt(self, number: int) -> Moment | None:
        """When the job was last sent without being refused, None if it never was.

        Raises:
            LedgerError: that file is damaged.
        """
        if not self.has_attempt(number):
            return None
        advice = "resume --post-anyway, if you know that no job has its tag"
        return LEDGER_FILES.read_json(self._attempted(number), Attempt, advice).moment

    def has_attempt(self, number: int) -> bool:
        return LEDGER_FILES.is_there(self._attempted(number))

    def write_attempt(self, number: int, moment: Moment) -> None:
        """A post is about to leave: from now on it may make a job, whatever becomes of this process."""
        LEDGER_FILES.write_json(self._attempted(number), asdict(moment))

    def forget_attempt(self, number: int) -> None:
        """The post was refused."""
        LEDGER_FILES.remove(self._attempted(number))

    def job_id(self, number: int) -> str | None:
        """Where it was posted, None if that is not known.

        Raises:
            LedgerError: that file is damaged.
        """
        known = self.posted(number)
        return None if known is None else known.job_id

    def posted(self, number: int) -> Posted | None:
        """What is known of the job that was posted, None if nothing is, or it was given up.

        Raises:
            LedgerError: that file is damaged.
        """
        path = self._job(number) / "posted.json"
        if not LEDGER_FILES.is_there(path):
            return None
        advice = "remove it, and resume finds the job by its tag"
        known = LEDGER_FILES.read_versioned(path, {1: Posted, 2: Posted}, advice, sealed=(2,))
        return None if self._is_given_up(number, known.job_id) else known

    def write_job_id(self, number: int, job_id: str, instance: str | None = None) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        posted = Posted(format=FORMAT, job_id=job_id, posted=now, instance=instance)
        LEDGER_FILES.write_sealed(self._job(number) / "posted.json", posted)

    def tag_of(self, number: int) -> str:
        """The tag of the job that an entry stands for: another one after each job that was given up."""
        return self.tags_of(number)[-1]

    def tags_of(self, number: int) -> list[str]:
        """Those of the jobs that were given up, too."""
        tag, again = self.entry(number).tag, range(1, len(self.earlier(number)) + 1)
        return [tag, *(str(uuid.uuid5(uuid.UUID(tag), f"again {count}")) for count in again)]

    def earlier(self, number: int) -> tuple[EarlierJob, ...]:
        """The jobs of an entry that were given up.

        Raises:
            LedgerError: that file is damaged.
        """
        path = self._earlier(number)
        if not LEDGER_FILES.is_there(path):
            return ()
        return LEDGER_FILES.read_versioned(path, {2: EarlierJobs}, sealed=(2,)).jobs

    def give_up(self, number: int, status: str) -> None:
        """The job that an entry stands for has ended without a result: the entry is to be posted again.

        What it was charged counts on; its estimate, where that is not known.
        """
        job_id, charged = self.job_id(number), self.charged(number)
        if job_id is None:
            return
        seconds = self.entry(number).seconds if charged is None else charged
        given_up = EarlierJob(job_id=job_id, status=status, seconds=seconds)
        LEDGER_FILES.write_sealed(self._earlier(number), EarlierJobs(jobs=(*self.earlier(number), given_up)))
        self._forget_given_up(number)

    def _is_given_up(self, number: int, job_id: str) -> bool:
        return job_id in {job.job_id for job in self.earlier(number)}

    def _forget_given_up(self, number: int) -> None:
        """Its id is removed last: as long as that is there, the other files are those of a job given up."""
        posted = self._job(number) / "posted.json"
        if LEDGER_FILES.is_there(posted) and self.earlier(number) and self.job_id(number) is None:
            for path in (self._usage(number), self._attempted(number), posted):
                LEDGER_FILES.remove(path)

    def has_result(self, number: int) -> bool:
        return LEDGER_FILES.is_there(self._result(number))

    def result(self, number: int) -> list[Bits] | None:
        """Packed bits (rows, shots, bytes) per circuit, None if they are not there yet.

        Raises:
            LedgerError: the file is damaged, or has not the bits of this job.
        """
        if not self.has_result(number):
            return None
        entry, path = self.entry(number), self._result(number)
        expected = _numbered(shape.result(entry.shots) for shape in self.shapes(number))
        expected |= {_SEAL: ArraySpec((32,), "uint8")} if entry.format > 1 else {}
        advice = "remove it and collect again"
        arrays = read_arrays(LEDGER_FILES, path, expected, most=size_of(expected), advice=advice)
        seal = arrays.pop(_SEAL, None)
        if seal is not None and seal.tobytes() != _seal(entry, arrays.values()):
            raise LEDGER_FILES.damaged(path, "it was changed, or is the result of another job", advice)
        return list(arrays.values())

    def write_result(self, number: int, bits: Sequence[Bits], seconds: float | None) -> None:
        """Keep a job's bits, sealed with its tag, and what it was charged."""
        entry = self.entry(number)
        seal = np.frombuffer(_seal(entry, bits), dtype=np.uint8)
        named = _numbered(bits) | ({_SEAL: seal} if entry.format > 1 else {})
        LEDGER_FILES.write_bytes(self._result(number), array_bytes(named))
        self.write_usage(number, seconds)

    def charged(self, number: int) -> float | None:
        """Seconds that a job was charged, None as long as that is not final.

        qgeo 0.1 kept 0 where the service had computed nothing yet: such a zero is none.
        """
        if not LEDGER_FILES.is_there(self._usage(number)):
            return None
        advice = "remove it, and the estimate counts again"
        usage = LEDGER_FILES.read_json(self._usage(number), Usage, advice)
        return usage.seconds if usage.is_final else None

    def write_usage(self, number: int, seconds: float | None) -> None:
        """Keep what a job was charged; None: it has ended, and the figure is not final yet."""
        seconds = final_seconds(seconds)
        LEDGER_FILES.write_json(self._usage(number), Usage(seconds=seconds, final=seconds is not None))
        LEDGER_FILES.write_bytes(self.folder / "charges-changed", b"")

    def charges_changed(self) -> int:
        """Another number after each charge that was written, by whatever process."""
        try:
            return (self.folder / "charges-changed").stat().st_mtime_ns
        except OSError:  # there was none yet
            return 0

    def has_ended(self, number: int) -> bool:
        """Whether its usage can be asked for: a result is there, or it was seen to fail."""
        return LEDGER_FILES.is_there(self._usage(number)) or self.has_result(number)

    def seconds(self) -> float:
        """QPU seconds spent or expected: what was charged where that is final, else the estimate."""
        return sum(self.seconds_of(number) for number in range(self.count()))

    def seconds_of(self, number: int) -> float:
        """Of one job, with those that were given up before it."""
        charged = self.charged(number)
        return self.seconds_before(number) + (self.estimate(number) if charged is None else charged)

    def seconds_before(self, number: int) -> float:
        """Of the jobs of an entry that were given up."""
        return sum(job.seconds for job in self.earlier(number))

    def estimate(self, number: int) -> float:
        """Seconds expected of a job that was not charged yet: none where it will never be posted."""
        return 0.0 if self.is_cancelled and not self.was_sent(number) else self.entry(number).seconds

    def was_sent(self, number: int) -> bool:
        """Whether there is a job, or may be."""
        return self.has_attempt(number) or self.job_id(number) is not None

    @property
    def is_cancelled(self) -> bool:
        """Whether nothing of it is posted any more."""
        return cancelled_since(self.folder) is not None

    def _numbers(self) -> Iterator[int]:
        """Of the jobs that have an entry."""
        for path in LEDGER_FILES.listed(self.folder / "jobs"):
            if not re.fullmatch(r"\d{4,}", path.name):
                continue
            if not path.is_dir():
                raise LEDGER_FILES.damaged(path, "expected the folder of a job")
            if self.has_entry(int(path.name)):
                yield int(path.name)

    def _attempted(self, number: int) -> Path:
        return self._job(number) / "attempted.json"

    def _result(self, number: int) -> Path:
        return self._job(number) / "result.npz"

    def _usage(self, number: int) -> Path:
        return self._job(number) / "usage.json"

    def _earlier(self, number: int) -> Path:
        return self._job(number) / "earlier.json"

    def _job(self, number: int) -> Path:
        return self.folder / "jobs" / f"{number:04d}"


def manifests(folder: Path) -> list[Path]:
    """The manifests of all ledgers under a folder, itself included; none is looked for inside a ledger."""
    return list(_manifests(folder, set()))


def _manifests(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """Through links to other disks too, each folder once, whatever ring they make."""
    if folder.resolve() in seen:
        return
    seen.add(folder.resolve())
    manifest = folder / "manifest.json"
    if LEDGER_FILES.is_there(manifest):
        yield manifest
        return
    for path in LEDGER_FILES.listed(folder):
        if path.is_dir() and not path.name.startswith("."):  # drafts
            yield from _manifests(path, seen)


def _seal(entry: Entry, bits: Iterable[Bits]) -> bytes:
    """SHA-256 of the job's tag and of its bits."""
    summary = hashlib.sha256(entry.tag.encode())
    for array in bits:
        summary.update(np.ascontiguousarray(array).tobytes())
    return summary.digest()


def _numbered(arrays: Iterable[Any]) -> dict[str, Any]:
    return {f"{place:05d}": array for place, array in enumerate(arrays)}

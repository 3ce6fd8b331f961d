"""The ledger: a folder that knows every job, before it is posted, while it runs, and after.

manifest.json              what is computed, where, within which budget; the ledger's own tag
jobs/0000/                 one job: `job_folder.py`
charges-changed            touched after each charge that was written

The folder appears by a rename, with its
manifest.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import count as numbers_from
from itertools import takewhile
from pathlib import Path
from shlex import quote
from typing import Any, TypeVar

from qgeo.backends.job_folder import JobFolder
from qgeo.backends.ledger_files import (
    CHARGES_CHANGED,
    FORMAT,
    LEDGER_FILES,
    Manifest,
    ManifestHead,
    cancelled_since,
)
from qgeo.backends.work import Work, fingerprint
from qgeo.errors import LedgerError
from qgeo.files import sweep

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
            self.job(number).forget_given_up()

    def count(self) -> int:
        """How many jobs are written.

        Raises:
            LedgerError: one is missing between others.
        """
        numbers = sorted(self._numbers())
        if numbers != list(range(len(numbers))):
            missing = min(set(range(len(numbers))) - set(numbers))
            raise LEDGER_FILES.missing(self.job(missing).path / "entry.json")
        if not numbers or self.is_written(numbers[-1]):
            return len(numbers)
        return numbers[-1] - self.job(numbers[-1]).entry().place

    def job(self, number: int) -> JobFolder:
        """A job, written or not."""
        return JobFolder(self.folder, number)

    def is_written(self, number: int) -> bool:
        """Whether a job has its entry, and so have all that were to be written with it: only then it
        counts."""
        if not self.job(number).is_there():
            return False
        entry = self.job(number).entry()
        return self.job(number - entry.place + entry.of - 1).is_there()

    def sweep(self, number: int) -> None:
        """Remove jobs from this one on, of which not all that belong together were written.

        Raises:
            LedgerError: one of them was sent, which nothing of ours does.
        """
        written = list(takewhile(JobFolder.is_there, map(self.job, numbers_from(number))))
        for sent in filter(JobFolder.was_sent, written):
            raise LEDGER_FILES.damaged(sent.path, "it was posted before all jobs were written")
        for job in reversed(written):
            job.remove_entry()

    def tag_for(self, number: int, work: Work) -> str:
        """A job's tag: the same in every copy of the folder that writes the same job."""
        if self.tag is None:
            return str(uuid.uuid4())
        return str(uuid.uuid5(uuid.UUID(self.tag), f"{number} {fingerprint(work)}"))

    def charges_changed(self) -> int:
        """Another number after each charge that was written, by whatever process."""
        try:
            return (self.folder / CHARGES_CHANGED).stat().st_mtime_ns
        except OSError:  # there was none yet
            return 0

    def seconds(self) -> float:
        """QPU seconds spent or expected: what was charged where that is final, else the estimate."""
        return sum(self.job(number).seconds() for number in range(self.count()))

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
            if self.job(int(path.name)).is_there():
                yield int(path.name)


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

"""The ledger: a folder that knows every job, before it is posted, while it runs, and after.

manifest.json              what is computed, where, within which budget
jobs/0000/entry.json       UUID (the tag), shots, fingerprint, seconds estimated; written before posting
jobs/0000/circuits.qpy     the transpiled circuits, ours; read only if its SHA-256 is the recorded one
jobs/0000/values.npz       one array of angles per circuit; never pickle
jobs/0000/attempted.json   when it was last sent, written before that; gone again if it was clearly refused
jobs/0000/posted.json      the job's id
jobs/0000/result.npz       its bits
"""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit, qpy

from qgeo.backends.clock import Moment
from qgeo.errors import LedgerError
from qgeo.files import Storage, digest

Bits = NDArray[np.uint8]

LEDGER_FILES = Storage(
    name="ledger",
    error=LedgerError,
    file_mode=0o600,
    folder_mode=0o700,
    when_full="nothing was posted after this",
    when_damaged="restore it from a copy",
    when_missing="check the folder, or restore it from a copy",
)


@dataclass(frozen=True, eq=False)
class Work:
    """Circuits of one job, their angles (rows, parameters) in `circuit.parameters` order, and its shots."""

    circuits: tuple[QuantumCircuit, ...]
    values: tuple[NDArray[np.float64], ...]
    shots: int

    @property
    def executions(self) -> int:
        return self.shots * sum(len(rows) for rows in self.values)


@dataclass(frozen=True)
class Entry:
    """What is on disk of one job before it is posted. `circuits` counts bindings."""

    tag: str
    shots: int
    circuits: int
    executions: int
    seconds: float
    fingerprint: str
    qpy_sha256: str
    values_sha256: str
    created: str


class Ledger:
    """The jobs of one folder, numbered in the order in which they were wanted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def setting(self, key: str, default: Any = None) -> Any:
        """A setting of the manifest.

        Raises:
            LedgerError: the manifest is missing or damaged, or does not have it and there is no default.
        """
        manifest = LEDGER_FILES.read_json(self.folder / "manifest.json")
        if default is not None and isinstance(manifest, dict):
            return manifest.get(key, default)
        if not isinstance(manifest, dict) or key not in manifest:
            raise LedgerError(f"expected {key!r} in {self.folder / 'manifest.json'}, found none")
        return manifest[key]

    def create(self, manifest: dict[str, Any]) -> None:
        """Make the folder with its manifest.

        Raises:
            LedgerError: there is a ledger already.
        """
        if (self.folder / "manifest.json").exists():
            raise LedgerError(f"expected a new folder, {self.folder} holds a ledger; choose another --out")
        LEDGER_FILES.make_folder(self.folder / "jobs")
        LEDGER_FILES.write_json(self.folder / "manifest.json", manifest)

    def count(self) -> int:
        """How many jobs have an entry."""
        return len(list((self.folder / "jobs").glob("*/entry.json")))

    def has_entry(self, number: int) -> bool:
        return (self._job(number) / "entry.json").exists()

    def entry(self, number: int) -> Entry:
        """The entry of a job.

        Raises:
            LedgerError: it is missing or damaged.
        """
        try:
            return Entry(**LEDGER_FILES.read_json(self._job(number) / "entry.json"))
        except TypeError as error:
            raise LedgerError(f"expected a ledger entry in {self._job(number)}: {error}") from None

    def write_entry(self, number: int, work: Work, seconds: float, mark: str) -> Entry:
        """Everything of a job, on disk, the entry last: from then on it is to be posted exactly once.

        Args:
            work: transpiled; seconds: expected; mark: fingerprint of what was wanted, before transpiling.
        """
        LEDGER_FILES.make_folder(self._job(number))
        circuits, values = _qpy(work.circuits), _npz(work.values)
        LEDGER_FILES.write_bytes(self._job(number) / "circuits.qpy", circuits)
        LEDGER_FILES.write_bytes(self._job(number) / "values.npz", values)
        entry = Entry(
            tag=str(uuid.uuid4()),
            shots=work.shots,
            circuits=sum(len(rows) for rows in work.values),
            executions=work.executions,
            seconds=seconds,
            fingerprint=mark,
            qpy_sha256=digest(circuits),
            values_sha256=digest(values),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        LEDGER_FILES.write_json(self._job(number) / "entry.json", asdict(entry))
        return entry

    def work(self, number: int) -> Work:
        """The circuits and angles of a job, if nobody touched them.

        Raises:
            LedgerError: a digest differs.
        """
        circuits, values = self.checked(number)
        arrays = _arrays(values, self._job(number) / "values.npz")
        return Work(tuple(loaded_circuits(circuits)), tuple(arrays), self.entry(number).shots)

    def checked(self, number: int) -> tuple[bytes, bytes]:
        """The files of circuits and angles, if nobody touched them.

        Raises:
            LedgerError: a digest differs.
        """
        entry = self.entry(number)
        circuits = LEDGER_FILES.checked_bytes(self._job(number) / "circuits.qpy", entry.qpy_sha256)
        return circuits, LEDGER_FILES.checked_bytes(self._job(number) / "values.npz", entry.values_sha256)

    def attempt(self, number: int) -> Moment | None:
        """When the job was last sent without being refused, None if it never was.

        Raises:
            LedgerError: that file is damaged.
        """
        path = self._attempted(number)
        if not path.exists():
            return None
        try:
            return Moment(**LEDGER_FILES.read_json(path))
        except TypeError:
            raise LedgerError(
                f"expected the time of a post in {path}, got damage; resume --post-anyway"
            ) from None

    def has_attempt(self, number: int) -> bool:
        return self._attempted(number).exists()

    def write_attempt(self, number: int, moment: Moment) -> None:
        """A post is about to leave: from now on it may make a job, whatever becomes of this process."""
        LEDGER_FILES.write_json(self._attempted(number), asdict(moment))

    def forget_attempt(self, number: int) -> None:
        """The post was refused."""
        self._attempted(number).unlink(missing_ok=True)

    def job_id(self, number: int) -> str | None:
        """Where it was posted, None if that is not known."""
        path = self._job(number) / "posted.json"
        return str(LEDGER_FILES.read_json(path)["job_id"]) if path.exists() else None

    def write_job_id(self, number: int, job_id: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        LEDGER_FILES.write_json(self._job(number) / "posted.json", {"job_id": job_id, "posted": now})

    def result(self, number: int) -> list[Bits] | None:
        """Packed bits (rows, shots, bytes) per circuit, None if they are not there yet."""
        path = self._job(number) / "result.npz"
        return _arrays(path.read_bytes(), path) if path.exists() else None

    def write_result(self, number: int, bits: Sequence[Bits], seconds: float | None) -> None:
        LEDGER_FILES.write_bytes(self._job(number) / "result.npz", _npz(bits))
        LEDGER_FILES.write_json(self._job(number) / "usage.json", {"seconds": seconds})

    def seconds(self) -> float:
        """QPU seconds spent or expected: what was charged where it is known, else the estimate."""
        return sum(self._seconds(number) for number in range(self.count()))

    def _seconds(self, number: int) -> float:
        usage = self._job(number) / "usage.json"
        charged = LEDGER_FILES.read_json(usage)["seconds"] if usage.exists() else None
        return self.entry(number).seconds if charged is None else float(charged)

    def _attempted(self, number: int) -> Path:
        return self._job(number) / "attempted.json"

    def _job(self, number: int) -> Path:
        return self.folder / "jobs" / f"{number:04d}"


def manifests(folder: Path) -> list[Path]:
    """The manifests of all ledgers under a folder."""
    return sorted(folder.rglob("manifest.json"))


def seconds_under(folder: Path) -> float:
    """QPU seconds of all ledgers under a folder."""
    return sum(Ledger(path.parent).seconds() for path in manifests(folder))


def fingerprint(work: Work, mark: str = "") -> str:
    """SHA-256 of gates, angles, shots and a mark: the same in every process, as QPY is not."""
    summary = hashlib.sha256((str(work.shots) + mark).encode())
    for circuit, rows in zip(work.circuits, work.values, strict=True):
        for step in circuit.data:
            places = [circuit.find_bit(bit).index for bit in (*step.qubits, *step.clbits)]
            numbers = [np.asarray(p).tolist() if isinstance(p, np.ndarray) else str(p) for p in step.params]
            summary.update(repr((step.operation.name, numbers, places)).encode())
        summary.update(np.ascontiguousarray(rows).tobytes())
    return summary.hexdigest()


def _qpy(circuits: Sequence[QuantumCircuit]) -> bytes:
    buffer = io.BytesIO()
    qpy.dump(list(circuits), buffer)
    return buffer.getvalue()


def loaded_circuits(content: bytes) -> list[QuantumCircuit]:
    """Circuits of a QPY file as this version of Qiskit writes it.

    Older forms are refused: they hold formulas as text, and reading those evaluates them.

    Raises:
        LedgerError: another form, or damage.
    """
    if content[:6] != b"QISKIT" or content[6:7] != bytes([qpy.common.QPY_VERSION]):
        raise LedgerError(
            f"expected circuits in QPY version {qpy.common.QPY_VERSION}, as this version of Qiskit writes "
            "them, got another form; collect with the versions of the manifest"
        )
    try:
        return list(qpy.load(io.BytesIO(content)))
    except Exception as error:
        raise LedgerError(f"expected circuits in a QPY file, got damage: {type(error).__name__}") from None


def _npz(arrays: Sequence[NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    named: dict[str, Any] = {f"{place:05d}": array for place, array in enumerate(arrays)}
    np.savez_compressed(buffer, **named)
    return buffer.getvalue()


def _arrays(content: bytes, path: Path) -> list[Any]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return [archive[name] for name in sorted(archive.files)]
    except (ValueError, OSError, EOFError, BadZipFile):
        raise LedgerError(
            f"expected arrays in {path}, got a damaged file; remove it and collect again"
        ) from None

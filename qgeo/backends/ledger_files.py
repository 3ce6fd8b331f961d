"""What the files of a ledger hold, and in which format. Format 1 is that of qgeo 0.1: it stays readable.

Format 2 says in `entry.json` what the circuits look like from outside (`CircuitShape`), so that results are
checked against it and read without Qiskit's own format of circuits, and gives every ledger a tag of its own.
"""

from __future__ import annotations

from collections.abc import Sized
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from qiskit import QuantumCircuit

from qgeo.array_files import ArraySpec
from qgeo.backends.clock import Moment
from qgeo.errors import LedgerError
from qgeo.estimators.experiments import REGISTER
from qgeo.estimators.mitigation import measured_qubits
from qgeo.files import FileModel, Storage

FORMAT: Literal[2] = 2
"""Of what is written."""

LEDGER_FILES = Storage(
    name="ledger",
    error=LedgerError,
    file_mode=0o600,
    folder_mode=0o700,
    when_full="nothing was posted after this",
    when_damaged="restore it from a copy",
    when_missing="check the folder, or restore it from a copy",
)

CHARGES_CHANGED = "charges-changed"
"""Name of the file of a ledger that is touched after each charge that was written."""

MOST_CIRCUIT_BYTES = 2**30
"""Of the circuits of one job; the largest jobs that the service takes have some hundred MB."""

MOST_VALUES_BYTES = 2**31
"""Of the angles of one job, where its entry does not say: far more than five million executions need."""

Count = Annotated[int, Field(ge=0)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Tag = Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]
JobId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]


class Manifest(FileModel):
    """What every ledger says of itself; kinds of ledgers add to it."""

    format: Literal[1, 2] = 1
    kind: str = ""
    tag: Tag | None = None


class ManifestHead(Manifest):
    """A manifest of whatever kind, without what the kind adds."""

    model_config = ConfigDict(extra="ignore")


class JobOptions(FileModel):
    """What jobs are posted with (`ibm.py`)."""

    mode: Literal["batch", "session"] = "batch"
    dynamical_decoupling: bool = False
    twirling: bool = False
    max_execution_time: Annotated[int, Field(ge=1)] | None = None


class DeviceManifest(ManifestHead):
    """Where the jobs of a ledger run, and how."""

    device: Annotated[str, Field(min_length=1, max_length=200)]
    options: JobOptions


class CircuitShape(FileModel):
    """A circuit from outside: bindings, parameters, bits that are kept, the qubit that each is read from."""

    rows: Count
    parameters: Count
    bits: Count
    reads: tuple[tuple[Count, Count], ...]

    @property
    def values(self) -> ArraySpec:
        return ArraySpec((self.rows, self.parameters), float)

    def result(self, shots: int) -> ArraySpec:
        return ArraySpec((self.rows, shots, -(-self.bits // 8)), "uint8")


class PieceFile(FileModel):
    """`Piece` of `splitting.py`: which rows and shots of which PUB."""

    pub: Count
    first_row: Count
    rows: Count
    first_shot: Count


class JobEntry(FileModel):
    """What is on disk of one job before it is posted. `circuits` counts bindings; `shapes` one a circuit.

    It is the job number `place` of `of` jobs that were written together, for the `pieces` of one call; one of
    format 1 was written alone.
    """

    format: Literal[1, 2] = 1
    tag: Tag
    shots: Annotated[int, Field(ge=1)]
    circuits: Count
    executions: Count
    seconds: Annotated[float, Field(ge=0)]
    fingerprint: str
    qpy_sha256: Digest
    qpy_bytes: Count = MOST_CIRCUIT_BYTES
    values_sha256: Digest
    values_bytes: Count = MOST_VALUES_BYTES
    created: str
    shapes: tuple[CircuitShape, ...] | None = None
    place: Count = 0
    of: Annotated[int, Field(ge=1)] = 1
    pieces: tuple[PieceFile, ...] | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> JobEntry:
        if (self.shapes is None) != (self.format == 1):
            raise ValueError("expected the shapes of its circuits in format 2, and only there")
        rows = self.circuits if self.shapes is None else sum(shape.rows for shape in self.shapes)
        if rows != self.circuits or self.executions != self.shots * rows:
            raise ValueError("expected as many executions as shots of its circuits")
        return self


class Posted(FileModel):
    """Where a job is; instance: of the account that it was posted to, told by no key."""

    format: Literal[1, 2] = 1
    job_id: JobId
    posted: str
    instance: Digest | None = None


class Attempt(FileModel):
    """When a job was last sent."""

    utc: float
    uptime: float
    boot: str

    @property
    def moment(self) -> Moment:
        return Moment(self.utc, self.uptime, self.boot)


class EarlierJob(FileModel):
    """A job that ended without a result and was given up: another one takes its place."""

    job_id: JobId
    status: str
    seconds: Annotated[float, Field(ge=0)]


class EarlierJobs(FileModel):
    """Of one entry, in the order in which they were posted."""

    format: Literal[2] = FORMAT
    jobs: tuple[EarlierJob, ...]


class Usage(FileModel):
    """What a job was charged; final: false until the service has computed it, missing in format 1."""

    seconds: Annotated[float, Field(ge=0)] | None
    final: bool | None = None

    @property
    def is_final(self) -> bool:
        return bool(self.seconds) if self.final is None else self.final and self.seconds is not None


class Cancelled(FileModel):
    """Since when nothing of a folder is posted any more."""

    cancelled: str


def cancelled_since(folder: Path) -> str | None:
    """When a ledger, or a folder of ledgers, was cancelled; None if it was not."""
    path = folder / "cancelled.json"
    return LEDGER_FILES.read_json(path, Cancelled).cancelled if LEDGER_FILES.is_there(path) else None


def write_cancelled(folder: Path) -> None:
    """From now on nothing of a ledger, or of a folder of ledgers, is posted any more."""
    if cancelled_since(folder) is None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        LEDGER_FILES.write_json(folder / "cancelled.json", Cancelled(cancelled=now))


def shape_of(circuit: QuantumCircuit, rows: Sized) -> CircuitShape:
    """What a circuit looks like from outside; rows: its bindings."""
    bits = next((register.size for register in circuit.cregs if register.name == REGISTER), 0)
    return CircuitShape(
        rows=len(rows),
        parameters=circuit.num_parameters,
        bits=bits,
        reads=tuple(sorted(measured_qubits(circuit).items())),
    )

"""Jobs of the loopback service: decode what the client posted, run it on a fake device, encode the answer.

A job's status is a function of the time since it was posted and of its `delay` in seconds:

    Queued  for delay/2,  then Running  until delay,  then Completed (or Failed, or Cancelled)

The circuits run at the first look after `delay` (a poll, a list, a download), in the thread of that request,
with a seed of their own, on a noisy simulation of the device: `run_quantum_program` of the client's local
mode, without its rounding of angles. Payload and result: `ibm_quantum_schemas.executor.version_2_0`.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from hardware.loopback_faults import PENDING, JobCancelled, JobFails, JobFault, ListedLate, OddUsage
from ibm_quantum_schemas.common import CompressedTensorModel
from ibm_quantum_schemas.executor import version_2_0 as schema
from ibm_quantum_schemas.executor.version_2_0.models import (
    ChunkPart,
    ChunkSpan,
    ItemMetadataModel,
    MetadataModel,
    QuantumProgramResultItemModel,
)
from qiskit_ibm_runtime.fake_provider.executor.run_quantum_program import run_quantum_program
from qiskit_ibm_runtime.fake_provider.fake_backend import FakeBackendV2
from qiskit_ibm_runtime.options_models.simulator import SimulatorOptions
from qiskit_ibm_runtime.quantum_program import QuantumProgram
from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS
from samplomatic.quantum_program import SamplexItem

FINAL = ("Completed", "Failed", "Cancelled")
SECONDS_PER_JOB = 2.0  # the cost formula of FACTS.md: 2 + 0.00035 × executions
SECONDS_PER_EXECUTION = 0.00035


@dataclass
class Job:
    """One posted job, as the service sees it; `status` moves when somebody looks (`look`)."""

    backend: FakeBackendV2
    payload: dict[str, Any]
    delay: float = 0.0
    seed: int = 0
    fate: JobFault | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:20])
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    posted: float = field(default_factory=time.monotonic)
    tags: list[str] = field(default_factory=list)
    status: str = "Queued"
    reason: str | None = None
    code: int | None = None
    result: str | None = None
    seconds: float = 0.0
    finished: datetime | None = None
    lists: int = 0
    looks_at_usage: int = 0

    @cached_property
    def params(self) -> schema.ParamsModel:
        """The posted parameters; raises ValueError where the schema refuses them."""
        return schema.ParamsModel.model_validate(self.payload["params"])

    @cached_property
    def program(self) -> QuantumProgram:
        """The posted program, decoded: circuits, arrays of parameter values, shots."""
        return decode(self.params)

    @property
    def session_id(self) -> str | None:
        """The session or batch this job was posted in."""
        return self.payload.get("session_id")

    @property
    def executions(self) -> int:
        """Shots times bound circuits, over all items: what the quantum seconds are charged for."""
        return self.program.shots * sum(item.size() for item in self.program.items)

    @property
    def estimated_seconds(self) -> float:
        """The cost by the formula of FACTS.md, in quantum seconds."""
        return SECONDS_PER_JOB + SECONDS_PER_EXECUTION * self.executions

    @property
    def is_final(self) -> bool:
        """Completed, Failed or Cancelled: nothing will change any more."""
        return self.status in FINAL

    def is_listed(self) -> bool:
        """Whether a list that would hold this job does; asking counts."""
        self.lists += 1
        return not isinstance(self.fate, ListedLate) or self.lists > self.fate.searches

    def usage(self) -> Any:
        """What the metrics of this job say of its charge; asking counts."""
        self.looks_at_usage += 1
        if isinstance(self.fate, OddUsage) and self.looks_at_usage <= self.fate.looks:
            return self.fate.usage
        return {"status": "complete", "qpu_charge_time_seconds": self.seconds} if self.is_final else PENDING

    def look(self) -> str:
        """Bring the status up to now, running the circuits if their time has come, and return it."""
        elapsed = time.monotonic() - self.posted
        if self.is_final or elapsed < self.delay / 2:
            return self.status
        if isinstance(self.fate, JobCancelled):
            self.cancel(self.fate.reason)
        elif elapsed < self.delay:
            self.status = "Running"
        elif isinstance(self.fate, JobFails):
            self._end("Failed", self.fate.reason, self.fate.code)
        else:
            self._run()
        return self.status

    def cancel(self, reason: str = "cancelled through the API") -> bool:
        """Cancel unless final; whether it was done."""
        if self.is_final:
            return False
        self._end("Cancelled", reason)
        return True

    def _run(self) -> None:
        start = datetime.now(UTC)
        try:
            self.result = run(self.params, self.program, self.backend, self.seed, start)
        except Exception as error:  # a circuit the device cannot run: the client sees a failed job
            self._end("Failed", f"{type(error).__name__}: {error}", 1517)
        else:
            self.seconds = self.estimated_seconds
            self._end("Completed")

    def _end(self, status: str, reason: str | None = None, code: int | None = None) -> None:
        self.status, self.reason, self.code, self.finished = status, reason, code, datetime.now(UTC)


def decode(params: schema.ParamsModel) -> QuantumProgram:
    """Schema model → program; a samplex arrives unfinished and is finalised here."""
    program, _ = QUANTUM_PROGRAM_PARAMS_CONVERTERS[params.schema_version].decoder(params)
    for item in program.items:
        if isinstance(item, SamplexItem):
            item.samplex.finalize()
    return program


def run(
    params: schema.ParamsModel, program: QuantumProgram, backend: FakeBackendV2, seed: int, start: datetime
) -> str:
    """Run on the fake device and encode: the text that GET /jobs/{id}/results answers."""
    options = SimulatorOptions(seed_simulator=seed, angle_decimals=15)
    outcome = run_quantum_program(backend, program, options)
    items = [
        QuantumProgramResultItemModel(
            results={name: CompressedTensorModel.from_numpy(array) for name, array in item.items()},
            metadata=ItemMetadataModel(),
        )
        for item in outcome
    ]
    return schema.QuantumProgramResultModel(
        data=items,
        metadata=MetadataModel(chunk_timing=[chunk(program, start)]),
        passthrough_data=params.quantum_program.passthrough_data,
        semantic_role=params.quantum_program.semantic_role,
    ).model_dump_json()


def chunk(program: QuantumProgram, start: datetime) -> ChunkSpan:
    """The timing of the whole program as a single chunk; the client reads start and stop as UTC."""
    parts = [
        ChunkPart(
            idx_item=index,
            size=item.size(),
            permutation=list(range(len(item.shape))),
            element_range=(0, item.size(), 1),
        )
        for index, item in enumerate(program.items)
    ]
    return ChunkSpan(start=start, stop=datetime.now(UTC), parts=parts)

"""Requests: an information matrix on a device, from a manifest on disk to a FisherEstimate.

A manifest says everything that decides the circuits: source, values, method, shots, seed. Carrying it out on
a ledger's sampler posts what is missing, or decodes what is there. Mitigation is part of the request: with
zero-noise extrapolation the estimate is made twice from the same jobs, and combined.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from qiskit import QuantumCircuit, qpy

from qgeo.backends.device import Device, ledger_sampler
from qgeo.backends.ledger import Ledger, loaded_circuits
from qgeo.backends.ledger_files import LEDGER_FILES, MOST_CIRCUIT_BYTES, Count, Digest, JobOptions, Manifest
from qgeo.backends.ledger_sampler import LedgerSampler, Untouched
from qgeo.backends.mitigated_work import PLAIN, Mitigation
from qgeo.backends.runner import Runner
from qgeo.errors import ConfigurationError, HardwareError, LedgerError, PendingError, QGeoError
from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.estimator import MOST_SHOTS
from qgeo.estimators.methods import METHODS, WITH_DRAWS, WITH_READOUT, estimator_by_name
from qgeo.estimators.mitigation import zero_noise
from qgeo.files import FileModel, digest
from qgeo.hardware.plan import Plan, expected_stderr, planned

Floats = NDArray[np.float64]

_PACKAGES = ("qgeo", "qiskit", "qiskit-aer", "qiskit-ibm-runtime")


class MitigationFile(FileModel):
    """`Mitigation` in a manifest; one from before there was any has none."""

    readout: bool = False
    zero_noise: bool = False


class FisherManifest(Manifest):
    """Everything that decides the circuits of a request."""

    kind: Literal["fisher"]
    method: str
    shots: Annotated[int, Field(ge=2, le=MOST_SHOTS)]
    draw: Count
    draws: Annotated[int, Field(ge=2)] | None
    values: tuple[float, ...]
    parameters: tuple[str, ...]
    circuit_sha256: Digest
    device: Annotated[str, Field(min_length=1, max_length=200)]
    calibrated: str | None
    options: JobOptions
    mitigation: MitigationFile = MitigationFile()
    max_seconds: Annotated[float, Field(gt=0)]
    versions: dict[str, str]
    created: str


@dataclass(frozen=True, eq=False)
class FisherRequest:
    """What is wanted: a method at a point of a circuit.

    values: (P,) in `circuit.parameters` order; draw: seed of directions and bases; draws: how many of them;
    mitigation: of the device's errors.
    """

    circuit: QuantumCircuit
    values: Floats
    method: str
    shots: int
    draw: int = 0
    draws: int | None = None
    mitigation: Mitigation = PLAIN

    def carried_out(self, sampler: LedgerSampler) -> FisherEstimate:
        """The estimate from a ledger whose sampler has this request's mitigation.

        Raises:
            PendingError: all jobs are posted, and one is not done.
        """
        by_scale = (self.estimated(sampler.at_scale(scale)) for scale in self.mitigation.scales)
        return zero_noise(*by_scale) if self.mitigation.zero_noise else next(by_scale)

    def estimated(self, sampler: Any) -> FisherEstimate:
        """One estimate, on a sampler that transpiles what it is given, or needs not to.

        Raises:
            ConfigurationError: the method has no inverse of readout errors.
        """
        if self.mitigation.readout and self.method not in WITH_READOUT:
            raise ConfigurationError(
                f"expected a method of {', '.join(WITH_READOUT)} for readout mitigation, got {self.method!r}"
            )
        more = {} if self.draws is None or self.method not in WITH_DRAWS else {"draws": self.draws}
        estimator = estimator_by_name(
            self.method,
            sampler,
            pass_manager=Untouched(),
            generator=np.random.default_rng(self.draw),
            **more,
        )
        return estimator.estimate(self.circuit, self.values, shots=self.shots)

    def plan(self, where: Device) -> Plan:
        """What it costs there."""
        stderr = expected_stderr(self.method, self.shots, self.mitigation)
        return planned(self.method, self.estimated, where.pass_manager, stderr, self.mitigation)


def alternatives(request: FisherRequest, where: Device) -> list[Plan | str]:
    """Every method's plan at the same shots, or why it cannot treat the circuit ("method: reason")."""
    found: list[Plan | str] = []
    for method in METHODS:
        try:
            found.append(replace(request, method=method).plan(where))
        except QGeoError as error:
            found.append(f"{method}: {error}")
    return found


@dataclass(frozen=True)
class JobState:
    """One job of a ledger, for a table; charged: None as long as that is not final."""

    number: int
    job_id: str | None
    status: str
    circuits: int
    executions: int
    seconds: float
    charged: float | None = None


def submit(request: FisherRequest, where: Device, folder: Path, max_seconds: float) -> list[JobState]:
    """Write the request and its jobs to a new folder, then post them.

    Raises:
        HardwareError: the budget is missing or too small, or a circuit that the device cannot run; nothing is
            posted then.
        LedgerError: the folder holds another request, or cannot be written.
    """
    if not 0 < max_seconds < np.inf:
        raise HardwareError(f"expected a budget in QPU seconds above 0 and finite, got {max_seconds:g}")
    needed = request.plan(where).seconds
    if needed > max_seconds:
        raise HardwareError(
            f"expected at most {max_seconds:g} QPU seconds, this needs about {needed:.0f}; raise "
            "--max-seconds, or choose fewer shots or a cheaper method (qgeo hardware plan compares them)"
        )
    ledger = Ledger(folder)
    _write_request(ledger, request, where, max_seconds)
    return post(ledger, where)


def post(ledger: Ledger, where: Device, *, post_anyway: bool = False) -> list[JobState]:
    """Post whatever the ledger's request still lacks; jobs that are known are not posted again.

    Args:
        post_anyway: post again what was sent lately, had no answer and is not listed.
    """
    request = read_request(ledger)
    with closing(where.runner()) as runner:
        sampler = _sampler(request, ledger, where, runner, may_fetch=False, post_anyway=post_anyway)
        _until_pending(request, sampler)
        return states(ledger, sampler)


def collect(ledger: Ledger, where: Device) -> FisherEstimate:
    """The estimate, from results on disk and those that are finished.

    Raises:
        PendingError: a job is not done yet; what is done is kept.
        HardwareError: a job failed or was cancelled.
    """
    request = read_request(ledger)
    sampler = _sampler(request, ledger, where, may_post=False)
    for number in range(ledger.count()):
        if not ledger.has_result(number) and ledger.job_id(number) is not None:
            sampler.fetched(number)
    return request.carried_out(sampler)


def cancel(ledger: Ledger, where: Device) -> list[JobState]:
    """Cancel every job that is not done."""
    runner = where.runner()
    for number in range(ledger.count()):
        job_id = ledger.job_id(number)
        if job_id is not None and not ledger.has_result(number):
            runner.cancel(job_id)
    return states(ledger, ledger_sampler(where, ledger, runner, max_seconds=0, may_post=False))


def states(ledger: Ledger, sampler: LedgerSampler) -> list[JobState]:
    """Every job and where it stands; charges that were not final yet are asked for again."""
    sampler.spending.ask(sampler.runner.charged)
    return [_state(ledger, sampler, number) for number in range(ledger.count())]


def read_request(ledger: Ledger) -> FisherRequest:
    """The request of a ledger's manifest.

    Raises:
        LedgerError: the manifest or the circuit is damaged or was changed.
    """
    known, path = ledger.manifest(FisherManifest), ledger.folder / "circuit.qpy"
    circuits = loaded_circuits(LEDGER_FILES.checked_bytes(path, known.circuit_sha256, MOST_CIRCUIT_BYTES))
    parameters = sum(circuit.num_parameters for circuit in circuits)
    if len(circuits) != 1 or len(known.values) != parameters:
        raise LedgerError(
            f"expected a circuit of {len(known.values)} parameters in {path}, as the manifest has values, "
            f"got {len(circuits)} with {parameters}; restore the folder from a copy"
        )
    return FisherRequest(
        circuits[0],
        np.array(known.values),
        known.method,
        known.shots,
        known.draw,
        known.draws,
        Mitigation(**known.mitigation.model_dump()),
    )


def _write_request(ledger: Ledger, request: FisherRequest, where: Device, max_seconds: float) -> None:
    buffer = io.BytesIO()
    qpy.dump(request.circuit, buffer)
    ledger.create(
        {
            "kind": "fisher",
            "method": request.method,
            "shots": request.shots,
            "draw": request.draw,
            "draws": request.draws,
            "values": [float(value) for value in request.values],
            "parameters": [parameter.name for parameter in request.circuit.parameters],
            "circuit_sha256": digest(buffer.getvalue()),
            "device": where.name,
            "calibrated": where.calibrated,
            "options": where.options,
            "mitigation": asdict(request.mitigation),
            "max_seconds": max_seconds,
            "versions": _versions(_PACKAGES),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        },
        {"circuit.qpy": buffer.getvalue()},
    )


def _sampler(
    request: FisherRequest, ledger: Ledger, where: Device, runner: Runner | None = None, **may: Any
) -> LedgerSampler:
    limit = ledger.manifest(FisherManifest).max_seconds
    return ledger_sampler(where, ledger, runner, max_seconds=limit, mitigation=request.mitigation, **may)


def _until_pending(request: FisherRequest, sampler: LedgerSampler) -> None:
    try:
        request.carried_out(sampler)
    except PendingError:
        return


def _state(ledger: Ledger, sampler: LedgerSampler, number: int) -> JobState:
    entry, job_id = ledger.entry(number), ledger.job_id(number)
    if ledger.has_result(number):
        status = "collected"
    else:
        unposted = "unanswered" if ledger.has_attempt(number) else "written"
        status = unposted if job_id is None else sampler.runner.status(job_id)
    charged = ledger.charged(number)
    return JobState(number, job_id, status, entry.circuits, entry.executions, entry.seconds, charged)


def _versions(packages: Sequence[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found

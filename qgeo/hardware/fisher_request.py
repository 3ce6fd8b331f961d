"""FisherRequest: an information matrix on a device, and the files that say which.

A manifest says everything that decides the circuits: source, values, method, shots, seed. The circuit lies
beside it as plain data (`circuit.json`), which any later version reads; only what has no such form, as Qiskit
writes it (`circuit.qpy`), as 0.1 kept all of them. Mitigation is part of the request: with zero-noise
extrapolation the estimate is made twice from the same jobs, and combined.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from qiskit import QuantumCircuit, qpy

from qgeo.backends.device import Device
from qgeo.backends.ledger import Ledger
from qgeo.backends.ledger_files import LEDGER_FILES, Count, Digest, JobOptions, Manifest
from qgeo.backends.ledger_sampler import LedgerSampler, Untouched
from qgeo.backends.mitigated_work import PLAIN, Mitigation
from qgeo.backends.plan import Plan
from qgeo.backends.work import loaded_circuits
from qgeo.circuit.plain import PlainCircuit, plain, rebuilt
from qgeo.errors import CircuitError, ConfigurationError, HardwareError
from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.estimator import MOST_SHOTS
from qgeo.estimators.methods import METHODS, methods_with
from qgeo.estimators.mitigation import zero_noise
from qgeo.estimators.primitives import Primitive
from qgeo.files import MOST_JSON_BYTES, FileModel, digest
from qgeo.hardware.plan import expected_stderr, planned
from qgeo.locks import locked
from qgeo.registry import import_plugins

Floats = NDArray[np.float64]

_PACKAGES = ("qgeo", "qiskit", "qiskit-aer", "qiskit-ibm-runtime")


@dataclass(frozen=True, eq=False)
class FisherRequest:
    """What is wanted: a method at a point of a circuit.

    values: (P,) in `circuit.parameters` order; seed: of directions and bases; draws: how many of them;
    mitigation: of the device's errors; plugins: modules that register the method.
    """

    circuit: QuantumCircuit
    values: Floats
    method: str
    shots: int
    seed: int = 0
    draws: int | None = None
    mitigation: Mitigation = PLAIN
    plugins: tuple[str, ...] = ()

    def carried_out(self, sampler: LedgerSampler) -> FisherEstimate:
        """The estimate from a ledger whose sampler has this request's mitigation.

        Raises:
            PendingError: all jobs are posted, and one is not done.
        """
        by_scale = (self.estimated(sampler.at_scale(scale)) for scale in self.mitigation.scales)
        return zero_noise(*by_scale) if self.mitigation.zero_noise else next(by_scale)

    def estimated(self, sampler: Primitive) -> FisherEstimate:
        """One estimate, on a sampler that transpiles what it is given, or needs not to.

        Raises:
            ConfigurationError: the method has no inverse of readout errors.
        """
        method = METHODS[self.method]
        if self.mitigation.readout and not method.inverts_readout:
            able = ", ".join(methods_with(lambda each: each.inverts_readout))
            raise ConfigurationError(
                f"expected a method of {able} for readout mitigation, got {self.method!r}"
            )
        more = {"draws": self.draws} if self.draws is not None and method.has_draws else {}
        estimator = method(
            sampler,
            pass_manager=Untouched(),
            generator=np.random.default_rng(self.seed),
            **more,
        )
        return estimator.estimate(self.as_written, self.values, shots=self.shots)

    @cached_property
    def as_written(self) -> QuantumCircuit:
        """The circuit as it comes back from the ledger, for a plan to count what is then submitted."""
        try:
            return rebuilt(plain(self.circuit))
        except CircuitError:  # it is kept as Qiskit writes it, or the method will say what is wrong with it
            return self.circuit

    def plan(self, device: Device) -> Plan:
        """What it costs there."""
        stderr = expected_stderr(self.method, self.shots, self.mitigation)
        return planned(
            self.method, self.estimated, device.pass_manager, stderr, self.mitigation, device.limits
        )


class MitigationFile(FileModel):
    """`Mitigation` in a manifest; one from before there was any has none."""

    readout: bool = False
    zero_noise: bool = False


class EarlierBudget(FileModel):
    """What a budget was, and until when."""

    max_seconds: Annotated[float, Field(gt=0)]
    until: str


class FisherManifest(Manifest):
    """Everything that decides the circuits of a request, and its budget."""

    kind: Literal["fisher"]
    method: str
    shots: Annotated[int, Field(ge=2, le=MOST_SHOTS)]
    draw: Count
    draws: Annotated[int, Field(ge=2)] | None
    plugins: tuple[str, ...] = ()
    values: tuple[float, ...]
    parameters: tuple[str, ...]
    circuit: Literal["circuit.json", "circuit.qpy"] = "circuit.qpy"
    circuit_sha256: Digest
    device: Annotated[str, Field(min_length=1, max_length=200)]
    calibrated: str | None
    options: JobOptions
    mitigation: MitigationFile = MitigationFile()
    max_seconds: Annotated[float, Field(gt=0)]
    earlier_budgets: tuple[EarlierBudget, ...] = ()
    versions: dict[str, str]
    created: str


def read_request(ledger: Ledger) -> FisherRequest:
    """The request of a ledger's manifest.

    Raises:
        LedgerError: the manifest or the circuit is damaged or was changed.
        ConfigurationError: a plugin that it names cannot be imported.
    """
    known = ledger.manifest(FisherManifest)
    import_plugins(known.plugins)
    path = ledger.folder / known.circuit
    content = LEDGER_FILES.checked_bytes(path, known.circuit_sha256, MOST_JSON_BYTES)
    circuit = _read_circuit(path, content)
    if tuple(parameter.name for parameter in circuit.parameters) != known.parameters:
        raise LEDGER_FILES.damaged(path, f"expected the {len(known.parameters)} parameters of the manifest")
    if len(known.values) != len(known.parameters):
        manifest, count = ledger.folder / "manifest.json", len(known.parameters)
        raise LEDGER_FILES.damaged(manifest, f"expected {count} values, got {len(known.values)}")
    return FisherRequest(
        circuit,
        np.array(known.values),
        known.method,
        known.shots,
        known.draw,
        known.draws,
        Mitigation(**known.mitigation.model_dump()),
        known.plugins,
    )


def write_request(ledger: Ledger, request: FisherRequest, device: Device, max_seconds: float) -> None:
    """A new ledger for the request."""
    name, content = _circuit_file(request.circuit)
    ledger.create(
        {
            "kind": "fisher",
            "method": request.method,
            "shots": request.shots,
            "draw": request.seed,  # its name in every ledger there is
            "draws": request.draws,
            "plugins": list(request.plugins),
            "values": [float(value) for value in request.values],
            "parameters": [parameter.name for parameter in request.circuit.parameters],
            "circuit": name,
            "circuit_sha256": digest(content),
            "device": device.name,
            "calibrated": device.calibrated,
            "options": device.options,
            "mitigation": asdict(request.mitigation),
            "max_seconds": max_seconds,
            "versions": _versions(_PACKAGES),
            "created": _now(),
        },
        {name: content},
    )


def check_budget(max_seconds: float) -> None:
    """
    Raises:
        HardwareError: it is no number of seconds.
    """
    if not 0 < max_seconds < np.inf:
        raise HardwareError(f"expected a budget in QPU seconds above 0 and finite, got {max_seconds:g}")


def set_budget(ledger: Ledger, max_seconds: float) -> None:
    """Give a request another budget; nothing that decides its numbers changes.

    Raises:
        HardwareError: it is no number of seconds.
    """
    check_budget(max_seconds)
    with locked(ledger.folder, LEDGER_FILES):
        known = ledger.manifest(FisherManifest)
        if known.max_seconds == max_seconds:
            return
        ended = EarlierBudget(max_seconds=known.max_seconds, until=_now())
        earlier = [budget.model_dump() for budget in (*known.earlier_budgets, ended)]
        ledger.change(max_seconds=max_seconds, earlier_budgets=earlier)


def _circuit_file(circuit: QuantumCircuit) -> tuple[str, bytes]:
    try:
        return "circuit.json", plain(circuit).model_dump_json().encode()
    except CircuitError:
        buffer = io.BytesIO()
        qpy.dump(circuit, buffer)
        return "circuit.qpy", buffer.getvalue()


def _read_circuit(path: Path, content: bytes) -> QuantumCircuit:
    if path.suffix == ".json":
        try:
            return rebuilt(LEDGER_FILES.parsed_json(path, content, PlainCircuit))
        except CircuitError as error:
            raise LEDGER_FILES.damaged(path, str(error)) from None
    circuits = loaded_circuits(content)
    if len(circuits) != 1:
        raise LEDGER_FILES.damaged(path, f"expected one circuit, got {len(circuits)}")
    return circuits[0]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _versions(packages: Sequence[str]) -> dict[str, str]:
    versions = {}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions

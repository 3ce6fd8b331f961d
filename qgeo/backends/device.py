"""Devices: where a ledger's jobs can run, by name: fake_NAME on this machine, ibm_NAME or least-busy at IBM.

A device brings circuits to its gates with a fixed seed, refuses what cannot run there before anything is
written, and runs jobs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator

from qgeo.backends.clock import Clock
from qgeo.backends.ledger import Ledger, Work
from qgeo.backends.ledger_sampler import LedgerSampler
from qgeo.backends.names import (
    LEVEL,
    TRANSPILER_SEED,
    FreshSeedSampler,
    fake_device,
    fake_device_names,
)
from qgeo.backends.runner import LocalRunner, Runner
from qgeo.errors import ConfigurationError, HardwareError

LEAST_BUSY = "least-busy"
_LARGEST_RZZ = 1.5707963267948966 + 1e-9


@dataclass(frozen=True, eq=False)
class Device:
    """A place where circuits run.

    name: as its owner calls it; num_qubits; pass_manager: to its gates; check: refuses work that cannot run;
    runner: makes what starts and fetches jobs (for IBM it connects); calibrated: time of its calibration;
    options: what its jobs are posted with (`ibm.py`); clock: by which they are waited for.
    """

    name: str
    num_qubits: int
    pass_manager: Any
    check: Callable[[Work], None]
    runner: Callable[[], Runner]
    calibrated: str | None
    options: dict[str, Any]
    clock: Clock


def device(name: str, *, options: dict[str, Any] | None = None, clock: Clock | None = None) -> Device:
    """The device called `name`.

    Args:
        options: resilience and execution options of the runtime (`ibm.py`); none for a fake device.
        clock: the machine's, if none is given.

    Raises:
        ConfigurationError: no such name, no account, or a package that is not installed.
    """
    options, clock = options or {}, clock or Clock()
    if name.startswith("fake_"):
        if name not in fake_device_names():
            near = get_close_matches(name, fake_device_names(), n=3) or ["fake_manila", "fake_torino"]
            raise ConfigurationError(
                f"expected a device fake_NAME, ibm_NAME or least-busy, got {name!r}; "
                f"near names: {', '.join(near)}"
            )
        return _fake(fake_device(name), options, clock)
    if is_device(name):
        from qgeo.backends.ibm import IBMRunner, connected_backend

        backend = connected_backend(name)
        return _described(backend, lambda: IBMRunner(backend, options, clock=clock), options, clock)
    raise ConfigurationError(f"expected a device fake_NAME, ibm_NAME or least-busy, got {name!r}")


def is_device(name: str) -> bool:
    """Whether jobs there are posted to somebody else, so that they need a ledger and a budget."""
    return name.startswith("ibm_") or name == LEAST_BUSY


def check_isa(work: Work, target: Any) -> None:
    """Refuse circuits that the device cannot run.

    Raises:
        HardwareError: a gate, a connection or an angle that it does not have, or too many qubits.
    """
    for number, circuit in enumerate(work.circuits):
        if circuit.num_qubits > target.num_qubits:
            raise HardwareError(
                f"expected at most {target.num_qubits} qubits, circuit {number} has {circuit.num_qubits}"
            )
        for step in circuit.data:
            qubits = tuple(circuit.find_bit(qubit).index for qubit in step.qubits)
            name = step.operation.name
            if name != "barrier" and not target.instruction_supported(name, qubits):
                raise HardwareError(f"expected gates of the device, circuit {number} has {name} on {qubits}")
            if name == "rzz":
                _check_rzz(number, step.operation.params[0], qubits)


def _check_rzz(number: int, angle: Any, qubits: tuple[int, ...]) -> None:
    """Fractional rzz takes [0, π/2] only, and the service does not fold free angles."""
    if getattr(angle, "parameters", None) or not 0 <= float(angle) <= _LARGEST_RZZ:
        raise HardwareError(
            f"expected rzz angles in [0, π/2], circuit {number} has {angle} on {qubits}; choose a backend "
            "without fractional gates"
        )


def _fake(backend: Any, options: dict[str, Any], clock: Clock) -> Device:
    def runner() -> Runner:
        simulator = AerSimulator.from_backend(backend)
        return LocalRunner(lambda generator: FreshSeedSampler(simulator, generator))

    return _described(backend, runner, options, clock)


def _described(backend: Any, runner: Callable[[], Runner], options: dict[str, Any], clock: Clock) -> Device:
    properties = getattr(backend, "properties", None)
    found = properties() if callable(properties) else None
    updated = getattr(found, "last_update_date", None)
    return Device(
        name=backend.name,
        num_qubits=backend.num_qubits,
        pass_manager=generate_preset_pass_manager(LEVEL, backend, seed_transpiler=TRANSPILER_SEED),
        check=lambda work: check_isa(work, backend.target),
        runner=runner,
        calibrated=None if updated is None else str(updated),
        options=options,
        clock=clock,
    )


def ledger_sampler(where: Device, ledger: Ledger, runner: Runner | None = None, **how: Any) -> LedgerSampler:
    """A sampler on the device whose jobs live in the ledger; `how`: see `LedgerSampler`."""
    runner = runner or where.runner()
    return LedgerSampler(ledger, runner, where.pass_manager, check=where.check, clock=where.clock, **how)

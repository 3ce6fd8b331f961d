"""Devices: where a ledger's jobs can run, by name: fake_NAME on this machine, ibm_NAME or least-busy at IBM.

A device brings circuits to its gates with a fixed seed, refuses what cannot run there before anything is
written, and runs jobs.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import cache, cached_property, partial
from typing import Any

from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qgeo.backends.clock import Clock
from qgeo.backends.ibm_account import asked
from qgeo.backends.ledger import Ledger
from qgeo.backends.ledger_sampler import LedgerSampler
from qgeo.backends.names import (
    FreshSeedSampler,
    fake_device,
    fake_device_names,
)
from qgeo.backends.runner import LocalRunner, Runner
from qgeo.backends.splitting import MOST_SECONDS, Limits
from qgeo.backends.transpilation import DevicePassManager
from qgeo.backends.work import Work
from qgeo.errors import ConfigurationError, UnfitError
from qgeo.estimators.primitives import PassManager

LEAST_BUSY = "least-busy"
_LARGEST_RZZ = 1.5707963267948966 + 1e-9
"""π/2 and rounding."""


class Device:
    """A place where circuits run; it is looked up when something must run there, or be asked of it.

    Args:
        name: as its owner calls it; connect: looks it up; runner: makes what starts and fetches jobs.
        options: what its jobs are posted with (`ibm.py`); clock: by which they are waited for.
        look_again: brings what is known of it up to date; nothing for a fake device, which stays as it is.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Any],
        runner: Callable[[Device], Runner],
        options: dict[str, Any],
        clock: Clock,
        look_again: Callable[[Any], None] = lambda _: None,
    ) -> None:
        self._look_again = look_again
        self._name, self._connect, self._runner = name, connect, runner
        self.options, self.clock = options, clock

    @cached_property
    def backend(self) -> Any:
        """The device as Qiskit knows it.

        Raises:
            ConfigurationError: no such name, no account, or a package that is not installed.
        """
        return self._connect()

    @property
    def name(self) -> str:
        """Of the device that `least-busy` came to be, too."""
        return str(self.backend.name) if self._name == LEAST_BUSY else self._name

    @property
    def num_qubits(self) -> int:
        return int(self.backend.num_qubits)

    @cached_property
    def pass_manager(self) -> PassManager:
        """To its gates, with a fixed seed."""
        asked(lambda: self.backend.target)  # the client fetches it, and keeps it
        return DevicePassManager(self.backend)

    @property
    def calibrated(self) -> str | None:
        """Time of its calibration.

        Raises:
            PendingError: no answer to that now.
        """
        properties = getattr(self.backend, "properties", None)
        answer = asked(properties) if callable(properties) else None
        updated = getattr(answer, "last_update_date", None)
        return None if updated is None else str(updated)

    def check(self, work: Work) -> None:
        """Refuse what cannot run there, as far as is known; see `check_isa`."""
        check_isa(work, asked(lambda: self.backend.target))

    def check_now(self, work: Work) -> None:
        """Refuse what cannot run there as it is now.

        Raises:
            UnfitError: a gate, connection or angle that it does not have, or has no more; a faulty qubit.
            RefusedError: it takes no jobs. PendingError: it does not say how it is.
        """
        self._look_again(self.backend)
        self.check(work)

    def run(self, circuits: list[QuantumCircuit]) -> list[QuantumCircuit]:
        """Circuits in its gates: a pass manager that is not made before it is needed."""
        return list(self.pass_manager.run(circuits))

    def runner(self) -> Runner:
        """What starts and fetches jobs; it connects with its first question."""
        return self._runner(self)

    @property
    def limits(self) -> Limits:
        """Of a job there: what the service takes, and the time after which its owner wants it ended."""
        seconds = float(self.options.get("max_execution_time") or MOST_SECONDS)
        return Limits(seconds=min(MOST_SECONDS, seconds), twirled=bool(self.options.get("twirling")))


def device_by_name(
    name: str, *, options: dict[str, Any] | None = None, clock: Clock | None = None, threads: int = 0
) -> Device:
    """The device called `name`, looked up now.

    Args:
        options: resilience and execution options of the runtime (`ibm.py`); none for a fake device.
        clock: the machine's, if none is given.
        threads: of the simulator behind a fake device, 0 for as many as there are cores.

    Raises:
        ConfigurationError: no such name, no account, or a package that is not installed.
    """
    looked_up = known_device(name, options=options, clock=clock, threads=threads)
    looked_up.backend  # noqa: B018 - looking it up is the check
    return looked_up


def known_device(
    name: str, *, options: dict[str, Any] | None = None, clock: Clock | None = None, threads: int = 0
) -> Device:
    """The device called `name`, which a ledger knows already: looked up when it is needed; see `device`.

    Raises:
        ConfigurationError: no device is called so.
    """
    options, clock = options or {}, clock or Clock()
    if name.startswith("fake_"):
        runner = partial(_local_runner, threads=threads)
        return Device(name, lambda: _fake_backend(name), runner, options, clock)
    if is_device(name):
        return _ibm_device(name, options, clock)
    raise ConfigurationError(f"expected a device fake_NAME, ibm_NAME or least-busy, got {name!r}")


def is_device(name: str) -> bool:
    """Whether jobs there are posted to somebody else, so that they need a ledger and a budget."""
    return name.startswith("ibm_") or name == LEAST_BUSY


def check_isa(work: Work, target: Any) -> None:
    """Refuse circuits that the device cannot run.

    Raises:
        UnfitError: a gate, a connection or an angle that it does not have, or too many qubits.
    """
    for number, circuit in enumerate(work.circuits):
        if circuit.num_qubits > target.num_qubits:
            raise UnfitError(
                f"expected at most {target.num_qubits} qubits, circuit {number} has {circuit.num_qubits}"
            )
        for step in circuit.data:
            qubits = tuple(circuit.find_bit(qubit).index for qubit in step.qubits)
            name = step.operation.name
            if name != "barrier" and not target.instruction_supported(name, qubits):
                raise UnfitError(f"expected gates of the device, circuit {number} has {name} on {qubits}")
            if name == "rzz":
                _check_rzz(number, step.operation.params[0], qubits)


def _check_rzz(number: int, angle: Any, qubits: tuple[int, ...]) -> None:
    """Fractional rzz takes [0, π/2] only, and the service does not fold free angles."""
    if getattr(angle, "parameters", None) or not 0 <= float(angle) <= _LARGEST_RZZ:
        raise UnfitError(
            f"expected rzz angles in [0, π/2], circuit {number} has {angle} on {qubits}; choose a backend "
            "without fractional gates"
        )


def _fake_backend(name: str) -> Any:
    if name not in fake_device_names():
        near = get_close_matches(name, fake_device_names(), n=3) or ["fake_manila", "fake_torino"]
        raise ConfigurationError(
            f"expected a device fake_NAME, ibm_NAME or least-busy, got {name!r}; "
            f"near names: {', '.join(near)}"
        )
    return fake_device(name)


def _local_runner(device: Device, threads: int) -> Runner:
    @cache
    def simulator() -> Any:
        return AerSimulator.from_backend(device.backend, max_parallel_threads=threads)

    return LocalRunner(lambda generator: FreshSeedSampler(simulator(), generator))


def _ibm_device(name: str, options: dict[str, Any], clock: Clock) -> Device:
    from qgeo.backends.ibm import IBMRunner
    from qgeo.backends.ibm_account import Account

    account = Account()

    def runner(device: Device) -> Runner:
        return IBMRunner(account, lambda: device.backend, device.options, clock=device.clock)

    return Device(name, lambda: account.device(name), runner, options, clock, account.look_again)


def ledger_sampler(device: Device, ledger: Ledger, runner: Runner | None = None, **how: Any) -> LedgerSampler:
    """A sampler on the device whose jobs live in the ledger; `how`: see `LedgerSampler`."""
    runner = runner or device.runner()
    return LedgerSampler(
        ledger,
        runner,
        device,
        check=device.check_now,
        clock=device.clock,
        limits=device.limits,
        **how,
    )

"""The small jobs and estimates the hardware tests submit, to what, and the child processes they do it from.

A circuit of two qubits that tells its qubits and its parameters apart: no swap of either goes unseen.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from hardware.loopback import LoopbackService
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.primitives import BitArray
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import Batch, IBMBackend, RuntimeJobV2
from qiskit_ibm_runtime.executor_sampler import Sampler
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from quick_clock import QuickClock

from qgeo.backends.mitigated_work import PLAIN, Mitigation
from qgeo.backends.posting import MINUTES_BEFORE_POSTING_AGAIN
from qgeo.errors import QGeoError
from qgeo.hardware.fisher_request import FisherRequest

Answer = TypeVar("Answer")


class IBMManila(FakeManilaV2):
    """A fake device under the name of a real one."""

    def __init__(self, name: str = "ibm_manila") -> None:
        super().__init__()
        self.name = name


def serving(*names: str) -> LoopbackService:
    """The stand-in with devices under the names of real ones; ibm_manila if none is given."""
    return LoopbackService(*(IBMManila(name) for name in names or ("ibm_manila",)))


def request(shots: int = 400, mitigation: Mitigation = PLAIN) -> FisherRequest:
    """An estimate of one job."""
    theta = ParameterVector("theta", 3)
    circuit = QuantumCircuit(2)
    circuit.ry(theta[0], 0)
    circuit.cx(0, 1)
    circuit.rz(theta[1], 1)
    circuit.rx(theta[2], 0)
    return FisherRequest(circuit, np.array([0.4, 0.7, -0.3]), "block-diagonal", shots, mitigation=mitigation)


def persistently(
    action: Callable[[], Answer], clock: QuickClock, attempts: int = 8
) -> tuple[Answer, list[QGeoError]]:
    """Try again as a patient user would; the answer, and the errors on the way."""
    said: list[QGeoError] = []
    for _ in range(attempts):
        try:
            return action(), said
        except QGeoError as error:
            said.append(error)
            clock.seconds += 60 * MINUTES_BEFORE_POSTING_AGAIN
    raise said[-1]


MANILA = FakeManilaV2()
VALUES = np.array([[[0.3, 2.0], [1.2, 0.1]], [[2.8, 0.4], [0.2, 0.9]], [[1.0, 1.0], [0.0, 3.0]]])  # (3, 2, 2)


def two_qubits() -> QuantumCircuit:
    """ry(a₀) on qubit 0, ry(a₁) on qubit 1, cx(0, 1); not measured."""
    a = ParameterVector("a", 2)
    circuit = QuantumCircuit(2)
    circuit.ry(a[0], 0)
    circuit.ry(a[1], 1)
    circuit.cx(0, 1)
    return circuit


def on_device(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit in gates of the device, on its qubits."""
    return generate_preset_pass_manager(1, backend=MANILA, seed_transpiler=1).run(circuit)


def measured(circuit: QuantumCircuit) -> QuantumCircuit:
    """Measured before it is laid out on the device: the classical bits stay logical."""
    return on_device(circuit.measure_all(inplace=False))


ISA = measured(two_qubits())


def submit(
    mode: IBMBackend | Batch, *tags: str, shots: int = 100, values: np.ndarray | Sequence[float] = (0.3, 2.0)
) -> RuntimeJobV2:
    """One sampler job with these tags; `values` broadcast: (..., 2), in the order of `ISA.parameters`."""
    sampler = Sampler(mode=mode)
    sampler.options.environment.job_tags = list(tags)
    return sampler.run([(ISA, values)], shots=shots)


def frequencies(bits: BitArray) -> np.ndarray:
    """(..., 4) relative frequencies of the outcomes of two bits."""
    return np.stack([(bits.array[..., 0] == outcome).mean(axis=-1) for outcome in range(4)], axis=-1)


def python(loopback: LoopbackService, script: str) -> subprocess.Popen[str]:
    """A new process that knows the service by its environment only; tests/ is importable there."""
    environment = os.environ | loopback.environment() | {"OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] += os.pathsep + str(Path(__file__).parents[1])
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", script], stdout=pipe, stderr=pipe, text=True, env=environment
    )


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"expected the condition within {seconds} s"
        time.sleep(0.02)

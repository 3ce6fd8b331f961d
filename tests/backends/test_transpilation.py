"""Delays on devices with a grid of times are scheduled; circuits without them come out as ever, in order."""

from __future__ import annotations

import numpy as np
import pytest
from cases import A, B
from qiskit import QuantumCircuit
from qiskit.transpiler import generate_preset_pass_manager

from qgeo.backends.device import device_by_name
from qgeo.backends.names import fake_device, resolve
from qgeo.backends.transpilation import LEVEL, TRANSPILER_SEED, DevicePassManager
from qgeo.estimators import BlockDiagonalQFI
from qgeo.hardware.fisher_request import FisherRequest

GRID = 16  # of fake_perth, in units of its time step


def waiting(*delays: tuple[int, str]) -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.ry(A, 0)
    for duration, unit in delays:
        circuit.delay(duration, 1, unit)
    circuit.cx(0, 1)
    circuit.rx(B, 1)
    circuit.measure_all()
    return circuit


@pytest.fixture(scope="module")
def perth():
    return fake_device("fake_perth")


@pytest.mark.parametrize("delay", [(200, "ns"), (1, "us"), (101, "dt")], ids=str)
def test_delays_off_the_grid_are_scheduled(perth, delay):
    # Seen to fail: without scheduling (Qiskit's error that the circuit is not scheduled).
    [brought] = DevicePassManager(perth).run([waiting(delay)])
    assert "delay" in brought.count_ops()
    start = dict.fromkeys(range(brought.num_qubits), 0)
    for step in brought.data:
        qubits = tuple(brought.find_bit(qubit).index for qubit in step.qubits)
        begin, length = max(start[qubit] for qubit in qubits), duration(perth, step.operation, qubits)
        if step.operation.name not in ("delay", "barrier") and length:
            assert begin % GRID == 0
        start |= dict.fromkeys(qubits, begin + length)


def duration(backend, operation, qubits: tuple[int, ...]) -> int:
    """In time steps."""
    if operation.name in ("delay", "barrier"):
        return operation.duration if operation.name == "delay" else 0
    return round(backend.target[operation.name][qubits].duration / backend.dt)


def test_other_circuits_come_out_as_ever_and_all_in_their_order(perth):
    circuits = [waiting(), waiting((200, "ns")), waiting(), waiting((1, "us"))]
    brought = DevicePassManager(perth).run(circuits)
    plain = generate_preset_pass_manager(LEVEL, perth, seed_transpiler=TRANSPILER_SEED)
    assert brought[0] == plain.run(circuits[0])
    assert ["delay" in circuit.count_ops() for circuit in brought] == [False, True, False, True]


def test_an_estimate_and_a_plan_of_a_circuit_that_waits():
    circuit = waiting((200, "ns")).remove_final_measurements(inplace=False)
    backend = resolve("fake_perth", np.random.default_rng(1))
    estimator = BlockDiagonalQFI(backend.sampler, pass_manager=backend.pass_manager)
    assert np.abs(estimator.estimate(circuit, [0.3, 0.4], shots=500).matrix - np.eye(2)).max() < 0.3
    request = FisherRequest(circuit, np.array([0.3, 0.4]), "block-diagonal", 500)
    assert request.plan(device_by_name("fake_perth")).circuits > 0

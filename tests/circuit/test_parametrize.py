"""Numeric angles as parameters: the same circuit at the numbers, names by position, all gates with angles."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from qiskit import QuantumCircuit, qasm2
from qiskit.circuit import Parameter
from qiskit.circuit import library as lib
from qiskit.quantum_info import Operator

from qgeo.circuit.parametrize import parametrized

GATES = [
    *(lib.RXGate(0.3), lib.RYGate(0.3), lib.RZGate(0.3), lib.PhaseGate(0.3), lib.U1Gate(0.3)),
    *(lib.RGate(0.1, 0.2), lib.U2Gate(0.1, 0.2), lib.UGate(0.1, 0.2, 0.3), lib.U3Gate(0.1, 0.2, 0.3)),
    *(lib.RXXGate(0.3), lib.RZZGate(0.3), lib.CRXGate(0.3), lib.CRYGate(0.3, ctrl_state=0)),
    *(lib.CUGate(0.1, 0.2, 0.3, 0.4), lib.CPhaseGate(0.3), lib.XXPlusYYGate(0.1, 0.2)),
]


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name)
def test_every_angle_becomes_a_parameter(gate):
    # Seen to fail: the numbers sorted by size.
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.append(gate, range(gate.num_qubits))
    circuit.rx(-1.5, 0)
    free, values = parametrized(circuit)
    assert free.num_parameters == len(gate.params) + 1
    assert_array_equal(values, [*gate.params, -1.5])
    assert_allclose(Operator(free.assign_parameters(values)).data, Operator(circuit).data, atol=1e-12)


def test_names_keep_the_order_of_the_instructions():
    # Seen to fail: positions without leading zeros, so that 10 came before 2.
    circuit = QuantumCircuit(1)
    for i in range(12):
        circuit.rx(0.1 * i, 0)
    free, values = parametrized(circuit)
    assert [parameter.name for parameter in free.parameters] == [f"angle_{i:02}" for i in range(12)]
    assert_allclose(values, 0.1 * np.arange(12))


def test_gates_of_a_files_own_are_written_out():
    text = 'OPENQASM 2.0;\ninclude "qelib1.inc";\ngate mine(a) q, r { rx(a/2) q; crz(-a) q, r; h r; }\n'
    circuit = qasm2.loads(text + "qreg q[2];\nmine(0.8) q[0],q[1];\nmine(0.2) q[1],q[0];\n")
    free, values = parametrized(circuit)
    assert_allclose(values, [0.4, -0.8, 0.1, -0.2])
    assert_allclose(Operator(free.assign_parameters(values)).data, Operator(circuit).data, atol=1e-12)


def test_what_is_no_angle_stays():
    circuit = QuantumCircuit(2, 2)
    circuit.delay(100, 0)
    circuit.unitary(np.eye(2), 0)
    circuit.rx(Parameter("a"), 0)
    circuit.measure([0, 1], [0, 1])
    free, values = parametrized(circuit)
    assert [parameter.name for parameter in free.parameters] == ["a"]
    assert len(values) == 0
    assert free.count_ops()["measure"] == 2

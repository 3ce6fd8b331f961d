"""RVGate at free vectors: its definition is the matrix that Qiskit has at numbers, F_Q that of central
differences of Qiskit's own states."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import RVGate
from qiskit.quantum_info import Operator, Statevector

import qgeo
from qgeo.circuit.plain import plain, rebuilt
from qgeo.circuit.rotation_vector import rotation_vector
from qgeo.errors import ShapeError

A, B, C = map(Parameter, "abc")
VECTORS = {
    "free": (A, B, C),
    "two-free": (A, B, 0.3),
    "one-free": (0.2, -0.4, C),
    "shared": (2 * A, B, A),
    "xz": (A, 0, C),
    "yz": (0, B, C),
    "xy": (A, B, 0),
    "x": (A, 0, 0),
    "y": (0, B, 0),
    "z": (0, 0, C),
}


def around(gate) -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.u(0.3, 0.4, 0.5, 1)
    circuit.append(gate, range(2 - gate.num_qubits, 2))
    return circuit


def differences(circuit: QuantumCircuit, values: np.ndarray, step: float = 1e-5) -> np.ndarray:
    def state(at):
        return Statevector(circuit.assign_parameters(at)).data

    psi = state(values)
    shifts = step * np.eye(len(values))
    tangents = np.array([(state(values + s) - state(values - s)) / (2 * step) for s in shifts])
    overlap = tangents.conj() @ psi
    return 4 * (tangents.conj() @ tangents.T - np.outer(overlap, overlap.conj())).real


@pytest.mark.parametrize("vector", VECTORS.values(), ids=list(VECTORS))
@pytest.mark.parametrize("seed", range(3))
def test_free_vectors(vector, seed):
    # Seen to fail: the sign of the azimuth, and that of an angle in a plane, lost.
    gate = RVGate(*vector)
    written = rotation_vector(gate)
    values = np.random.default_rng(seed).uniform(-3, 3, written.num_parameters)
    numbers = QuantumCircuit(1)
    numbers.append(gate, [0])
    expected = Operator(numbers.assign_parameters(values))
    assert_allclose(Operator(written.assign_parameters(values)).data, expected.data, atol=1e-12)
    for each in (gate, gate.control(1, annotated=True)):
        circuit = around(each)
        assert_allclose(qgeo.quantum_fisher(circuit, values), differences(circuit, values), atol=1e-6)
    circuit = around(gate)
    back = rebuilt(plain(circuit))
    assert_allclose(qgeo.quantum_fisher(back, values), qgeo.quantum_fisher(circuit, values), atol=1e-12)


def test_where_spherical_coordinates_end_the_domain_is_named():
    with pytest.raises(ShapeError, match="inside the domain"):
        qgeo.quantum_fisher(around(RVGate(A, B, C)), [0.0, 0.0, 1.0])

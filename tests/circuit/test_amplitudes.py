"""Amplitude data: the prepared state is the data, for every sign and zero; what is no data is refused."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import Statevector
from qiskit_machine_learning.circuit.library import raw_feature_vector

import qgeo
from qgeo.circuit.amplitudes import rotation_angles, rotations
from qgeo.errors import CircuitError, ShapeError

GENERATOR = np.random.default_rng(0)
ROWS = {
    "generic": lambda size: GENERATOR.normal(size=size),
    "negative": lambda size: -np.abs(GENERATOR.normal(size=size)),
    "one": lambda size: np.eye(size)[size // 2],
    "minus-one": lambda size: -np.eye(size)[-1],
    "zeros-between": lambda size: np.where(np.arange(size) % 3 == 0, GENERATOR.normal(size=size), 0),
    "lower-half": lambda size: np.where(np.arange(size) < size // 2, GENERATOR.normal(size=size), 0) + 1e-300,
}


@pytest.mark.parametrize("num_qubits", [1, 2, 3, 5])
@pytest.mark.parametrize("name", ROWS)
def test_the_rotations_prepare_the_data(name, num_qubits):
    # Seen to fail: the Gray code left out, signs lost, the qubits in the other order.
    x = ROWS[name](2**num_qubits)
    circuit = QuantumCircuit(num_qubits)
    for angle, (qubit, control) in zip(rotation_angles(x[None])[0], rotations(num_qubits), strict=True):
        circuit.ry(angle, qubit)
        if control is not None:
            circuit.cx(control, qubit)
    assert_allclose(Statevector(circuit).data, x / np.linalg.norm(x), atol=1e-14)


def circuit_with_data(size: int = 4) -> QuantumCircuit:
    data = raw_feature_vector(size)
    return data.compose(real_amplitudes(data.num_qubits, reps=1))


def test_information_at_amplitudes_is_that_of_the_initialized_circuit():
    circuit, inputs = circuit_with_data(), GENERATOR.normal(size=(3, 4))
    names, values = [f"x[{i}]" for i in range(4)], [0.1, 0.2, 0.3, 0.4]
    for function in (qgeo.quantum_fisher, qgeo.classical_fisher):
        found = function(circuit, values, inputs=inputs, input_parameters=names)
        by_hand = []
        for row in inputs:
            prepared = QuantumCircuit(2)
            prepared.initialize(row / np.linalg.norm(row), [0, 1])
            by_hand.append(function(prepared.compose(real_amplitudes(2, reps=1)), values))
        assert_allclose(found, np.mean(by_hand, 0), rtol=1e-10, atol=1e-12)


def test_amplitudes_stand_beside_other_data_in_any_order():
    data, angle = raw_feature_vector(2), Parameter("angle")
    circuit = QuantumCircuit(2)
    circuit.ry(angle, 1)
    circuit.compose(data, [0], inplace=True)
    circuit.crx(Parameter("w"), 0, 1)
    x = data.parameters
    found = qgeo.quantum_fisher(
        circuit, [0.4], inputs=[[0.8, 0.3, 0.6]], input_parameters=[x[1], angle, x[0]]
    )
    by_hand = QuantumCircuit(2)
    by_hand.ry(0.3, 1)
    by_hand.initialize([0.6, 0.8], 0)
    by_hand.crx(Parameter("w"), 0, 1)
    assert_allclose(found, qgeo.quantum_fisher(by_hand, [0.4]), rtol=1e-10)


def test_amplitudes_that_are_numbers_are_a_preparation():
    circuit = circuit_with_data()
    bound = circuit.assign_parameters({p: 0.5 for p in circuit.parameters if p.name.startswith("x")})
    program = qgeo.compile(circuit, input_parameters=[f"x[{i}]" for i in range(4)])
    assert program.given_inputs == ("x[0]", "x[1]", "x[2]", "x[3]")
    values = [0.1, 0.2, 0.3, 0.4]
    found = qgeo.quantum_fisher(bound, values)
    assert_allclose(found, qgeo.quantum_fisher(program, values, inputs=[[3.0] * 4]), rtol=1e-10, atol=1e-12)


def test_amplitudes_that_are_all_zero_are_refused():
    circuit, names = circuit_with_data(), [f"x[{i}]" for i in range(4)]
    with pytest.raises(ShapeError, match="expected amplitudes that are not all 0, got zeros in row 1"):
        qgeo.quantum_fisher(circuit, [0.1] * 4, inputs=[[1, 0, 0, 0], [0] * 4], input_parameters=names)
    with pytest.raises(ShapeError, match=r"expected inputs of shape .contexts, 4. for x"):
        qgeo.quantum_fisher(circuit, [0.1] * 4, inputs=[[1, 0]], input_parameters=names)


def twice() -> QuantumCircuit:
    circuit, x = QuantumCircuit(2), ParameterVector("x", 4)
    for qubit in range(2):
        one = raw_feature_vector(2)
        circuit.compose(one.assign_parameters(x[2 * qubit : 2 * qubit + 2]), [qubit], inplace=True)
    return circuit


def shared() -> QuantumCircuit:
    circuit = raw_feature_vector(4)
    circuit.ry(circuit.parameters[0], 0)
    return circuit


def touched() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    return circuit.compose(raw_feature_vector(4))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (twice, "expected one initial state that is data, got 2"),
        (shared, "expected amplitudes that no gate has"),
        (touched, "on qubits that nothing has touched"),
    ],
)
def test_amplitudes_that_cannot_be_taken_are_refused(build, message):
    circuit = build()
    with pytest.raises(CircuitError, match=rf"\('ParameterizedInitialize'\): .*{message}"):
        qgeo.compile(circuit, input_parameters=circuit.parameters)


def test_amplitudes_are_data_and_no_parameters():
    with pytest.raises(CircuitError, match="name them in input_parameters"):
        qgeo.compile(circuit_with_data())

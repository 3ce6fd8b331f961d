"""Index maps moved behind rotations, against dense matrices multiplied out.

Seen to fail: a dropped sign of the conjugate, the map and its inverse exchanged, a map that is no Clifford
taken for one.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import Operator, Pauli, Statevector

import qgeo
from qgeo.simulate.compiled import operations
from qgeo.simulate.compiled.kernel import Kernel, kernel_of
from qgeo.simulate.compiled.operations import MAP, ROTATION
from qgeo.simulate.compiled.pauli_frame import IndexMap, conjugated, identity, pauli_string


def index_map(circuit: QuantumCircuit) -> IndexMap:
    """Of a circuit whose matrix has one entry a row."""
    matrix = Operator(circuit).data
    source = np.abs(matrix).argmax(1)
    return IndexMap(source, matrix[np.arange(len(matrix)), source])


def dense(own: IndexMap) -> np.ndarray:
    matrix = np.zeros((len(own.source),) * 2, dtype=complex)
    matrix[np.arange(len(own.source)), own.source] = own.phase
    return matrix


def clifford(seed: int) -> QuantumCircuit:
    draw, circuit = np.random.default_rng(seed), QuantumCircuit(3)
    for gate in draw.choice(["cx", "cz", "swap", "s", "x", "y", "iswap"], 8):
        qubits = draw.permutation(3)[: 1 if gate in ("s", "x", "y") else 2]
        getattr(circuit, gate)(*map(int, qubits))
    return circuit


def test_a_string_is_qiskits():
    for x in range(8):
        for z in range(8):
            pauli = Pauli(([bool(z >> q & 1) for q in range(3)], [bool(x >> q & 1) for q in range(3)]))
            assert_allclose(dense(pauli_string(x, z, 3)), pauli.to_matrix(), atol=1e-15)


@pytest.mark.parametrize("seed", range(20))
def test_conjugation_is_that_of_the_matrices(seed):
    circuit = clifford(seed)
    own, matrix = index_map(circuit), Operator(circuit).data
    for x in range(8):
        for z in range(8):
            found = conjugated((x, z, 0.5), own, 3)
            assert found is not None
            expected = 0.5 * matrix.conj().T @ dense(pauli_string(x, z, 3)) @ matrix
            assert_allclose(found[2] * dense(pauli_string(*found[:2], 3)), expected, atol=1e-14)


def test_maps_compose_and_invert_as_matrices_do():
    one, two = index_map(clifford(1)), index_map(clifford(2))
    assert_allclose(dense(two.after(one)), dense(two) @ dense(one), atol=1e-15)
    assert_allclose(dense(one.inverse()), dense(one).conj().T, atol=1e-15)
    assert identity(3).is_identity
    assert not one.is_identity


@pytest.mark.parametrize("gate", ["ccx", "cs", "t"])
def test_what_is_no_clifford_is_refused(gate):
    circuit = QuantumCircuit(3)
    getattr(circuit, gate)(*range({"ccx": 3, "cs": 2, "t": 1}[gate]))
    assert conjugated((1, 0, 1.0), index_map(circuit), 3) is None
    assert conjugated((0, 1, 1.0), index_map(circuit), 3) == (0, 1, 1.0)  # Z on a control, or of a phase


def kinds(circuit: QuantumCircuit) -> list[int]:
    kernel = kernel_of(qgeo.compile(circuit))
    assert isinstance(kernel, Kernel)
    return kernel.operations.table[:, 0].tolist()


def test_maps_of_a_layered_circuit_are_done_once():
    circuit, t = QuantumCircuit(4), ParameterVector("t", 12)
    for layer in range(3):
        for q in range(4):
            circuit.ry(t[4 * layer + q], q)
        for q in range(3):
            circuit.cx(q, q + 1)
    assert kinds(circuit) == [*[ROTATION] * 12, MAP]
    circuit.ccx(0, 1, 2)
    circuit.rx(0.1 * t[0], 2)
    assert kinds(circuit).count(MAP) == 1  # a target's X stays one


def test_rotations_about_z_come_together_past_what_commutes_with_them():
    # Seen to fail: one that is moved past a rotation it does not commute with.
    circuit, t = QuantumCircuit(3), ParameterVector("t", 12)
    for layer in range(2):
        for q in range(3):
            circuit.ry(t[6 * layer + 2 * q], q)
            circuit.rz(t[6 * layer + 2 * q + 1], q)
        circuit.cx(0, 1)
    kernel = kernel_of(qgeo.compile(circuit))
    assert kernel is not None
    assert [len(angles) for angles in kernel.operations.angles_of_step] == [1, 1, 1, 3] * 2
    states = kernel.states(torch.linspace(0.1, 2.0, 12, dtype=torch.float64), torch.zeros(1, 0))
    expected = Statevector(circuit.assign_parameters(np.linspace(0.1, 2.0, 12))).data
    assert_allclose(states[0], expected, atol=1e-14)


def test_without_room_for_tables_rotations_are_done_one_by_one(monkeypatch):
    # Seen to fail: a step without a table of which only the first rotation is done.
    circuit, t = QuantumCircuit(3), ParameterVector("t", 12)
    for layer in range(2):
        for q in range(3):
            circuit.ry(t[6 * layer + q], q)
            circuit.rz(t[6 * layer + 3 + q], q)
        circuit.rzz(0.3, 0, 1)
        circuit.cx(0, 2)
    values = np.random.default_rng(2).uniform(-3, 3, 12)
    with_tables = qgeo.quantum_fisher(circuit, values)
    monkeypatch.setattr(operations, "MOST_TABLE_BYTES", 0)
    program = qgeo.compile(circuit)
    kernel = kernel_of(program)
    assert kernel is not None
    assert kernel.operations.num_phases == 0
    assert (np.diff(kernel.operations.steps[:, :2]) > 0).any()
    assert_allclose(qgeo.quantum_fisher(program, values), with_tables, atol=1e-13)

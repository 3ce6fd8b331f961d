"""Programs as operations: what is carried behind what, which rotations come together, tables of phases.

Seen to fail: one rotation moved past another that it does not commute with; a step without a table of which
only the first rotation is done.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import Statevector

import qgeo
from qgeo.simulate.compiled import operations
from qgeo.simulate.compiled.kernel import kernel_of, structure_of
from qgeo.simulate.compiled.layout import MONOMIAL, ROTATION
from qgeo.simulate.compiled.operations import Operations


def kinds(circuit: QuantumCircuit) -> list[int]:
    return as_operations(circuit).table[:, 0].tolist()


def as_operations(circuit: QuantumCircuit) -> Operations:
    """With what waits at the end applied."""
    structure = structure_of(qgeo.compile(circuit))
    assert structure is not None
    return structure.complete


def layered_about_z() -> QuantumCircuit:
    """Rotations about Z that a CX holds back or lets past."""
    circuit, t = QuantumCircuit(3), ParameterVector("t", 12)
    for layer in range(2):
        for q in range(3):
            circuit.ry(t[6 * layer + 2 * q], q)
            circuit.rz(t[6 * layer + 2 * q + 1], q)
        circuit.cx(0, 1)
    return circuit


def test_monomial_matrices_of_a_layered_circuit_are_done_once():
    circuit, t = QuantumCircuit(4), ParameterVector("t", 12)
    for layer in range(3):
        for q in range(4):
            circuit.ry(t[4 * layer + q], q)
        for q in range(3):
            circuit.cx(q, q + 1)
    assert kinds(circuit) == [*[ROTATION] * 12, MONOMIAL]
    circuit.ccx(0, 1, 2)
    circuit.rx(0.1 * t[0], 2)
    assert kinds(circuit).count(MONOMIAL) == 1  # a target's X stays one


def test_rotations_about_z_come_together_past_what_commutes_with_them():
    assert [len(angles) for angles in as_operations(layered_about_z()).angles_of_step] == [1, 1, 1, 3] * 2


@pytest.mark.usefixtures("built")
def test_states_behind_rotations_that_came_together():
    # Seen to fail: one that is moved past a rotation it does not commute with.
    kernel = kernel_of(qgeo.compile(layered_about_z()))
    assert kernel is not None
    angles = torch.linspace(0.1, 2.0, 12, dtype=torch.float64)
    states = kernel.states(kernel.bound("end", angles, torch.zeros(1, 0)))
    expected = Statevector(layered_about_z().assign_parameters(np.linspace(0.1, 2.0, 12))).data
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
    structure = structure_of(program)
    assert structure is not None
    for converted in (structure.inside, structure.complete):
        assert converted.num_phases == 0
        assert (np.diff(converted.steps[:, :2]) > 0).any()
    assert_allclose(qgeo.quantum_fisher(program, values), with_tables, atol=1e-13)

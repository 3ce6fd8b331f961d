"""Elements of a program: wide Pauli strings as masks, the strings of every rotation, blocks when asked for.

The comment in each test names the planted faults it was seen to fail under.
"""

from __future__ import annotations

import cases
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import AnnotatedOperation, Parameter
from qiskit.circuit import library as lib
from qiskit.circuit.annotated_operation import ControlModifier, InverseModifier, PowerModifier
from qiskit.quantum_info import Operator, Pauli, SparsePauliOp, Statevector

import qgeo
from qgeo.circuit.blocks import Block
from qgeo.circuit.elements import (
    Fixed,
    Rotation,
    StringRotation,
    laddered,
    placed,
    rotation_terms,
    string_rotation,
)
from qgeo.circuit.paulis import from_label, label
from qgeo.geometry.request import requested
from qgeo.simulate.statevector import states

pytestmark = pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")

T = Parameter("t")
WIDE = "XYIZXZ"
PLACES = (6, 0, 3, 5, 1, 2)  # of the string's qubits in a circuit of seven


def rotated(text: str, angle: float) -> np.ndarray:
    """exp(−i angle P / 2) = cos(angle/2) − i sin(angle/2) P."""
    matrix = Pauli(text).to_matrix()
    return np.cos(angle / 2) * np.eye(len(matrix)) - 1j * np.sin(angle / 2) * matrix


def evolution(coefficient: float, time) -> lib.PauliEvolutionGate:
    return lib.PauliEvolutionGate(SparsePauliOp(WIDE, coefficient), time)


def product(elements: list, angle: float, num_qubits: int) -> np.ndarray:
    """The unitary of rotations about Zs and fixed gates, by Qiskit."""
    circuit = QuantumCircuit(num_qubits)
    for element in elements:
        if isinstance(element, Rotation):
            assert element.generator[0, 0] == -element.generator[1, 1]
            circuit.rz(angle * element.generator[0, 0].real, element.qubits)
        else:
            circuit.unitary(element.matrix, element.qubits)
    return Operator(circuit).data


# --- wide strings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "kind"), [("XYZ", Rotation), ("XIYIZ", Rotation), (WIDE, StringRotation)])
def test_strings_on_more_than_three_qubits_stay_masks(text, kind):
    # Seen to fail: the ladder made while compiling.
    circuit = QuantumCircuit(len(text))
    circuit.append(lib.PauliEvolutionGate(SparsePauliOp(text), T), range(len(text)))
    [item] = qgeo.compile(circuit).elements
    assert isinstance(item.element, kind)
    assert rotation_terms(item.element) == (from_label(text),)
    assert (item.angle, item.per_context) == (0, False)


@pytest.mark.parametrize("text", ["Z", "X", "Y", "YX", "XZY", "ZIYXZ", WIDE])
@pytest.mark.parametrize("weight", [1.0, -0.7])
def test_a_ladder_is_the_rotation(text, weight):
    # Seen to fail: the ladder not undone; the weight left out; Y turned into Z as X is.
    element = StringRotation(from_label(text)._replace(weight=weight), 0)
    pieces = laddered(element)
    assert max(len(piece.qubits) for piece in pieces) <= 2
    assert_allclose(product(pieces, 0.9, len(text)), rotated(text, 0.9 * weight), rtol=0, atol=1e-14)
    fixed = string_rotation(element.term, 0.9)
    assert all(isinstance(piece, Fixed) for piece in fixed)
    assert_allclose(product(fixed, 0.0, len(text)), rotated(text, 0.9 * weight), rtol=0, atol=1e-14)


MODIFIED = {  # gate: the angle of its rotation at t = 0.8
    "plain": (evolution(0.6, T), 0.96),
    "an expression": (evolution(0.6, T * T + 0.1), 0.888),
    "inverse": (AnnotatedOperation(evolution(0.6, T), InverseModifier()), -0.96),
    "power": (AnnotatedOperation(evolution(0.6, T), PowerModifier(-3)), -2.88),
}


@pytest.mark.parametrize("name", MODIFIED)
@pytest.mark.parametrize("width", [None, 2])
def test_modified_strings_on_scattered_qubits(name, width):
    # Seen to fail: places of the string's qubits reversed; an inverse with the angle as it was.
    gate, angle = MODIFIED[name]
    start = cases.scramble(7, seed=3)
    circuit = start.copy()
    circuit.append(gate, PLACES)
    program = qgeo.compile(circuit, block_width=width)
    assert sum(isinstance(item.element, StringRotation) for item in program.elements) == (
        3 if name == "power" else 1
    )
    expected = Statevector(start).evolve(Operator(rotated(WIDE, angle)), PLACES).data
    assert_allclose(
        states(program, torch.tensor([0.8], dtype=torch.float64), None)[0], expected, rtol=0, atol=1e-13
    )


def test_a_string_under_a_control():
    # Seen to fail: the control left out of the ladder's rotation; taken for a control on 1.
    gate = AnnotatedOperation(evolution(0.6, T), ControlModifier(1, 0))
    start = cases.scramble(7, seed=3)
    circuit = start.copy()
    circuit.append(gate, [4, *PLACES])
    program = qgeo.compile(circuit)
    assert not any(isinstance(item.element, StringRotation) for item in program.elements)
    controlled = np.kron(rotated(WIDE, 0.96), np.diag([1, 0])) + np.kron(np.eye(64), np.diag([0, 1]))
    expected = Statevector(start).evolve(Operator(controlled), [4, *PLACES]).data
    assert_allclose(
        states(program, torch.tensor([0.8], dtype=torch.float64), None)[0], expected, rtol=0, atol=1e-13
    )


def test_a_string_by_a_number_is_fixed():
    circuit = QuantumCircuit(6)
    circuit.append(AnnotatedOperation(evolution(0.6, 0.8), InverseModifier()), range(6))
    program = qgeo.compile(circuit)
    assert all(isinstance(item.element, Fixed) for item in program.elements)
    state = states(program, torch.zeros(0).double(), None)[0]
    assert_allclose(state, rotated(WIDE, -0.96)[:, 0], rtol=0, atol=1e-14)


def test_a_modified_string_is_one_rotation_of_a_layer():
    # Seen to fail: the strings of a modified evolution not told to the layers.
    circuit = QuantumCircuit(6)
    circuit.append(evolution(0.6, T), range(6))
    circuit.append(AnnotatedOperation(evolution(0.6, Parameter("u")), InverseModifier()), range(6))
    assert qgeo.compile(circuit).layers == ((0, 1),)


# --- strings of a rotation --------------------------------------------------------------------------------


def test_the_strings_of_a_rotation_on_the_circuits_qubits():
    """Σ w P is the generator: every gate of the table, moved to qubits far apart, by Qiskit's matrices."""
    # Seen to fail: remembered strings of another generator of the same size; qubits in reversed order.
    seen = 0
    for case in cases.CASES:
        for item in qgeo.compile(case.circuit).elements:
            if not isinstance(item.element, Rotation) or len(item.qubits) > 4:
                continue
            qubits = (4, 0, 5, 2)[: len(item.qubits)]
            [moved] = placed([Rotation(item.element.generator, tuple(range(len(qubits))), 0)], qubits)
            total = sum(term.weight * Pauli(label(term, 6)).to_matrix() for term in rotation_terms(moved))
            expected = Operator(np.eye(64)).compose(Operator(item.element.generator), qubits)
            assert_allclose(total, expected.data, rtol=0, atol=1e-11)
            seen += 1
    assert seen > 100


# --- blocks -----------------------------------------------------------------------------------------------


def test_blocks_are_made_when_they_are_asked_for_and_once():
    # Seen to fail: blocks counted in the repr; a memory estimate that fuses; blocks of `by_angle` fused anew.
    program = qgeo.compile(cases.layered(4, 2))
    assert repr(program).endswith(f"{len(program.elements)} elements)")
    values = [0.1] * program.num_parameters
    assert list(requested(program, values, None, None, None).chunks(2**30)) == [None]
    assert "blocks" not in vars(program)
    assert program.by_angle.blocks is program.blocks


@pytest.mark.parametrize("width", [None, 1, 3])
def test_the_shapes_of_blocks_are_theirs(width):
    # Seen to fail: the shapes of the default width; rotations and fixed gates counted alike.
    for case in (*cases.CASES, *cases.RANDOM_CASES[:20]):
        names = [parameter.name for parameter in case.circuit.parameters][:1]
        program = qgeo.compile(case.circuit, input_parameters=names, block_width=width)
        sizes = [
            (len(block.qubits), len(block.rotations), block.per_context)
            if isinstance(block, Block)
            else (program.num_qubits, 0, False)
            for block in program.blocks
        ]
        shapes = [
            (shape.num_qubits, shape.num_rotations, shape.per_context) for shape in program.block_shapes
        ]
        assert shapes == sizes

"""What the exact functions refuse: every message names the instruction and its position, or both numbers."""

from __future__ import annotations

import cases
import numpy as np
import pytest
from cases import A, B
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    ControlModifier,
    Gate,
    Parameter,
    ParameterVector,
    PowerModifier,
)
from qiskit.circuit.library import RXGate
from qiskit.quantum_info import Kraus

import qgeo
from qgeo.errors import CircuitError, ConfigurationError, QGeoError, ShapeError

exact_functions = pytest.mark.parametrize(
    "name", ["quantum_geometric_tensor", "quantum_fisher", "classical_fisher"]
)
X = ParameterVector("x", 2)


def start() -> QuantumCircuit:
    """h, rx: whatever comes next is instruction 2, counted from 0."""
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.rx(A, 0)
    return circuit


def measured() -> QuantumCircuit:
    circuit = start()
    circuit.measure([0, 1], [0, 1])
    circuit.h(0)
    return circuit


def reset() -> QuantumCircuit:
    circuit = start()
    circuit.reset(0)
    circuit.ry(B, 1)
    return circuit


def controlled_by_a_bit() -> QuantumCircuit:
    circuit = start()
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    return circuit


def looped() -> QuantumCircuit:
    circuit = start()
    with circuit.for_loop(range(3)):
        circuit.rx(A, 1)
        circuit.measure(1, 0)
    return circuit


def initialized() -> QuantumCircuit:
    circuit = start()
    circuit.initialize([1, 0, 0, 1], [0, 1], normalize=True)
    return circuit


def opaque() -> QuantumCircuit:
    circuit = start()
    circuit.append(Gate("mystery", 1, [B]), [1])
    return circuit


def with_noise() -> QuantumCircuit:
    circuit = start()
    circuit.append(Kraus([np.diag([1, 0.6]), np.diag([0, 0.8])]).to_instruction(), [0])
    return circuit


def repeated() -> QuantumCircuit:
    circuit = start()
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.x(1)
    return circuit


REFUSED = {
    "measure": measured,
    "reset": reset,
    "if_else": controlled_by_a_bit,
    "for_loop": looped,
    "initialize": initialized,
    "mystery": opaque,
    "kraus": with_noise,
    "while_loop": repeated,
}


@exact_functions
@pytest.mark.parametrize("instruction", REFUSED)
def test_instruction_without_a_unitary_is_named_with_its_position(name, instruction):
    circuit = REFUSED[instruction]()
    with pytest.raises(CircuitError, match=rf"\b2\b.*{instruction}|{instruction}.*\b2\b"):
        getattr(qgeo, name)(circuit, np.ones(circuit.num_parameters))


@pytest.mark.parametrize("instruction", REFUSED)
def test_compile_refuses_the_same(instruction):
    with pytest.raises(CircuitError, match=instruction):
        qgeo.compile(REFUSED[instruction]())


def test_reset_inside_a_composite_is_named():
    inner = QuantumCircuit(1, name="inner")
    inner.h(0)
    inner.reset(0)
    circuit = start()
    circuit.append(inner.to_instruction(), [1])
    with pytest.raises(CircuitError, match=r"\b2\b.*(inner|reset)"):
        qgeo.quantum_fisher(circuit, [0.1])


@pytest.mark.parametrize("not_a_circuit", [None, "circuit.qasm", np.eye(2)], ids=["none", "path", "matrix"])
def test_what_is_no_circuit_is_refused(not_a_circuit):
    with pytest.raises(QGeoError, match="QuantumCircuit"):
        qgeo.quantum_fisher(not_a_circuit, [0.1])


# --- values ---------------------------------------------------------------------------------------


@exact_functions
@pytest.mark.parametrize("given", [0, 1, 3])
def test_wrong_number_of_values_gives_both_numbers(name, given):
    with pytest.raises(ShapeError, match=rf"\b2\b.*\b{given}\b"):
        getattr(qgeo, name)(cases.shared_parameter(), np.ones(given))


@exact_functions
@pytest.mark.parametrize("values", [np.ones((1, 2)), np.float64(1.0)], ids=["matrix", "scalar"])
def test_values_of_another_shape_are_refused(name, values):
    with pytest.raises(ShapeError, match=r"\b2\b"):
        getattr(qgeo, name)(cases.shared_parameter(), values)


@exact_functions
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(name, bad):
    with pytest.raises(ShapeError, match=rf"{bad}.*\b1\b"):
        getattr(qgeo, name)(cases.shared_parameter(), [0.3, bad])


@pytest.mark.parametrize("values", [["a", "b"], [1j, 0.2], None, [[1.0], [1.0, 2.0]]], ids=str)
def test_values_that_are_no_real_numbers_are_refused(values):
    with pytest.raises(ShapeError):
        qgeo.quantum_fisher(cases.shared_parameter(), values)


DOMAINS = {"log": A.log(), "root": A**0.5, "arcsin": (2 * A).arcsin(), "pole": 1 / (A + 1)}


@exact_functions
@pytest.mark.parametrize("expression", DOMAINS)
def test_value_outside_the_domain_of_an_angle_is_refused(name, expression):
    circuit = start()
    circuit.ry(DOMAINS[expression], 1)
    with pytest.raises(QGeoError):
        getattr(qgeo, name)(circuit, [-1.0])


# --- names ----------------------------------------------------------------------------------------


@exact_functions
@pytest.mark.parametrize("unknown", ["gamma", Parameter("gamma")], ids=["name", "parameter"])
def test_unknown_parameter_is_named(name, unknown):
    with pytest.raises(QGeoError, match=r"gamma"):
        getattr(qgeo, name)(cases.shared_parameter(), [0.3, 0.4], parameters=["a", unknown])


@exact_functions
def test_row_for_a_data_parameter_is_refused(name):
    with pytest.raises(QGeoError, match=r"x\[0\]"):
        getattr(qgeo, name)(with_data(), [0.3], parameters=["x[0]"], inputs=[[1, 2]], input_parameters=X)


@exact_functions
def test_unknown_input_parameter_is_named(name):
    with pytest.raises(QGeoError, match="gamma"):
        getattr(qgeo, name)(with_data(), [0.3], inputs=np.ones((1, 1)), input_parameters=["gamma"])


def test_input_parameter_given_twice_is_refused():
    with pytest.raises(QGeoError, match=r"x\[0\]"):
        qgeo.compile(with_data(), input_parameters=[X[0], "x[0]", X[1]])


# --- inputs ---------------------------------------------------------------------------------------


def with_data() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.ry(X[0] * A, 0)
    circuit.rx(X[1], 1)
    circuit.cx(0, 1)
    return circuit


@exact_functions
@pytest.mark.parametrize("shape", [(3, 1), (3, 3), (2,), (), (1, 3, 2)], ids=str)
def test_inputs_of_another_shape_give_both_shapes(name, shape):
    with pytest.raises(ShapeError) as caught:
        getattr(qgeo, name)(with_data(), [0.3], inputs=np.ones(shape), input_parameters=X)
    assert "contexts, 2" in str(caught.value)
    assert str(shape) in str(caught.value)


@exact_functions
def test_no_context_at_all_is_refused(name):
    with pytest.raises(ShapeError, match=r"\(0, 2\)"):
        getattr(qgeo, name)(with_data(), [0.3], inputs=np.ones((0, 2)), input_parameters=X)


@exact_functions
def test_missing_inputs_are_asked_for(name):
    with pytest.raises(ShapeError, match=r"contexts, 2.*none"):
        getattr(qgeo, name)(with_data(), [0.3], input_parameters=X)
    with pytest.raises(ShapeError, match=r"contexts, 2.*none"):
        getattr(qgeo, name)(qgeo.compile(with_data(), input_parameters=X), [0.3])


@exact_functions
def test_inputs_without_input_parameters_are_refused(name):
    with pytest.raises(ShapeError, match="input_parameters"):
        getattr(qgeo, name)(with_data(), np.ones(3), inputs=np.ones((1, 2)))


@exact_functions
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_inputs_that_are_not_finite_are_refused(name, bad):
    with pytest.raises(ShapeError, match=rf"finite inputs.*{bad}"):
        getattr(qgeo, name)(with_data(), [0.3], inputs=[[0.1, bad]], input_parameters=X)


def test_program_with_other_input_parameters_is_refused():
    program = qgeo.compile(with_data(), input_parameters=X)
    with pytest.raises(QGeoError, match=r"x\[1\]"):
        qgeo.quantum_fisher(program, [0.3], inputs=np.ones((1, 1)), input_parameters=[X[1]])


def test_gates_that_come_to_too_much_are_refused_before_they_are_built():
    circuit = QuantumCircuit(12)
    powered = AnnotatedOperation(RXGate(A), [PowerModifier(10**9)])
    controlled = AnnotatedOperation(RXGate(A), [ControlModifier(11)])
    for gate, message in ((powered, "the power 1000000000"), (controlled, "at most 10 qubits, got 12")):
        circuit.clear()
        circuit.append(gate, range(gate.num_qubits))
        with pytest.raises(CircuitError, match=rf"instruction 0 .*{message}"):
            qgeo.compile(circuit)


@pytest.mark.parametrize("num_qubits", [40, 5000])
def test_circuits_too_wide_for_any_memory_say_what_they_need(num_qubits):
    # Once an OverflowError, where no float holds the number of bytes.
    circuit = QuantumCircuit(num_qubits)
    circuit.rx(A, 0)
    with pytest.raises(ConfigurationError, match=r"expected a memory budget of at least .* GiB"):
        qgeo.quantum_fisher(circuit, [0.1])


# --- arguments of another kind ----------------------------------------------------------------------

OTHER_KINDS = [
    ({"values": None}, "expected real numbers as values, got None"),
    ({"values": [1, "x"]}, "expected real numbers as values, got 'x' at position 1"),
    ({"values": ["1", "2"]}, "expected real numbers as values, got '1' at position 0"),
    ({"values": {"a": None, "b": 1}}, "expected real numbers as values, got None at position 0"),
    ({"parameters": 5}, "expected parameters or their names as parameters, got 5"),
    ({"parameters": "ab"}, r"expected distinct trainable parameters among a, b, got \['ab'\]"),
    ({"input_parameters": [None]}, "expected parameters or their names as input_parameters, got None"),
    ({"device": "meta"}, "expected a device that torch can use here, got 'meta'; 'cpu' is always one"),
    ({"device": None}, "expected a device that torch can use here, got None"),
    ({"dtype": []}, r"expected a dtype among complex128, complex64, got \[\]"),
]


@exact_functions
@pytest.mark.parametrize(("given", "sentence"), OTHER_KINDS)
def test_arguments_of_another_kind(name, given, sentence):
    # Seen to fail: tracebacks of torch and Python, NaN for None, numbers out of strings, letters as names.
    with pytest.raises(QGeoError, match=sentence):
        getattr(qgeo, name)(cases.shared_parameter(), **{"values": [0.1, 0.2]} | given)


@pytest.mark.parametrize("width", [0, -1, "x", 2.5, True], ids=repr)
def test_block_widths(width):
    with pytest.raises(ConfigurationError, match=r"expected block_width (≥ 1|to be an integer), got"):
        qgeo.compile(cases.shared_parameter(), block_width=width)


def test_one_parameter_stands_for_a_list_of_it():
    circuit = cases.shared_parameter()
    both = qgeo.quantum_fisher(circuit, [0.1, 0.2])
    assert np.allclose(qgeo.quantum_fisher(circuit, [0.1, 0.2], parameters="b"), both[1:, 1:], rtol=1e-12)


def test_a_budget_may_be_a_float():
    # Seen to fail: torch splits by integers.
    options = {"inputs": np.ones((3, 2)), "input_parameters": X}
    exact = qgeo.quantum_fisher(with_data(), [0.3], **options)
    assert qgeo.quantum_fisher(with_data(), [0.3], memory_budget=1.5e9, **options).item() == exact.item()

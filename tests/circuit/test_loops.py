"""Steps of circuits with static control flow: what is executed, where it stands, what is not written out."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Operator

from qgeo import compile
from qgeo.circuit.loops import MOST_INSTRUCTIONS, executed, rewritten
from qgeo.circuit.measured import measured_qubits, unitary_part
from qgeo.errors import CircuitError


def inner() -> QuantumCircuit:
    """Prepares, acts and measures; used as one instruction."""
    circuit = QuantumCircuit(2, 1, name="inner")
    circuit.reset(0)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure(1, 0)
    return circuit


def test_an_instruction_that_measures_is_read_step_by_step():
    # Seen to fail: qubits and bits of the inner circuit taken for those of the whole.
    circuit = QuantumCircuit(3, 2)
    circuit.append(inner().to_instruction(), [2, 0], [1])
    assert [(step.operation.name, step.qubits) for step in executed(circuit)] == [
        ("reset", (2,)),
        ("h", (2,)),
        ("cx", (2, 0)),
        ("measure", (0,)),
    ]
    assert list(executed(circuit))[-1].clbits == (circuit.clbits[1],)
    assert measured_qubits(circuit) == (0,)
    expected = QuantumCircuit(3)
    expected.h(2)
    expected.cx(2, 0)
    bare = unitary_part(circuit)
    assert len(bare.data) == 1
    assert Operator(bare.decompose()) == Operator(expected)


def test_positions_in_errors_are_those_of_the_circuit():
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    with circuit.for_loop(range(2)):
        circuit.h(1)
        circuit.measure(1, 0)
    with pytest.raises(
        CircuitError,
        match=r"got instruction 1 \('for_loop'\): instruction 1 \('measure' on qubit 1\) before "
        r"instruction 1 \('for_loop'\): instruction 2 \('h'\)",
    ):
        compile(circuit)


def test_a_circuit_without_loops_stays_itself():
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("a"), 0)
    assert unitary_part(circuit) is circuit


def test_parameters_stay_in_a_loop():
    a = Parameter("a")
    circuit = QuantumCircuit(1)
    with circuit.for_loop(range(3)) as i:
        circuit.rx(i * a, 0)
    assert set(rewritten(circuit, lambda step: step.operation).parameters) == {a}
    assert compile(circuit).parameters == ("a",)


@pytest.mark.parametrize("conditional", [True, False])
def test_a_break_is_not_static(conditional):
    circuit = QuantumCircuit(1, 1)
    with circuit.for_loop(range(3)):
        circuit.x(0)
        with circuit.if_test((0, 1)) if conditional else nullcontext():
            circuit.break_loop()
    with pytest.raises(CircuitError, match=r"instruction 0 \('for_loop'"):
        compile(circuit)


def test_long_loops_are_counted_before_they_are_written_out():
    circuit = QuantumCircuit(1)
    with circuit.for_loop(range(10**9)), circuit.for_loop(range(10**6)):
        circuit.x(0)
    with pytest.raises(
        CircuitError, match=f"at most {MOST_INSTRUCTIONS:,} instructions .* got 1,000,000,000,000,000"
    ):
        compile(circuit)

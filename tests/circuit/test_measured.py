"""How outcomes are read from a circuit, against Qiskit's own sampler; measurements and resets taken off.

The comment in each test names the planted faults it was seen to fail under, of: bits (bit 0 the most
significant), inverse (bit of a qubit for qubit of a bit), first (the first measurement into a bit counts),
end (a gate behind a measurement goes unseen), reset (every reset is left out).
"""

from __future__ import annotations

import numpy as np
import pytest
from interop.jobs import measured
from numpy.testing import assert_array_equal
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.primitives import StatevectorSampler
from qiskit.quantum_info import Statevector

from qgeo.circuit.compiler import compile
from qgeo.circuit.measured import (
    measures,
    outcomes,
    unitary_part,
)
from qgeo.errors import CircuitError

READINGS = {
    "all": (3, 3, [(0, 0), (1, 1), (2, 2)]),
    "permuted": (3, 3, [(0, 1), (1, 2), (2, 0)]),
    "subset": (3, 2, [(2, 0), (0, 1)]),
    "gaps": (2, 4, [(0, 3), (1, 1)]),
    "one-qubit-twice": (2, 3, [(1, 0), (1, 2)]),
    "overwritten": (2, 2, [(0, 0), (1, 0), (0, 1)]),
}


def sampled(num_qubits: int, bits: int, pairs: list[tuple[int, int]]) -> list[int]:
    """What Qiskit's sampler finds in the register for each basis state."""
    found = []
    for basis in range(2**num_qubits):
        circuit = QuantumCircuit(num_qubits)
        for qubit in range(num_qubits):
            if basis >> qubit & 1:
                circuit.x(qubit)
        [result] = StatevectorSampler(seed=0).run([measured(circuit, bits, *pairs)], shots=1).result()
        found.append(next(iter(result.data.c.get_int_counts())))
    return found


@pytest.mark.parametrize("reading", READINGS.values(), ids=list(READINGS))
def test_outcomes_are_those_of_qiskits_sampler(reading):
    # Seen to fail under bits, inverse, first.
    num_qubits, bits, pairs = reading
    circuit = measured(QuantumCircuit(num_qubits), bits, *pairs)
    assert_array_equal(outcomes(circuit), sampled(num_qubits, bits, pairs))


def test_of_several_registers_the_usual_ones_are_read():
    # Seen to fail under bits, inverse.
    circuit = QuantumCircuit(2)
    first, usual, last = (ClassicalRegister(1, name) for name in ("a", "c", "b"))
    circuit.add_register(first, last)
    circuit.measure([1, 0], [first[0], last[0]])
    assert_array_equal(outcomes(circuit), [0, 2, 1, 3])
    circuit.add_register(usual)
    circuit.measure(1, usual[0])
    assert_array_equal(outcomes(circuit), [0, 0, 1, 1])
    circuit.measure_all()
    assert_array_equal(outcomes(circuit), [0, 1, 2, 3])


def test_a_circuit_that_measures_nothing_is_an_error():
    circuit = QuantumCircuit(1, 1)
    assert not measures(circuit)
    with pytest.raises(CircuitError, match="expected a circuit that measures, got none"):
        outcomes(circuit)


def test_measurements_may_stand_before_gates_on_other_qubits():
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 1)
    circuit.barrier()
    circuit.h(1)
    circuit.measure(1, 0)
    unitary = unitary_part(circuit)
    assert measures(circuit)
    assert len(unitary.data) == len(circuit.data)
    assert Statevector(unitary).equiv(Statevector(np.full(4, 0.5)))


def test_a_gate_behind_a_measurement_is_an_error_that_names_both():
    # Seen to fail under end.
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.cx(1, 0)
    with pytest.raises(
        CircuitError, match=r"got instruction 1 \('measure' on qubit 0\) before instruction 2 \('cx'\)"
    ):
        unitary_part(circuit)


def in_two_registers() -> QuantumCircuit:
    """A gate on the second qubit of the second register, the fourth of all."""
    circuit = QuantumCircuit(QuantumRegister(2, "data"), QuantumRegister(2, "anc"), ClassicalRegister(1, "c"))
    circuit.h(3)
    return circuit


def test_what_is_refused_is_said_with_its_register():
    # Seen to fail: numbers alone, and what to do behind a list of other things.
    circuit = in_two_registers()
    circuit.measure(3, 0)
    circuit.h(3)
    with pytest.raises(CircuitError, match=r"'measure' on qubit 3, anc\[1\]\) before .*; measure last"):
        unitary_part(circuit)
    circuit = in_two_registers()
    circuit.reset(3)
    sentence = r"instruction 1 \('reset' on qubits \[3\], anc\[1\]\): .*; prepare before all gates, or"
    with pytest.raises(CircuitError, match=sentence):
        compile(circuit)
    circuit = in_two_registers()
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    with pytest.raises(CircuitError, match=r"'if_else' on qubits \[1\], data\[1\]\): .* on an outcome"):
        compile(circuit)


def test_the_first_resets_and_states_are_unitary():
    state = np.array([0.6, 0, 0, 0.8j])
    circuit = QuantumCircuit(3)
    circuit.reset(0)
    circuit.barrier()
    circuit.initialize(state, [0, 1])
    circuit.h(2)
    expected = Statevector(np.kron([1, 1], state) / 2**0.5)
    assert Statevector(unitary_part(circuit)).equiv(expected)


def test_later_resets_stay_for_the_compiler_to_refuse():
    # Seen to fail under reset.
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.reset(0)
    circuit.reset(1)
    names = [instruction.operation.name for instruction in unitary_part(circuit).data]
    assert names == ["h", "reset", "barrier"]

"""F_C of the bits that a circuit measures, exact and in the limit of its estimator, against the marginal
distribution computed by dense arithmetic; and F_Q, to which measurements at the end make no difference.

The oracle reads ψ and ∂ψ of the reference with strings, outcome by outcome (`interop/jobs.py`). Seen to fail:
all qubits read whatever is measured; the first of two measurements into a bit counted; the bits of one
register only; ∂p∂pᵀ without 1/p.
"""

from __future__ import annotations

import logging

import numpy as np
import pytest
from cases import A, B
from interop.jobs import distribution_slopes, generic, measured, values_for
from numpy.testing import assert_allclose, assert_array_equal
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

import qgeo
from qgeo.errors import CircuitError
from qgeo.estimators import LinCombQFI, SampledCFI

TIGHT = {"rtol": 1e-10, "atol": 1e-12}

READINGS = {
    "all": (3, [(0, 0), (1, 1), (2, 2)]),
    "permuted": (3, [(0, 1), (1, 2), (2, 0)]),
    "one": (1, [(1, 0)]),
    "subset": (2, [(2, 0), (0, 1)]),
    "gaps": (5, [(0, 3), (1, 1)]),
    "one-qubit-twice": (3, [(1, 0), (1, 2)]),
    "bit-overwritten": (2, [(0, 0), (1, 0)]),
    "overwritten-and-kept": (2, [(0, 0), (1, 0), (0, 1)]),
    "overwritten-back": (1, [(0, 0), (1, 0), (0, 0)]),
}
readings = pytest.mark.parametrize("reading", READINGS.values(), ids=list(READINGS))


def marginal_fisher(circuit: QuantumCircuit, values, bits: int, pairs) -> np.ndarray:
    """Σ ∂p∂pᵀ/p over what the register can hold."""
    p, slopes = distribution_slopes(circuit, values, bits, pairs)
    total = np.zeros((len(slopes), len(slopes)))
    for outcome, probability in p.items():
        slope = np.array([own[outcome] for own in slopes])
        total += np.outer(slope, slope) / probability
    return total


@readings
def test_fisher_is_that_of_the_measured_bits(reading):
    circuit = generic(3)
    values, expected = values_for(circuit), marginal_fisher(circuit, values_for(circuit), *reading)
    ended = measured(circuit, reading[0], *reading[1])
    assert_allclose(qgeo.classical_fisher(ended, values), expected, **TIGHT)
    assert_allclose(qgeo.classical_fisher(qgeo.compile(ended), values), expected, **TIGHT)
    limit = SampledCFI().estimate(ended, values, shots=None).matrix
    assert_allclose(limit, expected, rtol=0, atol=1e-8)


@readings
def test_the_quantum_matrices_do_not_see_measurements_and_say_so(reading, caplog):
    circuit = generic(3)
    values, ended = values_for(circuit), measured(circuit, reading[0], *reading[1])
    assert_array_equal(qgeo.quantum_fisher(ended, values), qgeo.quantum_fisher(circuit, values))
    assert len(caplog.messages) == 1
    for function in (qgeo.quantum_geometric_tensor, dense_operator):
        assert_array_equal(function(ended, values), function(circuit, values))
    assert len(caplog.messages) == 3
    assert all("of 3 qubits) are left out" in message for message in caplog.messages)


def dense_operator(circuit: QuantumCircuit, values) -> np.ndarray:
    return qgeo.quantum_fisher_operator(circuit, values, method="gram").to_dense().numpy()


def test_nothing_is_said_where_measurements_count_or_there_are_none(caplog):
    caplog.set_level(logging.INFO)
    circuit = generic(2)
    ended = measured(circuit, 2, (0, 0), (1, 1))
    qgeo.classical_fisher(ended, values_for(circuit))
    qgeo.quantum_fisher(qgeo.compile(ended), values_for(circuit))
    qgeo.quantum_fisher(circuit, values_for(circuit))
    SampledCFI().estimate(ended, values_for(circuit), shots=None)
    assert [record for record in caplog.records if record.name.startswith("qgeo")] == []  # others say passes


def test_fewer_bits_know_less_and_all_qubits_know_what_no_measurement_says():
    circuit = generic(3)
    values = values_for(circuit)
    full = qgeo.classical_fisher(circuit, values)
    assert_array_equal(qgeo.classical_fisher(measured(circuit, 3, (2, 0), (0, 1), (1, 2)), values), full)
    part = qgeo.classical_fisher(measured(circuit, 2, (2, 0), (0, 1)), values)
    assert np.linalg.eigvalsh(full - part).min() > -1e-12
    assert np.abs(full - part).max() > 1e-3


def test_bits_of_all_registers_are_read():
    circuit = generic(3)
    values = values_for(circuit)
    ended = circuit.copy()
    ended.add_register(ClassicalRegister(1, "a"), ClassicalRegister(1, "c"), ClassicalRegister(1, "meas"))
    ended.measure([2, 0], [0, 1])
    assert_allclose(
        qgeo.classical_fisher(ended, values), marginal_fisher(circuit, values, 2, [(2, 0), (0, 1)]), **TIGHT
    )


def test_it_is_the_mean_over_contexts():
    circuit = generic(3)
    ended, values = measured(circuit, 2, (0, 0), (2, 1)), values_for(circuit)
    data = circuit.parameters[1]
    inputs = np.array([[0.3], [1.1], [2.4]])
    rest = np.delete(values, 1)
    by_hand = []
    for [x] in inputs:
        row = np.insert(rest, 1, x)
        own = marginal_fisher(circuit, row, 2, [(0, 0), (2, 1)])
        by_hand.append(np.delete(np.delete(own, 1, 0), 1, 1))
    found = qgeo.classical_fisher(ended, rest, inputs=inputs, input_parameters=[data])
    assert_allclose(found, np.mean(by_hand, 0), **TIGHT)


def test_an_outcome_that_cannot_happen_does_not_count():
    circuit = QuantumCircuit(2, 1)
    circuit.ry(A, 0)
    circuit.ry(B, 1)
    circuit.measure(0, 0)
    assert_allclose(qgeo.classical_fisher(circuit, [0.0, 1.0]), np.zeros((2, 2)), atol=1e-15)
    assert_allclose(qgeo.classical_fisher(circuit, [1e-6, 1.0]), np.diag([1.0, 0.0]), atol=1e-6)


def test_a_measurement_in_the_middle_is_refused_and_both_instructions_are_named():
    circuit = QuantumCircuit(2, 2)
    circuit.ry(A, 0)
    circuit.measure(0, 0)
    circuit.cx(0, 1)
    circuit.measure(1, 1)
    for function in (qgeo.classical_fisher, qgeo.quantum_fisher):
        with pytest.raises(
            CircuitError, match=r"instruction 1 \('measure' on qubit 0\) before instruction 2"
        ):
            function(circuit, [0.3])


def test_what_has_no_effect_may_follow_a_measurement():
    circuit = QuantumCircuit(2, 2)
    circuit.ry(A, 0)
    circuit.measure(0, 0)
    circuit.barrier()
    circuit.id(0)
    circuit.delay(10, 0)
    circuit.ry(B, 1)  # on another qubit: still the end of qubit 0
    circuit.measure([0, 1], [0, 1])
    assert_allclose(qgeo.classical_fisher(circuit, [0.3, 0.4]), np.eye(2), **TIGHT)


# --- preparation, loops ---------------------------------------------------------------------------


def test_first_resets_and_initial_states_are_preparation_everywhere():
    state = [0.6, 0, 0, 0.8j]
    plain, ended = QuantumCircuit(3), QuantumCircuit(3, 3)
    plain.prepare_state(state, [0, 1])
    ended.reset(range(3))
    ended.initialize(state, [0, 1])
    for circuit in (plain, ended):
        circuit.crx(A, 0, 2)
        circuit.ry(B, 1)
    ended.measure(range(3), range(3))
    values = [0.3, 0.7]
    for function in (qgeo.quantum_fisher, qgeo.classical_fisher):
        assert_allclose(function(ended, values), function(plain, values), **TIGHT)
    exact = LinCombQFI().estimate(ended, values, shots=None).matrix
    assert_allclose(exact, qgeo.quantum_fisher(plain, values), rtol=0, atol=1e-8)


def by_loops() -> QuantumCircuit:
    """Loops within a loop and a box, the variable in an angle, a measurement in a loop of its own."""
    circuit = QuantumCircuit(QuantumRegister(2), ClassicalRegister(2))
    circuit.h(0)
    with circuit.for_loop(range(1, 4)) as i:
        circuit.rx(i * A, 0)
        with circuit.for_loop((0, 2)):
            circuit.crz(B, 0, 1)
            circuit.ry(0.3 * i, 1)
    with circuit.box():
        circuit.ry(A, 1)
    with circuit.for_loop((0,)):
        circuit.measure(1, 0)
    return circuit


def by_hand() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    for i in (1, 2, 3):
        circuit.rx(i * A, 0)
        for _ in range(2):
            circuit.crz(B, 0, 1)
            circuit.ry(0.3 * i, 1)
    circuit.ry(A, 1)
    circuit.measure(1, 0)
    return circuit


def test_loops_over_numbers_are_written_out():
    for function in (qgeo.quantum_fisher, qgeo.classical_fisher):
        assert_allclose(function(by_loops(), [0.3, 0.7]), function(by_hand(), [0.3, 0.7]), **TIGHT)
    one, other = (LinCombQFI().estimate(c, [0.3, 0.7], shots=None).matrix for c in (by_loops(), by_hand()))
    assert_allclose(one, other, rtol=0, atol=1e-10)

"""Circuits as columns of commuting Pauli rotations and fixed gates: the same unitary, and what is refused."""

from __future__ import annotations

import cases
import numpy as np
import pytest
import reference
from cases import A, B, C
from estimators.runs import ACCEPTED, BY_NAME, REFUSED, circuit_of, evolves_non_commuting, three_repetitions
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterExpression
from qiskit.circuit import library as lib
from qiskit.quantum_info import Kraus, Operator, SparsePauliOp

from qgeo.circuit.paulis import label
from qgeo.errors import CircuitError
from qgeo.estimators.experiments import append_columns
from qgeo.estimators.pauli_circuit import FixedGates, Layer, pauli_circuit


def rebuilt(circuit: QuantumCircuit, values) -> QuantumCircuit:
    """The circuit made of its columns, at numbers."""
    source = pauli_circuit(circuit)
    result = QuantumCircuit(circuit.num_qubits)
    append_columns(result, source, 0, len(source.columns), source.angles(np.array([values]))[0])
    return result


@pytest.mark.parametrize("case", [case for case in ACCEPTED if case.circuit.num_qubits < 6], ids=str)
def test_columns_are_the_circuit(case):
    # Seen to fail when strings counted as commuting, or fixed gates passed, whatever they are.
    numbers = reference.bind(case.circuit.parameters, case.values)
    first, _ = reference.evolve(case.circuit, numbers, np.eye(2**case.circuit.num_qubits, dtype=complex))
    second = Operator(rebuilt(case.circuit, case.values)).data
    assert_allclose(abs(np.vdot(first, second)) / len(first), 1, rtol=0, atol=1e-10)


def anticommute(first: str, second: str) -> bool:
    """By counting the qubits on which two labels differ and neither is I."""
    pairs = zip(first, second, strict=True)
    return sum(a != b and "I" not in (a, b) for a, b in pairs) % 2 == 1


@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_layers_commute_and_hold_every_term_once(case):
    source = pauli_circuit(case.circuit)
    for layer in source.layers:
        strings = [label(source.terms[term], source.num_qubits) for term in layer.terms]
        assert not any(anticommute(p, q) for p in strings for q in strings)
    terms = [term for layer in source.layers for term in layer.terms]
    assert sorted(terms) == list(range(source.num_terms))


@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_jacobian_is_the_slope_of_the_angles(case):
    # Seen to fail when the weights of terms were left out of T.
    source, step = pauli_circuit(case.circuit), 1e-6
    values = np.asarray(case.values, dtype=float)
    shifted = values + step * np.concatenate([np.eye(len(values)), -np.eye(len(values))])
    up, down = np.split(source.angles(shifted), 2) if len(values) else (np.zeros((0, source.num_terms)),) * 2
    assert_allclose(source.jacobian(values[None])[0], (up - down).T / (2 * step), rtol=1e-6, atol=1e-6)


LAYERS = {  # circuit: numbers of terms in its layers
    "three-repetitions": (three_repetitions(), [4] * 6),
    "iqp": (cases.iqp(3), [6]),
    "moves-back-past-another-qubit": (circuit_of(2, ("rx", A, 0), ("rz", B, 1), ("h", 1), ("rx", C, 0)), [3]),
    "moves-back-past-what-commutes": (circuit_of(2, ("rzz", A, 0, 1), ("rxx", B, 0, 1)), [2]),
    "stays-behind-a-fixed-gate": (circuit_of(1, ("rx", A, 0), ("h", 0), ("rx", B, 0)), [1, 1]),
    "stays-behind-what-does-not-commute": (circuit_of(1, ("rx", A, 0), ("rz", B, 0), ("rx", C, 0)), [1] * 3),
    "crx-has-two-terms": (circuit_of(2, ("crx", A, 0, 1)), [2]),
    "a-barrier-separates-nothing": (circuit_of(1, ("rx", A, 0), ("barrier",), ("rx", B, 0)), [2]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    circuit, expected = LAYERS[name]
    source = pauli_circuit(circuit)
    assert [len(layer.terms) for layer in source.layers] == expected
    assert all(isinstance(column, Layer | FixedGates) for column in source.columns)


def test_terms_of_a_multi_gap_gate():
    source = pauli_circuit(circuit_of(2, ("crx", 3 * A, 0, 1)))
    weights = dict(zip([label(term, 2) for term in source.terms], source.weights.tolist(), strict=True))
    assert weights == pytest.approx({"XI": 0.5, "XZ": -0.5})
    assert_allclose(source.jacobian(np.array([[0.4]]))[0, :, 0] / source.weights, [3, 3])


def test_phases_and_parameters_without_effect_have_no_terms():
    source = pauli_circuit(cases.parameterized_phase())
    assert source.parameters == ("a", "b", "c")
    assert not source.jacobian(np.array([[0.3, 0.4, 0.5]]))[0, :, 2].any()


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REFUSED)
def test_terms_that_do_not_commute_are_refused_by_name_and_position(name):
    position, gate = REFUSED[name]
    with pytest.raises(CircuitError, match=rf"instruction {position} \('{gate}' on qubits .*do not commute"):
        pauli_circuit(BY_NAME[name].circuit)


RANDOM_REFUSED = [case for case in cases.RANDOM_CASES if evolves_non_commuting(case)]


@pytest.mark.parametrize("case", RANDOM_REFUSED, ids=str)
def test_random_circuits_with_such_terms_are_refused(case):
    times = [getattr(step.operation, "time", None) for step in case.circuit.data]
    position = [isinstance(time, ParameterExpression) for time in times].index(True)
    with pytest.raises(CircuitError, match=rf"instruction {position} \('PauliEvolution'"):
        pauli_circuit(case.circuit)


def with_noise() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 1)
    circuit.ry(A, 1)
    circuit.append(Kraus([[[1, 0], [0, 0.6]], [[0, 0.8], [0, 0]]]).to_instruction(), [1])
    return circuit


def with_reset() -> QuantumCircuit:
    return circuit_of(2, ("h", 0), ("ry", A, 0), ("reset", 0))


def with_condition() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rx(A, 0)
    return circuit


def with_preparation() -> QuantumCircuit:
    return circuit_of(1, ("ry", A, 0), ("initialize", [0, 1], 0))


NOT_UNITARY = {
    "kraus": (with_noise, 1, "[1]"),
    "reset": (with_reset, 2, "[0]"),
    "if_else": (with_condition, 0, "[0]"),
    "initialize": (with_preparation, 1, "[0]"),
}


@pytest.mark.parametrize("name", NOT_UNITARY)
def test_what_is_not_unitary_is_refused_by_name_and_position(name):
    build, position, qubits = NOT_UNITARY[name]
    with pytest.raises(CircuitError) as caught:
        pauli_circuit(build())
    assert str(caught.value).startswith(f"instruction {position} ({name!r} on qubits {qubits}): ")


def test_positions_are_those_of_the_circuit_and_of_the_gate_inside():
    inner = circuit_of(1, ("rx", B, 0), ("ry", A, 0))
    inner.append(lib.PauliEvolutionGate(SparsePauliOp(["X", "Z"]), A), [0])
    circuit = circuit_of(2, ("h", 0), ("barrier",))
    circuit.append(inner.to_instruction(), [1])
    with pytest.raises(CircuitError, match=r"instruction 2 .* on qubits \[1\].*: instruction 2 \('PauliEvol"):
        pauli_circuit(circuit)


def test_a_circuit_is_asked_for():
    with pytest.raises(CircuitError, match="expected a QuantumCircuit, got str"):
        pauli_circuit("rx(a) q[0];")
    assert pauli_circuit(QuantumCircuit(1)).num_terms == 0

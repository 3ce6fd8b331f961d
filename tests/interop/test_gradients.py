"""Exact sampler and estimator gradients against the reference, and parameter shift where that is right.

The comment in each test names the planted faults it was seen to fail under, of: factor (gradients doubled),
conjugate (ψ for ψ*), bits (bit 0 the most significant), order (derivatives in circuit order), rows (results
in the order of computing), sign (−i for i in the imaginary part), shared (the first row's observable for
all).
"""

from __future__ import annotations

import numpy as np
import pytest
import reference
from cases import A
from interop.jobs import SHOWN, distribution_slopes, generic, measured, values_for
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import library as lib
from qiskit.converters import circuit_to_dag
from qiskit.quantum_info import Operator, Pauli, SparsePauliOp, random_hermitian
from qiskit_machine_learning.gradients import (
    DerivativeType,
    LinCombEstimatorGradient,
    ParamShiftEstimatorGradient,
    ParamShiftSamplerGradient,
)
from qiskit_machine_learning.neural_networks import EstimatorQNN, SamplerQNN
from qiskit_machine_learning.primitives import QMLEstimator, QMLSampler

from qgeo.errors import CircuitError, ConfigurationError, ShapeError
from qgeo.interop import ExactEstimatorGradient, ExactSamplerGradient

TIGHT = {"rtol": 1e-10, "atol": 1e-12}
PARTS = {DerivativeType.REAL: np.real, DerivativeType.IMAG: np.imag, DerivativeType.COMPLEX: np.asarray}
READINGS = {
    "all": (3, [(0, 0), (1, 1), (2, 2)]),
    "permuted": (3, [(0, 1), (1, 2), (2, 0)]),
    "subset": (2, [(2, 0), (0, 1)]),
    "one-qubit": (1, [(1, 0)]),
    "gaps": (5, [(0, 3), (2, 1)]),
}


def assert_same(found: list[dict[int, float]], expected: list[dict[int, float]]) -> None:
    """The same outcomes, and the same slopes."""
    for own, wanted in zip(found, expected, strict=True):
        assert set(own) == set(wanted)
        assert_allclose([own[outcome] for outcome in wanted], list(wanted.values()), **TIGHT)


# --- sampler --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", SHOWN, ids=str)
def test_outcome_gradients_of_every_gate(case):
    # Seen to fail under factor, conjugate.
    n = case.circuit.num_qubits
    pairs = [(qubit, qubit) for qubit in range(n)]
    [found] = (
        ExactSamplerGradient().run([measured(case.circuit, n, *pairs)], [case.values]).result().gradients
    )
    idle = circuit_to_dag(case.circuit).idle_wires(ignore=["barrier", "delay"])
    never = sum(1 << case.circuit.find_bit(qubit).index for qubit in idle)
    slopes = distribution_slopes(case.circuit, case.values, n, pairs)[1]
    assert_same(found, [{y: slope for y, slope in row.items() if not y & never} for row in slopes])


@pytest.mark.parametrize("reading", READINGS.values(), ids=list(READINGS))
def test_outcome_gradients_follow_the_classical_bits(reading):
    # Seen to fail under factor, conjugate, bits.
    bits, pairs = reading
    circuit = generic(3)
    values = values_for(circuit)
    [found] = ExactSamplerGradient().run(measured(circuit, bits, *pairs), [values]).result().gradients
    assert_same(found, distribution_slopes(circuit, values, bits, pairs)[1])


def test_outcome_gradients_agree_with_parameter_shift():
    # Seen to fail under factor, conjugate. Theirs leaves out outcomes that it has not seen.
    circuit = lib.efficient_su2(3, reps=1)
    circuit.measure_all()
    values = values_for(circuit)
    theirs = ParamShiftSamplerGradient(QMLSampler()).run([circuit], [values]).result()
    ours = ExactSamplerGradient().run([circuit], [values]).result()
    for own, other in zip(ours.gradients[0], theirs.gradients[0], strict=True):
        assert_allclose([own[y] for y in range(8)], [other.get(y, 0.0) for y in range(8)], atol=1e-9)
    assert ours.metadata == [[{"parameters": circuit.parameters}]]


def test_bits_that_are_never_written_are_zero():
    # Theirs, on its exact sampler, says outcomes 0 and 1 here.
    circuit = QuantumCircuit(2, 2)
    circuit.rx(A, 0)
    circuit.measure(0, 1)
    [[found]] = ExactSamplerGradient().run([circuit], [[0.3]]).result().gradients
    assert_same([found], [{0: -np.sin(0.3) / 2, 2: np.sin(0.3) / 2}])


def test_a_sampler_job_keeps_its_order():
    # Seen to fail under order, rows.
    first, second = generic(2), generic(3, 3)
    pairs = [(0, 1), (1, 0)]
    unitary = (first, second, first, first)
    circuits = [measured(circuit, 2, *pairs) for circuit in unitary]
    values = [values_for(circuit, seed) for seed, circuit in enumerate(unitary)]
    chosen = [None, None, [first.parameters[3], first.parameters[1]], None]
    result = ExactSamplerGradient().run(circuits, values, chosen).result()
    slopes = [
        distribution_slopes(circuit, row, 2, pairs)[1] for circuit, row in zip(unitary, values, strict=True)
    ]
    assert_same(result.gradients[2], [slopes[2][3], slopes[2][1]])
    for row in (0, 1, 3):
        assert_same(result.gradients[row], slopes[row])


def test_options_are_passed_through():
    gradient = ExactSamplerGradient(options={"shots": 10})
    circuit = measured(generic(2), 1, (0, 0))
    result = gradient.run([circuit], [values_for(circuit)], seed=3).result()
    assert dict(result.options) == {"shots": 10, "seed": 3}
    assert dict(gradient.options) == {"shots": 10}
    assert dict(ExactEstimatorGradient().options) == {}


def test_mistakes_of_a_sampler_job():
    circuit = QuantumCircuit(1, 1)
    circuit.rx(A, 0)
    gradient = ExactSamplerGradient()
    with pytest.raises(CircuitError, match="expected a circuit that measures"):
        gradient.run([circuit], [[0.1]]).result()
    circuit.measure(0, 0)
    with pytest.raises(ShapeError, match="expected finite inputs"):
        gradient.run([circuit], [[np.inf]]).result()
    with pytest.raises(ValueError, match="does not match"):
        gradient.run([circuit], [[0.1], [0.2]])
    circuit.reset(0)
    with pytest.raises(CircuitError, match=r"measurements at the end .* before instruction 2 \('reset'\)"):
        gradient.run([circuit], [[0.1]]).result()


def test_control_flow_is_refused():
    circuit = QuantumCircuit(2, 1)
    circuit.rx(A, 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    with pytest.raises(CircuitError, match=r"instruction 2 \('if_else' on qubits \[1\]\)"):
        ExactSamplerGradient().run([circuit], [[0.1]]).result()


# --- estimator ------------------------------------------------------------------------------------


def overlaps(circuit: QuantumCircuit, values, matrix: np.ndarray) -> np.ndarray:
    """2⟨ψ|O|∂ψ⟩ from the reference."""
    psi, dpsi = reference.state_and_tangents(circuit, values)
    return 2 * dpsi @ (psi.conj() @ matrix)


@pytest.mark.parametrize("case", SHOWN, ids=str)
def test_expectation_gradients_of_every_gate(case):
    # Seen to fail under factor, conjugate, sign.
    observable = Operator(random_hermitian(2**case.circuit.num_qubits, seed=1))
    gradient = ExactEstimatorGradient(derivative_type=DerivativeType.COMPLEX)
    [found] = gradient.run([case.circuit], [observable], [case.values]).result().gradients
    assert_allclose(found, overlaps(case.circuit, case.values, observable.data), **TIGHT)


@pytest.mark.parametrize("kind", DerivativeType)
@pytest.mark.parametrize(
    "observable", [SparsePauliOp(["XYZ", "ZIY", "III"], [0.4, -1.1, 2.0]), Pauli("XZY")], ids=["sum", "one"]
)
def test_expectation_gradients_by_kind_of_observable(observable, kind):
    # Seen to fail under factor, conjugate, sign.
    circuit = generic(3)
    values, gradient = values_for(circuit), ExactEstimatorGradient(derivative_type=kind)
    [found] = gradient.run(circuit, observable, [values]).result().gradients
    assert_allclose(found, PARTS[kind](overlaps(circuit, values, observable.to_matrix())), **TIGHT)


@pytest.mark.parametrize("kind", DerivativeType)
def test_expectation_gradients_agree_with_theirs(kind):
    # Seen to fail under factor, conjugate, sign.
    circuit = lib.efficient_su2(2, reps=1)
    observable, values = SparsePauliOp(["XZ", "YY"], [0.5, 1.5]), values_for(circuit)
    theirs = LinCombEstimatorGradient(QMLEstimator(), derivative_type=kind)
    expected = theirs.run([circuit], [observable], [values]).result()
    ours = ExactEstimatorGradient(derivative_type=kind).run([circuit], [observable], [values]).result()
    assert_allclose(ours.gradients[0], expected.gradients[0], atol=1e-9)
    assert ours.metadata == expected.metadata
    assert ours.options == expected.options
    if kind == DerivativeType.REAL:
        shifted = ParamShiftEstimatorGradient(QMLEstimator())
        [other] = shifted.run([circuit], [observable], [values]).result().gradients
        assert_allclose(ours.gradients[0], other, atol=1e-9)


def test_an_estimator_job_keeps_its_order():
    # Seen to fail under order, rows, shared.
    first, second = generic(2), generic(3, 3)
    circuits = [first, second, first]
    observables = [SparsePauliOp("ZX"), SparsePauliOp("YZX"), SparsePauliOp("XX")]
    values = [values_for(circuit, seed) for seed, circuit in enumerate(circuits)]
    chosen = [None, [second.parameters[2], second.parameters[0]], None]
    found = ExactEstimatorGradient().run(circuits, observables, values, chosen).result().gradients
    expected = [
        overlaps(circuit, row, observable.to_matrix()).real
        for circuit, row, observable in zip(circuits, values, observables, strict=True)
    ]
    assert_allclose(found[0], expected[0], **TIGHT)
    assert_allclose(found[1], expected[1][[2, 0]], **TIGHT)
    assert_allclose(found[2], expected[2], **TIGHT)


def test_mistakes_of_an_estimator_job():
    circuit = QuantumCircuit(1, 1)
    circuit.ry(A.log(), 0)
    gradient, z = ExactEstimatorGradient(), SparsePauliOp("Z")
    with pytest.raises(ConfigurationError, match="expected Hermitian observables"):
        gradient.run([circuit], [SparsePauliOp("Z", 1j)], [[0.1]]).result()
    with pytest.raises(ShapeError, match="inside the domain"):
        gradient.run([circuit], [z], [[-0.1]]).result()
    circuit.measure(0, 0)
    circuit.h(0)
    with pytest.raises(CircuitError, match=r"instruction 1 \('measure' on qubit 0\) before instruction 2"):
        gradient.run([circuit], [z], [[0.1]]).result()


def test_an_estimator_job_leaves_measurements_at_the_end_out(caplog):
    circuit = generic(2)
    values, xz = values_for(circuit), SparsePauliOp("XZ")
    [expected] = ExactEstimatorGradient().run([circuit], [xz], [values]).result().gradients
    [found] = ExactEstimatorGradient().run([measured(circuit, 1, (1, 0))], [xz], [values]).result().gradients
    assert_allclose(found, expected, **TIGHT)
    assert "(1 of 2 qubits) are left out" in caplog.text


# --- inside their networks ------------------------------------------------------------------------


def test_inside_a_sampler_qnn():
    # Seen to fail under factor, conjugate.
    circuit = generic(2, 4)
    x, w = list(circuit.parameters)[:2], list(circuit.parameters)[2:]
    shared = {"circuit": circuit, "input_params": x, "weight_params": w, "input_gradients": True}
    ours = SamplerQNN(**shared, gradient=ExactSamplerGradient())
    inputs, weights = np.random.default_rng(0).uniform(0.2, 1.5, (3, 2)), [0.4, 1.3]
    by_input, by_weight = ours.backward(inputs, weights)
    for row, own_input, own_weight in zip(inputs, by_input, by_weight, strict=True):
        pairs = [(0, 0), (1, 1)]
        slopes = distribution_slopes(circuit, [*row, *weights], 2, pairs)[1]
        expected = np.array([[own[y] for own in slopes] for y in range(4)])
        assert_allclose(np.hstack([own_input, own_weight]), expected, **TIGHT)


def test_inside_an_estimator_qnn():
    # Seen to fail under factor, conjugate, shared.
    circuit = generic(2, 4)
    x, w = list(circuit.parameters)[:2], list(circuit.parameters)[2:]
    observables = [SparsePauliOp("ZX"), SparsePauliOp("YI")]
    ours = EstimatorQNN(
        circuit=circuit,
        estimator=QMLEstimator(),
        observables=observables,
        input_params=x,
        weight_params=w,
        gradient=ExactEstimatorGradient(),
    )
    inputs, weights = np.random.default_rng(0).uniform(0.2, 1.5, (3, 2)), [0.4, 1.3]
    _, by_weight = ours.backward(inputs, weights)
    expected = [
        [overlaps(circuit, [*row, *weights], o.to_matrix()).real[2:] for o in observables] for row in inputs
    ]
    assert_allclose(by_weight, expected, **TIGHT)


NETWORKS = {
    "inputs-and-weights": {"input_params": 2, "weight_params": 2, "input_gradients": True},
    "weights-alone-wanted": {"input_params": 2, "weight_params": 2, "input_gradients": False},
    "no-inputs": {"input_params": 0, "weight_params": 4, "input_gradients": True},
    "no-weights": {"input_params": 4, "weight_params": 0, "input_gradients": True},
}


@pytest.mark.parametrize("observables", [1, 3])
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_an_estimator_qnn_is_as_with_its_default_gradient(network: dict, observables: int):
    # Seen to fail under factor, shared.
    circuit = lib.real_amplitudes(2, reps=1)
    parameters, count = list(circuit.parameters), network["input_params"]
    shared = network | {
        "circuit": circuit,
        "input_params": parameters[:count],
        "weight_params": parameters[count:],
        "observables": [SparsePauliOp("ZX"), SparsePauliOp("YI"), SparsePauliOp("XX", 0.5)][:observables],
        "default_precision": 0.0,
    }
    ours, theirs = EstimatorQNN(**shared, gradient=ExactEstimatorGradient()), EstimatorQNN(**shared)
    assert isinstance(theirs.gradient, ParamShiftEstimatorGradient)
    draw = np.random.default_rng(0)
    inputs = draw.uniform(-1, 1, (3, count)) if count else None
    weights = draw.uniform(-1, 1, len(parameters) - count)
    assert_allclose(ours.forward(inputs, weights), theirs.forward(inputs, weights), rtol=0, atol=1e-10)
    for own, expected in zip(ours.backward(inputs, weights), theirs.backward(inputs, weights), strict=True):
        assert (own is None) == (expected is None)
        if expected is not None:
            assert own.shape == expected.shape
            assert_allclose(own, expected, rtol=0, atol=1e-10)

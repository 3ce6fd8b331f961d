"""What `SamplerQNN` has beside its numbers, on `CircuitNetwork`: attributes, amplitudes, sparse output."""

from __future__ import annotations

from enum import Enum

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_machine_learning.circuit.library import raw_feature_vector
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.gradients import DerivativeType
from qiskit_machine_learning.neural_networks import EstimatorQNN, SamplerQNN
from qiskit_machine_learning.primitives import QMLEstimator, QMLSampler

from qgeo.errors import ConfigurationError
from qgeo.interop import (
    CircuitNetwork,
    ExactEstimatorGradient,
    ExactQGT,
    ExactSamplerGradient,
    network_metric,
)

WEIGHTS = [0.1, 0.2, 0.3, 0.4]
ANSATZ = real_amplitudes(2, reps=1)
DATA = raw_feature_vector(4)
ENCODED = DATA.compose(ANSATZ)
ROWS = np.random.default_rng(1).normal(size=(3, 4))


def bound_state(row, weights) -> Statevector:
    return Statevector(row / np.linalg.norm(row)).evolve(ANSATZ.assign_parameters(weights))


def test_attributes_are_those_of_the_constructor():
    features = zz_feature_map(2)
    circuit = features.compose(ANSATZ)
    network = CircuitNetwork(circuit, input_params=features.parameters)
    theirs = SamplerQNN(
        circuit=circuit,
        input_params=features.parameters,
        weight_params=ANSATZ.parameters,
        sampler=QMLSampler(),
    )
    assert network.circuit is circuit
    assert network.input_params == list(theirs.input_params)
    assert network.weight_params == list(theirs.weight_params)
    assert network.num_virtual_qubits == theirs.num_virtual_qubits == 2
    assert network.interpret(3) == 3
    assert isinstance(network.gradient, ExactSamplerGradient)
    assert not network.sparse


def test_the_order_of_weights_is_that_which_was_asked_for():
    order = list(reversed(ANSATZ.parameters))
    assert CircuitNetwork(ANSATZ, weight_params=order).weight_params == order


def test_another_output_can_be_set():
    # Seen to fail: the shape set and the old outcomes folded.
    network = CircuitNetwork(ANSATZ)
    whole = network.forward([], WEIGHTS)
    network.set_interpret(lambda outcome: outcome.bit_count() % 2, 2)
    assert network.output_shape == (2,)
    assert_allclose(
        network.forward([], WEIGHTS), [[whole[0, [0, 3]].sum(), whole[0, [1, 2]].sum()]], atol=1e-14
    )
    assert network.backward([], WEIGHTS)[1].shape == (1, 2, 4)
    network.set_interpret()
    assert_array_equal(network.forward([], WEIGHTS), whole)


# --- amplitudes -----------------------------------------------------------------------------------


def test_weights_behind_amplitudes_have_exact_outputs_and_gradients():
    network = CircuitNetwork(ENCODED, input_params=DATA.parameters)
    assert network.num_inputs == 4
    expected = [bound_state(row, WEIGHTS).probabilities() for row in ROWS]
    assert_allclose(network.forward(ROWS, WEIGHTS), expected, atol=1e-13)
    slopes = network.backward(ROWS, WEIGHTS)[1]
    step = 1e-6 * np.eye(4)
    for i, shift in enumerate(step):
        up, down = (
            np.array([bound_state(row, WEIGHTS + sign * shift).probabilities() for row in ROWS])
            for sign in (1, -1)
        )
        assert_allclose(slopes[..., i], (up - down) / 2e-6, atol=1e-8)


def test_amplitudes_pass_through_a_connector_and_its_metric():
    network = CircuitNetwork(ENCODED, input_params=DATA.parameters)
    model = TorchConnector(network, WEIGHTS)
    inputs = torch.tensor(ROWS, dtype=torch.float32)
    model(inputs)[:, 0].sum().backward()
    expected = network.backward(ROWS, WEIGHTS)[1][:, 0].sum(0)
    assert_allclose(model.weight.grad, expected, atol=1e-6)
    metric = network_metric(model)(model, inputs.double(), None).to_dense()
    assert metric.shape == (4, 4)
    by_row = [network.information("quantum", row[None], WEIGHTS).to_dense().numpy() for row in ROWS]
    assert_allclose(metric, np.mean(by_row, 0), atol=1e-6)


def test_amplitudes_in_their_networks_with_our_gradients():
    ours = CircuitNetwork(ENCODED, input_params=DATA.parameters)
    theirs = SamplerQNN(
        circuit=ENCODED,
        input_params=list(DATA.parameters),
        weight_params=list(ANSATZ.parameters),
        sampler=QMLSampler(),
        gradient=ExactSamplerGradient(),
    )
    unit = ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True)
    assert_allclose(theirs.backward(unit, WEIGHTS)[1], ours.backward(ROWS, WEIGHTS)[1], atol=1e-12)
    estimated = EstimatorQNN(
        circuit=ENCODED,
        input_params=list(DATA.parameters),
        weight_params=list(ANSATZ.parameters),
        observables=SparsePauliOp("ZI"),
        estimator=QMLEstimator(),
        gradient=ExactEstimatorGradient(),
    )
    signs = np.array([1, 1, -1, -1])
    expected = np.einsum("o,bow->bw", signs, ours.backward(ROWS, WEIGHTS)[1])
    assert_allclose(estimated.backward(unit, WEIGHTS)[1][:, 0], expected, atol=1e-12)


def test_input_gradients_of_amplitudes_are_refused():
    network = CircuitNetwork(ENCODED, input_params=DATA.parameters, input_gradients=True)
    with pytest.raises(ConfigurationError, match="expected no input_gradients where inputs are amplitudes"):
        network.backward(ROWS, WEIGHTS)


# --- sparse ---------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")  # torch's, of the connector's tensors
def test_sparse_output_is_the_same_output():
    sparse = pytest.importorskip("sparse")
    x = ParameterVector("x", 2)
    circuit = QuantumCircuit(2)
    circuit.ry(x[0], 0)
    circuit.compose(ANSATZ, inplace=True)
    circuit.rz(x[1], 0)
    dense, thin = (
        CircuitNetwork(circuit, input_params=x, input_gradients=True, sparse=kind) for kind in (False, True)
    )
    inputs = [[0.3, 0.4], [0.1, 0.2]]
    assert thin.sparse
    assert isinstance(thin.forward(inputs, WEIGHTS), sparse.COO)
    assert_array_equal(thin.forward(inputs, WEIGHTS).todense(), dense.forward(inputs, WEIGHTS))
    for found, expected in zip(thin.backward(inputs, WEIGHTS), dense.backward(inputs, WEIGHTS), strict=True):
        assert_array_equal(found.todense(), expected)
    model = TorchConnector(thin, WEIGHTS)
    output = model(torch.tensor(inputs))
    assert_allclose(output.to_dense().detach(), dense.forward(inputs, WEIGHTS), atol=1e-6)


def test_sparse_output_without_its_package_is_refused(monkeypatch):
    monkeypatch.setattr("qgeo.interop.circuit_network.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match="expected the package sparse"):
        CircuitNetwork(ANSATZ, sparse=True)


# --- keywords of qiskit-algorithms ----------------------------------------------------------------


def test_keywords_of_qiskit_algorithms_are_accepted():
    circuit, z = real_amplitudes(1, reps=0), SparsePauliOp("Z")
    [[slope]] = (
        ExactEstimatorGradient(QMLEstimator(), precision=0.1, transpiler=object())
        .run([circuit], [z], [[0.3]], precision=0.2)
        .result()
        .gradients
    )
    assert slope == pytest.approx(-np.sin(0.3), abs=1e-14)
    assert (
        ExactEstimatorGradient(QMLEstimator(), 0.1).run([circuit], [z], [[0.3]]).result().gradients[0]
        == slope
    )
    circuit.measure_all()
    [[by_outcome]] = (
        ExactSamplerGradient(QMLSampler(), 100, transpiler=object(), transpiler_options={})
        .run([circuit], [[0.3]], shots=100)
        .result()
        .gradients
    )
    assert by_outcome[0] == pytest.approx(-np.sin(0.3) / 2, abs=1e-14)


@pytest.mark.parametrize(
    ("given", "later", "expected"), [(None, None, 0.0), (0.1, None, 0.1), (0.1, 0.2, 0.2), (None, 0.3, 0.3)]
)
def test_a_tensors_precision_is_the_one_asked_for(given, later, expected):
    tensor = ExactQGT(QMLEstimator(), precision=given, transpiler=object(), transpiler_options={})
    result = tensor.run([real_amplitudes(1, reps=0)], [[0.3]], precision=later).result()
    assert result.precision == expected
    assert_allclose(result.qgts[0], [[0.25]], atol=1e-14)


class Kind(Enum):
    """Stands for qiskit-algorithms' DerivativeType: the same names, another class."""

    REAL = "real"
    IMAG = "imag"
    COMPLEX = "complex"


@pytest.mark.parametrize("name", ["REAL", "IMAG", "COMPLEX"])
def test_derivative_types_of_qiskit_algorithms_mean_the_same(name):
    # Seen to fail: types compared, so that REAL and IMAG gave the complex tensor.
    circuit, values, z = real_amplitudes(2, reps=1), [WEIGHTS], SparsePauliOp("ZI")
    circuit.rz(circuit.parameters[0], 0)
    tensors = [
        ExactQGT(derivative_type=kind).run([circuit], values).result().qgts[0]
        for kind in (Kind[name], DerivativeType[name])
    ]
    assert_array_equal(*tensors)
    assert tensors[0].dtype == tensors[1].dtype
    slopes = [
        ExactEstimatorGradient(derivative_type=kind).run([circuit], [z], values).result().gradients[0]
        for kind in (Kind[name], DerivativeType[name])
    ]
    assert_array_equal(*slopes)

"""CircuitNetwork against the reference and SamplerQNN, and trained through a TorchConnector.

The comment in each test names the planted faults it was seen to fail under, of: factor (derivatives doubled),
bits (bit 0 the most significant), weights (weights in circuit order), inputs (input gradients for weight
gradients), fold (an outcome's probability overwritten where indices meet).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from interop.jobs import distribution_slopes, generic, measured
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Statevector
from qiskit_machine_learning.algorithms import NeuralNetworkClassifier
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.neural_networks import SamplerQNN
from qiskit_machine_learning.optimizers import ADAM

from qgeo.errors import CircuitError, ConfigurationError, ShapeError
from qgeo.interop import CircuitNetwork

TIGHT = {"rtol": 1e-10, "atol": 1e-12}
READINGS = {
    "unmeasured": (3, [(0, 0), (1, 1), (2, 2)]),
    "permuted": (3, [(0, 1), (1, 2), (2, 0)]),
    "subset": (2, [(2, 0), (0, 1)]),
    "gaps": (5, [(0, 3), (2, 1)]),
}
CIRCUIT = generic(3)
THETA = list(CIRCUIT.parameters)
DATA, WEIGHTS = [THETA[3], THETA[0]], [THETA[4], THETA[1], THETA[2]]
INPUTS = np.random.default_rng(0).uniform(0.2, 1.5, (4, 2))
NUMBERS = np.array([0.4, 1.3, 0.8])


def in_circuit_order(row) -> list[float]:
    """Values for CIRCUIT from a row of inputs and NUMBERS."""
    by_parameter = dict(zip([*DATA, *WEIGHTS], [*row, *NUMBERS], strict=True))
    return [by_parameter[p] for p in CIRCUIT.parameters]


def expected(bits: int, pairs: list[tuple[int, int]], size: int) -> tuple[np.ndarray, np.ndarray]:
    """p (B, size) and ∂p (B, size, P) over DATA, then WEIGHTS."""
    probabilities, jacobian = np.zeros((len(INPUTS), size)), np.zeros((len(INPUTS), size, 5))
    columns = [THETA.index(p) for p in [*DATA, *WEIGHTS]]
    for b, row in enumerate(INPUTS):
        p, slopes = distribution_slopes(CIRCUIT, in_circuit_order(row), bits, pairs)
        for outcome, probability in p.items():
            probabilities[b, outcome] = probability
            jacobian[b, outcome] = [slopes[column][outcome] for column in columns]
    return probabilities, jacobian


def network(circuit: QuantumCircuit = CIRCUIT, **options) -> CircuitNetwork:
    return CircuitNetwork(
        circuit, **({"input_params": DATA, "weight_params": WEIGHTS, "input_gradients": True} | options)
    )


@pytest.mark.parametrize("name", READINGS)
def test_probabilities_and_derivatives_match_the_reference(name):
    # Seen to fail under factor, bits, weights, inputs, fold.
    bits, pairs = READINGS[name]
    own = network(CIRCUIT if name == "unmeasured" else measured(CIRCUIT, bits, *pairs))
    size = {"gaps": 16}.get(name, 8)
    p, jacobian = expected(bits, pairs, size)
    assert own.output_shape == (size,)
    assert_allclose(own.forward(INPUTS, NUMBERS), p, **TIGHT)
    by_input, by_weight = own.backward(INPUTS, NUMBERS)
    assert_allclose(by_input, jacobian[..., :2], **TIGHT)
    assert_allclose(by_weight, jacobian[..., 2:], **TIGHT)


def parity(outcome: int) -> int:
    return outcome.bit_count() % 2


def grid(outcome: int) -> tuple[int, int]:
    return outcome % 2, outcome // 4


def is_even(outcome: int) -> bool:
    return outcome % 2 == 0


@pytest.mark.parametrize(("interpret", "shape"), [(parity, 2), (parity, (3,)), (grid, (2, 2)), (is_even, 2)])
def test_it_gives_what_sampler_qnn_gives(interpret, shape):
    # Seen to fail under factor, weights, inputs, fold.
    options = {"input_params": DATA, "weight_params": WEIGHTS, "interpret": interpret, "output_shape": shape}
    simple = QuantumCircuit(3)  # of gates that the parameter shift rule of theirs can do
    for qubit, angle in enumerate([*DATA, *WEIGHTS]):
        simple.ry(angle, qubit % 3)
        simple.rzz(angle, qubit % 3, (qubit + 1) % 3)
        simple.rx(angle, qubit % 3)
    theirs = SamplerQNN(circuit=simple, **options, input_gradients=True)
    ours = CircuitNetwork(simple, **options, input_gradients=True)
    assert ours.output_shape == theirs.output_shape
    assert_allclose(ours.forward(INPUTS, NUMBERS), theirs.forward(INPUTS, NUMBERS), atol=1e-9)
    for own, other in zip(ours.backward(INPUTS, NUMBERS), theirs.backward(INPUTS, NUMBERS), strict=True):
        assert_allclose(own, other, atol=1e-9)


def test_one_row_and_more_dimensions():
    own = network(input_gradients=False)
    rows = own.forward(INPUTS, NUMBERS)
    assert_allclose(own.forward(INPUTS[1], NUMBERS), rows[1:2], **TIGHT)
    assert_allclose(own.forward(INPUTS.reshape(2, 2, 2), NUMBERS), rows.reshape(2, 2, 8), **TIGHT)
    by_input, by_weight = own.backward(INPUTS.reshape(2, 2, 2), NUMBERS)
    assert by_input is None
    assert by_weight.shape == (2, 2, 8, 3)


def test_without_inputs_or_without_weights():
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(1)
    circuit.ry(a, 0)
    circuit.ry(b, 0)
    trained, fed = CircuitNetwork(circuit), CircuitNetwork(circuit, input_params=[b, a])
    state = Statevector(circuit.assign_parameters([0.3, 0.4])).probabilities()
    assert_allclose(trained.forward(None, [0.3, 0.4]), [state], **TIGHT)
    assert_allclose(trained.forward(np.zeros((2, 0)), [0.3, 0.4]), [state, state], **TIGHT)
    assert trained.backward(np.zeros(0), [0.3, 0.4])[1].shape == (1, 2, 2)
    assert_allclose(fed.forward([0.4, 0.3], None), [state], **TIGHT)
    assert fed.backward([0.4, 0.3], []) == (None, None)


def test_chunks_change_nothing(monkeypatch):
    whole = network().backward(INPUTS, NUMBERS)
    monkeypatch.setattr("qgeo.interop.circuit_network.MEMORY_BUDGET", 100_000)
    for own, other in zip(network().backward(INPUTS, NUMBERS), whole, strict=True):
        assert_allclose(own, other, **TIGHT)


# --- trained --------------------------------------------------------------------------------------


def test_a_torch_connector_differentiates_it_and_the_layers_before_it():
    # Seen to fail under factor, inputs.
    torch.manual_seed(0)
    first = torch.nn.Linear(3, 2)
    model = torch.nn.Sequential(first, TorchConnector(network(), NUMBERS))
    features, targets = torch.rand(5, 3), torch.tensor([0, 3, 1, 7, 2])
    torch.nn.functional.nll_loss(model(features).log(), targets).backward()
    inputs = first(features).detach().numpy()
    base = CIRCUIT.assign_parameters(dict(zip(WEIGHTS, NUMBERS, strict=True)))

    def loss(rows: np.ndarray) -> float:
        bound = [base.assign_parameters(dict(zip(DATA, row, strict=True))) for row in rows]
        p = [Statevector(circuit).probabilities()[t] for circuit, t in zip(bound, targets, strict=True)]
        return -float(np.log(p).mean())

    step = 1e-4
    by_bias = [(loss(inputs + shift) - loss(inputs - shift)) / (2 * step) for shift in step * np.eye(2)]
    assert_allclose(first.bias.grad, by_bias, rtol=1e-3, atol=1e-5)


def test_a_torch_connector_trains_it():
    # Seen to fail under weights.
    torch.manual_seed(1)
    model = TorchConnector(network(interpret=parity, output_shape=2), NUMBERS)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    features, targets = torch.as_tensor(INPUTS, dtype=torch.float32), torch.tensor([0, 1, 1, 0])
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = torch.nn.functional.nll_loss(model(features).log(), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.05


def test_a_neural_network_classifier_trains_it():
    # Seen to fail under weights.
    own = network(interpret=parity, output_shape=2, input_gradients=False)
    labels = np.array([0, 1, 1, 0])
    classifier = NeuralNetworkClassifier(
        own, loss="cross_entropy", one_hot=True, optimizer=ADAM(maxiter=30, lr=0.1), initial_point=NUMBERS
    )
    classifier.fit(INPUTS, labels)

    def loss(weights) -> float:
        return -float(np.log(own.forward(INPUTS, weights)[range(4), labels]).mean())

    assert loss(classifier.weights) < loss(NUMBERS) - 0.05


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"weight_params": WEIGHTS[:2]}, ShapeError, "expected weight_params to be the circuit's parameters"),
        ({"input_params": ["no"]}, ShapeError, "expected input parameters of the circuit"),
        ({"interpret": parity}, ConfigurationError, "interpret and output_shape together"),
        ({"output_shape": 2}, ConfigurationError, "interpret and output_shape together"),
        ({"interpret": parity, "output_shape": 1}, ConfigurationError, "got 1 for outcome 1"),
        ({"interpret": grid, "output_shape": 4}, ConfigurationError, r"output of shape \(4,\), got \(0, 0\)"),
        ({"interpret": lambda y: y / 2, "output_shape": 8}, ConfigurationError, "got 0.0 for outcome 0"),
    ],
)
def test_a_network_that_cannot_be_made(options, error, message):
    with pytest.raises(error, match=message):
        network(**options)


def test_circuits_that_cannot_be_networks():
    with pytest.raises(CircuitError, match="expected a QuantumCircuit"):
        CircuitNetwork("circuit")
    circuit = measured(CIRCUIT, 1, (0, 0))
    circuit.x(0)
    with pytest.raises(CircuitError, match="expected measurements at the end"):
        network(circuit)


def test_numbers_that_do_not_fit():
    own = network()
    with pytest.raises(ShapeError, match="expected 3 weights, got 0"):
        own.forward(INPUTS, None)
    with pytest.raises(ShapeError, match="expected inputs of shape"):
        own.forward(None, NUMBERS)
    with pytest.raises(ShapeError, match="expected finite inputs, got nan"):
        own.forward([[np.nan, 0.0]], NUMBERS)
    with pytest.raises(ShapeError, match="expected finite values, got inf"):
        own.backward(INPUTS, [0.1, np.inf, 0.2])

"""Energies from shots: exact in their limit, within their standard errors, booked as they were sent."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import efficient_su2
from qiskit.primitives import BackendEstimatorV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator

from qgeo import Expectation, NaturalGradient, quantum_fisher
from qgeo.errors import CircuitError, ConfigurationError
from qgeo.estimators import LinCombQFI, RunningAverage
from qgeo.estimators.execution import Executor
from qgeo.modules.fisher import module_metric
from qgeo.observables.measured import MeasuredExpectation
from qgeo.optim.trust_region import QuadraticTrustRegion

HAMILTONIAN = SparsePauliOp(["ZZ", "XX", "YI", "IY", "II", "XZ"], [0.7, -0.4, 0.2, 0.3, 1.5, 0.25])
OBSERVABLES = [HAMILTONIAN, "ZI", "YY"]


def without_data() -> Expectation:
    return Expectation(efficient_su2(2, reps=1), OBSERVABLES, values=np.linspace(0.2, 1.3, 8))


def with_data() -> Expectation:
    x, t = ParameterVector("a", 2), ParameterVector("t", 3)
    circuit = QuantumCircuit(2)
    circuit.ry(t[1], 0)
    circuit.rx(x[0] * t[0], 1)
    circuit.cx(0, 1)
    circuit.rzz(x[1], 0, 1)
    circuit.ry(t[2], 1)
    return Expectation(circuit, OBSERVABLES, input_parameters=x, values=[0.3, 0.8, 1.1])


INPUTS = torch.tensor([[0.4, 0.9], [1.2, -0.3], [0.4, 0.9]], dtype=torch.float64)
CASES = [(without_data, None), (with_data, INPUTS)]


def executor(seed: int = 0) -> Executor:
    return Executor(generator=np.random.default_rng(seed))


def outcome(module, inputs) -> tuple[torch.Tensor, ...]:
    """Energies, and the gradients of a weighted sum of them."""
    given = None if inputs is None else inputs.clone().requires_grad_()
    values = getattr(module, "exact", module).values
    values.grad = None
    energies = module() if given is None else module(given)
    (energies * torch.arange(1.0, energies.numel() + 1).view_as(energies)).sum().backward()
    return (energies.detach(), values.grad.clone(), *(() if given is None else (given.grad,)))


@pytest.mark.parametrize(("build", "inputs"), CASES)
def test_the_exact_limit_is_the_expectation(build, inputs):
    # Seen to fail: Y read as X; columns in circuit order taken as the program's.
    exact = build()
    measured = MeasuredExpectation(exact, executor(), shots=None)
    for found, expected in zip(outcome(measured, inputs), outcome(exact, inputs), strict=True):
        assert_allclose(found, expected, atol=1e-12)
    assert measured.cost.circuits == 0


def test_energies_lie_within_their_standard_errors():
    # Seen to fail: twice the second moment.
    exact = without_data()
    measured = MeasuredExpectation(exact, executor(), shots=400)
    expected = exact().detach()
    scores = []
    for _ in range(150):
        found = measured().detach()
        scores.append((found - expected) / measured.stderr[0])
    scores = torch.stack(scores)
    assert float(scores.mean(0).abs().max()) < 4 / np.sqrt(150)
    assert_allclose(scores.square().mean(0), 1, atol=4 * np.sqrt(2 / 150))


def test_what_is_sent_is_booked():
    measured = MeasuredExpectation(with_data(), executor(), shots=100)
    groups = len(measured.groups)
    energies = measured(INPUTS)
    assert groups == 4  # ZZ, ZI; XX; YI, IY, YY; XZ
    assert measured.cost.circuits == groups * 2  # equal rows once
    energies.sum().backward()
    assert measured.cost.circuits == groups * 2 + groups * 2 * 2 * 4  # rows × shifts × rotations
    assert measured.cost.shots == 100 * measured.cost.circuits


def test_natural_gradient_lowers_a_measured_energy():
    exact = Expectation(efficient_su2(2, reps=1), HAMILTONIAN)
    measured = MeasuredExpectation(exact, executor(), shots=1000)
    metric = LinCombQFI(generator=np.random.default_rng(1))
    optimizer = NaturalGradient(
        measured, metric=metric, shots=1000, lr=0.5, damping=0.1, trust_region=QuadraticTrustRegion(0.2)
    )
    before = float(exact().sum().detach())
    for _ in range(5):
        optimizer.zero_grad()
        measured().sum().backward()
        optimizer.step()
    assert float(exact().sum().detach()) < before - 0.5
    assert optimizer.metric.cost.shots > 0


def test_an_estimators_exact_limit_is_the_exact_metric_of_a_model():
    # Seen to fail: rows summed instead of averaged; inputs before values.
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 2, dtype=torch.float64), with_data())
    optimizer = NaturalGradient(model, metric=LinCombQFI(), shots=None)
    found = optimizer.metric(model, INPUTS).to_dense()
    assert_allclose(found, module_metric("quantum")(model, INPUTS).to_dense(), atol=1e-10)
    energy = without_data()
    found = NaturalGradient(energy, metric=LinCombQFI()).metric(energy, None).to_dense()
    assert_allclose(found, quantum_fisher(energy.circuit, energy.values.detach().numpy()), atol=1e-10)


def test_a_gate_without_a_shift_rule_is_refused():
    circuit = QuantumCircuit(2)
    circuit.append(QuantumCircuit(2, name="x").to_gate(), [0, 1])
    circuit.rx(Parameter("a"), 0)
    circuit.unitary(np.diag([1, 1j, 1, np.exp(0.3j)]), [0, 1])
    MeasuredExpectation(Expectation(circuit, "ZZ"), executor(), shots=10)  # fixed gates are all right
    wide = QuantumCircuit(13)
    wide.rx(Parameter("a"), 0)
    with pytest.raises(CircuitError, match="at most 12 qubits"):
        MeasuredExpectation(Expectation(wide, "Z" * 13), executor(), shots=10)


def averaged() -> RunningAverage:
    return RunningAverage(LinCombQFI(generator=np.random.default_rng(0)))


def test_an_average_over_steps_is_stored_and_never_of_two_circuits():
    # Seen to fail: an average that starts again; matrices of two circuits in one average.
    energy = without_data()
    first, again = (NaturalGradient(energy, metric=averaged(), shots=50) for _ in range(2))
    energy().sum().backward()
    first.step()
    again.load_state_dict(first.state_dict())
    assert again.metric.estimator.steps == 1
    pair = torch.nn.Sequential(
        Expectation(with_data().circuit, ["ZI", "IZ"], input_parameters=["a[0]", "a[1]"]), with_data()
    )
    with pytest.raises(ConfigurationError, match="one circuit in a module for a RunningAverage, got 2"):
        NaturalGradient(pair, metric=averaged(), shots=50).metric(pair, INPUTS)


def test_an_estimator_measures_energies_too():
    exact = without_data()
    sampler = BackendEstimatorV2(backend=AerSimulator(seed_simulator=3))
    measured = MeasuredExpectation(exact, Executor(sampler), shots=4000)
    apart = (measured() - exact()).detach().abs() / measured.stderr[0]
    assert float(apart.max()) < 5

"""F of whole modules against central differences of their circuits' states and of their outputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import Statevector
from torch import Tensor, nn

import qgeo
from qgeo import Expectation, GaussianLikelihood
from qgeo.errors import ConfigurationError, ShapeError
from qgeo.modules.calls import circuit_calls
from qgeo.modules.fisher import module_metric
from qgeo.modules.likelihood import Categorical

INPUTS = torch.randn(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def block(num_qubits: int) -> tuple[QuantumCircuit, ParameterVector]:
    x, t = ParameterVector("x", num_qubits), ParameterVector("t", 2 * num_qubits)
    circuit = QuantumCircuit(num_qubits)
    for qubit in range(num_qubits):
        circuit.ry(x[qubit], qubit)
        circuit.rx(t[qubit], qubit)
    for qubit in range(num_qubits - 1):
        circuit.cx(qubit, qubit + 1)
    for qubit in range(num_qubits):
        circuit.rz(x[qubit] * t[num_qubits + qubit], qubit)
        circuit.ry(0.5, qubit)
    return circuit, x


def expectation(num_qubits: int, observables: list[str], seed: int) -> Expectation:
    circuit, x = block(num_qubits)
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(2 * num_qubits, generator=generator, dtype=torch.float64)
    module = Expectation(circuit, observables, input_parameters=x, values=values)
    module.circuit, module.names = circuit, list(x)
    return module


class TwoCircuits(nn.Module):
    """Linear → circuit → tanh → circuit → Linear; `share` stands before the first and behind the last."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.share = nn.Parameter(torch.tensor([0.7], dtype=torch.float64))
        self.before = nn.Linear(2, 3, dtype=torch.float64)
        self.first = expectation(3, ["ZII", "IYI"], seed=1)
        self.second = expectation(2, ["ZI", "IX"], seed=2)
        self.behind = nn.Linear(2, 3, dtype=torch.float64)

    def forward(self, inputs: Tensor) -> Tensor:
        between = torch.tanh(self.first(self.share * self.before(inputs)))
        return self.behind(self.share * self.second(between))


class Twice(nn.Module):
    """One circuit called twice, the second time at its own output."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit = expectation(2, ["ZI", "IX"], seed=2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.circuit(self.circuit(inputs))


class Patches(nn.Module):
    """A circuit on both entries of every row: two states a row."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([0.8], dtype=torch.float64))
        self.circuit = expectation(1, ["Z"], seed=4)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.circuit((self.scale * inputs).reshape(-1, 1)).reshape(-1, 2)


# --- by hand --------------------------------------------------------------------------------------


def numbers_of(module: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


def moved(module: nn.Module, numbers: Tensor) -> None:
    parts = numbers.split([parameter.numel() for parameter in module.parameters()])
    with torch.no_grad():
        for parameter, part in zip(module.parameters(), parts, strict=True):
            parameter.copy_(part.view_as(parameter))


def qiskit_states(module: nn.Module, inputs: Tensor) -> list[np.ndarray]:
    """Every circuit's states in the order of the calls, (R, 2ⁿ), made by Qiskit."""
    found: list[np.ndarray] = []

    def noted(circuit: Expectation, arguments: tuple[Tensor, ...]) -> None:
        own = [p for p in circuit.circuit.parameters if p not in circuit.names]
        values = dict(zip(own, circuit.values.tolist(), strict=True))
        rows = [values | dict(zip(circuit.names, row, strict=True)) for row in arguments[0].tolist()]
        found.append(np.array([Statevector(circuit.circuit.assign_parameters(row)).data for row in rows]))

    hooks = [
        each.register_forward_pre_hook(noted) for each in module.modules() if isinstance(each, Expectation)
    ]
    module(inputs)
    for hook in hooks:
        hook.remove()
    return found


def slopes(module: nn.Module, function, step: float = 1e-5) -> list[np.ndarray]:
    """Central differences of a list of arrays by the module's numbers, derivatives first."""
    start = numbers_of(module)
    pairs = []
    for shift in step * torch.eye(len(start), dtype=torch.float64):
        ends = []
        for sign in (1, -1):
            moved(module, start + sign * shift)
            ends.append(function())
        pairs.append([(up - down) / (2 * step) for up, down in zip(*ends, strict=True)])
    moved(module, start)
    return [np.array(each) for each in zip(*pairs, strict=True)]


def f_q_by_differences(module: nn.Module, inputs: Tensor) -> np.ndarray:
    """4 Re(⟨∂ψ|∂ψ⟩ − ⟨∂ψ|ψ⟩⟨ψ|∂ψ⟩), summed over circuits and rows, over the number of inputs."""
    states = qiskit_states(module, inputs)
    total = 0.0
    for psi, tangent in zip(states, slopes(module, lambda: qiskit_states(module, inputs)), strict=True):
        along = np.einsum("rz,irz->ir", psi.conj(), tangent)
        both = np.einsum("irz,jrz->ij", tangent.conj(), tangent)
        total = total + 4 * (both - along.conj() @ along.T).real
    return total / len(inputs)


# --- F_Q ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [Twice, Patches])
def test_f_q_of_modules_that_end_in_circuits(build):
    # Seen to fail: divided by a call's rows instead of the inputs; a second call of a circuit left out.
    module = build()
    found = module_metric("quantum")(module, INPUTS).to_dense()
    assert_allclose(found, f_q_by_differences(module, INPUTS), atol=1e-8)


def test_two_circuits_with_layers_before_between_and_behind():
    # Seen to fail: cross blocks of own parameters and encoder; the first circuit's share of the second;
    # behind the circuits F_Q alone; circuits' outputs not held there.
    model = TwoCircuits()
    found = module_metric("quantum", Categorical())(model, INPUTS).to_dense().numpy()
    quantum = f_q_by_differences(model, INPUTS)

    with torch.no_grad():
        measured = model.second(torch.tanh(model.first(model.share * model.before(INPUTS))))
        probabilities = torch.softmax(model(INPUTS), 1).numpy()

    def scores() -> list[np.ndarray]:  # the circuits' outputs held
        with torch.no_grad():
            return [model.behind(model.share * measured).numpy()]

    (jacobian,) = slopes(model, scores)
    middle = np.einsum("bk,kl->bkl", probabilities, np.eye(3)) - np.einsum(
        "bk,bl->bkl", probabilities, probabilities
    )
    classical = np.einsum("ibk,bkl,jbl->ij", jacobian, middle, jacobian) / len(INPUTS)
    assert_allclose(found, quantum + classical, atol=1e-8)
    assert min(quantum[0, 0], classical[0, 0]) > 1e-3  # `share` has the sum


def test_of_a_circuit_without_data_it_is_quantum_fisher():
    circuit = real_amplitudes(3, reps=2)
    energy = Expectation(circuit, "ZZZ")
    found = module_metric("quantum")(energy, None).to_dense()
    assert_allclose(found, qgeo.quantum_fisher(circuit, energy.values.detach().numpy()), atol=1e-13)


def test_frozen_parameters_are_left_out():
    model = TwoCircuits()
    whole = module_metric("quantum", Categorical())(model, INPUTS).to_dense()
    model.before.requires_grad_(False)
    model.second.requires_grad_(False)
    kept = torch.cat([torch.full((p.numel(),), p.requires_grad) for p in model.parameters()])
    found = module_metric("quantum", Categorical())(model, INPUTS).to_dense()
    assert_allclose(found, whole[kept][:, kept], atol=1e-13)


def test_blocks_and_diagonal_of_layers():
    circuit = real_amplitudes(3, reps=2)
    energy = Expectation(circuit, "ZZZ")
    full = module_metric("quantum")(energy, None).to_dense()
    blocks = module_metric("quantum-block-diagonal")(energy, None).to_dense()
    layer = np.repeat(np.arange(3), 3)
    assert_allclose(blocks, np.where(layer[:, None] == layer, full, 0), atol=1e-13)
    assert_allclose(module_metric("quantum-diagonal")(energy, None).diagonal(), full.diagonal(), atol=1e-13)


@pytest.mark.parametrize("name", ["quantum", "quantum-block-diagonal"])
def test_float32_modules_have_the_same_matrix(name: str):
    model = TwoCircuits()
    exact = module_metric(name, GaussianLikelihood(0.5))(model, INPUTS).to_dense()
    found = module_metric(name, GaussianLikelihood(0.5))(model.float(), INPUTS.float()).to_dense()
    assert found.dtype == torch.float64
    assert_allclose(found, exact, atol=2e-4)


# --- F_C ------------------------------------------------------------------------------------------


def test_f_c_of_a_gaussian_output_is_the_squared_jacobian():
    model = TwoCircuits()
    found = module_metric("classical", GaussianLikelihood(0.5))(model, INPUTS).to_dense()
    (jacobian,) = slopes(model, lambda: [model(INPUTS).detach().numpy()])
    assert_allclose(found, np.einsum("ibk,jbk->ij", jacobian, jacobian) / 0.25 / len(INPUTS), atol=1e-7)


# --- where circuits stand -------------------------------------------------------------------------


def test_calls_come_in_the_order_of_the_run():
    model = TwoCircuits()
    first, second = circuit_calls(model, INPUTS)
    assert (first.program.num_qubits, second.program.num_qubits) == (3, 2)
    assert second.inputs.shape == (5, 2)
    assert not model.first._forward_pre_hooks  # nothing is left behind


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda: module_metric("quantum")(nn.Linear(2, 2), INPUTS),
            ConfigurationError,
            "expected a module with a circuit inside",
        ),
        (
            lambda: module_metric("quantum")(TwoCircuits(), INPUTS),
            ConfigurationError,
            "expected a likelihood for the parameters behind the last circuit, got none",
        ),
        (lambda: module_metric("classical")(Twice(), INPUTS), ConfigurationError, "expected a likelihood"),
        (lambda: module_metric("best"), ConfigurationError, "expected a metric of quantum, .* got 'best'"),
        (lambda: module_metric("quantum")(Twice(), INPUTS[:0]), ShapeError, "B ≥ 1"),
        (lambda: GaussianLikelihood(0), ConfigurationError, "expected sigma > 0"),
    ],
)
def test_mistakes(call, error, sentence: str):
    with pytest.raises(error, match=sentence):
        call()

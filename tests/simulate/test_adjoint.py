"""States, their tangents and their adjoint gradients: three ways to the same derivatives, against each other.

gradcheck differentiates `states` numerically; a tangent contracted with a cotangent is a gradient; the
naive reference knows neither. The comment in each test names the planted faults it was seen to fail under,
of: conjugation (ψ̄ for λ̄ in M_ij), dagger (U for U† on the cotangent), factor 2 (of a generator), slopes
(∂a/∂p left out), slots (a per-context angle read as a shared one), order (rows in the order of insertion),
zeros (no rows for absent parameters), dtype (angles left in the type of the values). By both engines.
"""

from __future__ import annotations

from dataclasses import dataclass

import cases
import numpy as np
import pytest
import reference
import torch
from cases import A, B
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector, PowerModifier
from qiskit.circuit import library as lib
from torch import Tensor

from qgeo.circuit import fusion
from qgeo.circuit.compiler import compile
from qgeo.circuit.monomial import MonomialMatrix
from qgeo.circuit.program import Program
from qgeo.simulate import engine as engines
from qgeo.simulate.statevector import probabilities, states
from qgeo.simulate.tangents import states_and_tangents

TIGHT = {"rtol": 1e-11, "atol": 1e-12}
X = ParameterVector("x", 2)


@pytest.fixture(params=["compiled", "dense"], autouse=True)
def _engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled engine where it was built, and the dense one."""
    if request.param == "dense":
        monkeypatch.setattr(engines, "kernel_for", lambda *_: None)


@dataclass(frozen=True, eq=False)
class DataCase:
    """A circuit, its data parameters, numbers for both; three contexts."""

    name: str
    circuit: QuantumCircuit
    input_names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name

    def program(self, width: int = 5) -> Program:
        return compile(self.circuit, input_parameters=self.input_names, block_width=width)

    def numbers(self) -> tuple[Tensor, Tensor]:
        generator = np.random.default_rng(len(self.circuit.data))
        trainable = self.circuit.num_parameters - len(self.input_names)
        values = generator.uniform(0.2, 1.4, trainable)
        inputs = generator.uniform(0.2, 1.4, (3, len(self.input_names)))
        return torch.from_numpy(values), torch.from_numpy(inputs)


def nonlinear() -> QuantumCircuit:
    circuit = cases.scramble(2, seed=1)
    circuit.ry(A * B, 0)
    circuit.rx(A**2 - (B / 2).exp(), 1)
    circuit.rzz((A * B).sin() + A / B, 0, 1)
    circuit.rx(A**B, 0)
    return circuit.compose(cases.scramble(2, seed=2))


def scattered() -> QuantumCircuit:
    """Blocks on qubits 0 and 2, 3 and 1, 0 and 3: never neighbours; shared, then per context."""
    circuit = cases.scramble(4, seed=3)
    circuit.crx(A, 0, 2)
    circuit.rxx(B, 3, 1)
    circuit.rzx(X[0] * A, 3, 0)
    circuit.cry(X[1] + B, 2, 0)
    circuit.rzz(A, 1, 3)
    return circuit.compose(cases.scramble(4, seed=4))


def per_context() -> QuantumCircuit:
    """Data alone, scaled, added to and multiplied with parameters, curved; a phase that depends on data."""
    circuit = cases.scramble(3, seed=5)
    circuit.rx(X[0], 0)
    circuit.ry(2 * X[0] + A, 1)
    circuit.u(A * X[1], X[0] ** 2, B, 2)
    circuit.rzz(B, 1, 2)
    circuit.crx(B**2 * X[1], 0, 2)
    circuit.global_phase = X[0] * B
    return circuit.compose(cases.scramble(3, seed=6))


def random_with_data(seed: int) -> DataCase:
    circuit = cases.random_case(seed, num_qubits=2 + seed % 3, num_gates=7).circuit
    names = [parameter.name for parameter in circuit.parameters]
    return DataCase(f"random-{seed}", circuit, tuple(names[-2:][::-1]))


DATA_CASES = [
    DataCase("nonlinear", nonlinear()),
    DataCase("nonlinear-data", nonlinear(), ("b",)),
    DataCase("repeated", cases.shared_parameter()),
    DataCase("repeated-data", cases.shared_parameter(), ("a",)),
    DataCase("scattered", scattered(), ("x[0]", "x[1]")),
    DataCase("scattered-reversed-inputs", scattered(), ("x[1]", "x[0]")),
    DataCase("per-context", per_context(), ("x[0]", "x[1]")),
    DataCase("all-data", nonlinear(), ("b", "a")),
    *(random_with_data(seed) for seed in range(6)),
]
data_cases = pytest.mark.parametrize("case", DATA_CASES, ids=str)
widths = pytest.mark.parametrize("width", [1, 2, 5])


def gradients(program: Program, values: Tensor, inputs: Tensor, cotangent: Tensor) -> tuple[Tensor, Tensor]:
    """Adjoint gradients of Re⟨cotangent|ψ⟩ by values and inputs."""
    values, inputs = values.clone().requires_grad_(), inputs.clone().requires_grad_()
    psi = states(program, values, inputs)
    return torch.autograd.grad(psi, (values, inputs), cotangent, materialize_grads=True)


def some_cotangent(program: Program, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(11)
    return torch.randn(count, program.dimension, generator=generator, dtype=torch.complex128)


# --- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", DATA_CASES[:8], ids=str)
def test_adjoint_gradient_is_the_numerical_one(case):
    # Seen to fail under conjugation, dagger, factor 2, slots.
    program, numbers = case.program(2), case.numbers()
    point = [number.requires_grad_() for number in numbers[: 2 if case.input_names else 1]]
    torch.autograd.gradcheck(
        lambda *point: states(program, *point), point, atol=1e-7, rtol=1e-6, fast_mode=True
    )


@data_cases
@widths
def test_adjoint_gradient_is_the_contracted_tangent(case, width):
    # Seen to fail under conjugation, dagger, slopes, slots, order (factor 2 is in both).
    program, (values, inputs) = case.program(width), case.numbers()
    cotangent = some_cotangent(program, 3)
    _, tangents = states_and_tangents(program, values, inputs, columns=range(len(program.columns)))
    by_context = torch.einsum("bx,pbx->bp", cotangent.conj(), tangents).real
    by_values, by_inputs = gradients(program, values, inputs, cotangent)
    assert_allclose(by_values, by_context[:, : len(values)].sum(0), **TIGHT)
    assert_allclose(by_inputs, by_context[:, len(values) :], **TIGHT)


LAYOUTS = {
    "expanded": lambda cotangent: cotangent[:1, :1].expand(cotangent.shape),
    "transposed": lambda cotangent: cotangent.mT.contiguous().mT,
    "conjugate-view": lambda cotangent: cotangent.conj(),
    "strided": lambda cotangent: torch.stack([cotangent, cotangent], -1)[..., 0],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", DATA_CASES[4:7], ids=str)
@widths
def test_layout_of_the_cotangent_does_not_matter(case, width, layout):
    program, (values, inputs) = case.program(width), case.numbers()
    given = LAYOUTS[layout](some_cotangent(program, 3))
    plain = given.resolve_conj().clone(memory_format=torch.contiguous_format)
    expected = gradients(program, values, inputs, plain)
    for actual, wanted in zip(gradients(program, values, inputs, given), expected, strict=True):
        assert_allclose(actual, wanted, **TIGHT)


def test_loss_of_one_context_moves_its_own_inputs_only():
    # Seen to fail under slots.
    case = DATA_CASES[6]
    program, (values, inputs) = case.program(), case.numbers()
    cotangent = some_cotangent(program, 3)
    cotangent[[0, 2]] = 0
    _, by_inputs = gradients(program, values, inputs, cotangent)
    assert (by_inputs[[0, 2]] == 0).all()
    assert (by_inputs[1] != 0).all()


def test_second_derivatives_are_refused_not_wrong():
    program = compile(nonlinear())
    values = torch.tensor([0.3, 0.8], dtype=torch.float64, requires_grad=True)
    loss = states(program, values)[0, 0].abs()
    (gradient,) = torch.autograd.grad(loss, values, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_second_derivatives_of_a_linear_loss_are_refused_too():
    # Once wrong in silence: the loss has a constant cotangent, but the angles are curved.
    program = compile(nonlinear())
    values = torch.tensor([0.3, 0.8], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(states(program, values)[0, 0].real, values, create_graph=True)
    with pytest.raises(RuntimeError, match="does not require grad"):
        gradient.sum().backward()


@pytest.mark.parametrize("case", DATA_CASES[:8], ids=str)
def test_probabilities_are_squared_amplitudes_and_so_are_their_gradients(case):
    # Seen to fail under factor 2 (of dp = 2 Re ψ* dψ), conjugation.
    program, numbers = case.program(2), case.numbers()
    point = [number.requires_grad_() for number in numbers]
    weights = torch.rand(
        3, program.dimension, generator=torch.Generator().manual_seed(2), dtype=torch.float64
    )
    by_states = (states(program, *point).abs().square() * weights).sum()
    by_probabilities = (probabilities(program, *point) * weights).sum()
    assert_allclose(by_probabilities.detach(), by_states.detach(), **TIGHT)
    expected = torch.autograd.grad(by_states, point, materialize_grads=True, allow_unused=True)
    result = torch.autograd.grad(by_probabilities, point, materialize_grads=True, allow_unused=True)
    for each, other in zip(result, expected, strict=True):
        assert_allclose(each, other, **TIGHT)


# --- states and tangents --------------------------------------------------------------------------


def reference_vectors(case: DataCase) -> tuple[np.ndarray, np.ndarray]:
    """The reference's ψ (B, 2ⁿ) and ∂ψ (parameters then inputs, B, 2ⁿ)."""
    data = [case.circuit.get_parameter(name) for name in case.input_names]
    trainable = [p for p in case.circuit.parameters if p not in data]
    rows = [list(case.circuit.parameters).index(p) for p in [*trainable, *data]]
    values, inputs = (number.numpy() for number in case.numbers())
    pairs = [
        reference.state_and_tangents(
            case.circuit, reference.bind(trainable, values) | reference.bind(data, row)
        )
        for row in inputs
    ]
    return np.stack([psi for psi, _ in pairs]), np.stack([dpsi[rows] for _, dpsi in pairs], axis=1)


@data_cases
@widths
def test_states_and_tangents_match_the_reference(case, width):
    # Seen to fail under factor 2, slopes, order.
    program, (values, inputs) = case.program(width), case.numbers()
    psi, tangents = states_and_tangents(program, values, inputs, columns=range(len(program.columns)))
    expected_psi, expected_tangents = reference_vectors(case)
    assert_allclose(psi, expected_psi, **TIGHT)
    assert_allclose(tangents, expected_tangents, **TIGHT)
    assert_allclose(states(program, values, inputs), psi, **TIGHT)
    assert_allclose(psi.abs().square().sum(1), np.ones(3), **TIGHT)


@pytest.mark.parametrize("seed", range(8))
def test_columns_select_and_order_the_rows(seed):
    # Seen to fail under order.
    case = DATA_CASES[seed]
    program, (values, inputs) = case.program(2), case.numbers()
    every = range(len(program.columns))
    _, tangents = states_and_tangents(program, values, inputs, columns=every)
    generator = np.random.default_rng(seed)
    for size in range(len(every) + 1):
        chosen = generator.permutation(len(every))[:size].tolist()
        _, some = states_and_tangents(program, values, inputs, columns=chosen)
        assert some.shape == (size, 3, program.dimension)
        assert_allclose(some, tangents[chosen], **TIGHT)


def with_absent_parameters() -> QuantumCircuit:
    """a moves nothing, being in a gate to the power 0; c is in front of it in name order, b behind."""
    circuit = QuantumCircuit(2)
    circuit.ry(B, 0)
    circuit.append(cases.annotated(lib.RXGate(A), PowerModifier(0)), [1])
    circuit.rx(cases.C, 1)
    circuit.delay(cases.D, 0)
    return circuit


def test_absent_parameters_have_zero_rows():
    # Seen to fail under zeros, order.
    program = compile(with_absent_parameters())
    assert program.parameters == ("a", "b", "c", "d")
    values = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    for columns in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 0], [0, 3], [0]):
        _, tangents = states_and_tangents(program, values, columns=columns)
        moves = tangents.abs().amax((1, 2)) > 0.1
        assert moves.tolist() == [column in (1, 2) for column in columns]
        assert (tangents[~moves] == 0).all()
    (gradient,) = torch.autograd.grad(
        states(program, values.requires_grad_()), values, some_cotangent(program, 1)
    )
    assert (gradient[[0, 3]] == 0).all()


@pytest.mark.parametrize("widest", [0, 14], ids=["no-maps", "maps"])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 6])
def test_width_of_blocks_and_maps_between_them_do_not_matter(monkeypatch, width, widest):
    # Seen to fail where a map read its amplitudes from where they go.
    monkeypatch.setattr(fusion, "MONOMIAL_QUBITS", widest)
    circuit = cases.layered(6, 2)
    circuit.append(lib.iSwapGate(), [4, 1])
    circuit.append(lib.PermutationGate([2, 0, 1]), [5, 0, 3])
    values = np.random.default_rng(1).uniform(-3, 3, circuit.num_parameters)
    program, cotangent = compile(circuit, block_width=width), torch.ones(1, 64) * (1 + 2j)
    assert any(isinstance(block, MonomialMatrix) for block in program.blocks) == (widest > 0 and width < 6)
    psi, tangents = states_and_tangents(program, torch.from_numpy(values))
    assert_allclose(psi[0], reference.states(circuit, values), **TIGHT)
    gradient, _ = gradients(program, torch.from_numpy(values), torch.zeros(1, 0), cotangent)
    assert_allclose(gradient, torch.einsum("bx,pbx->p", cotangent.conj().cdouble(), tangents).real, **TIGHT)


# --- data types and repetition --------------------------------------------------------------------


@pytest.mark.parametrize("values_type", [torch.float32, torch.float64], ids=str)
@data_cases
def test_single_precision_agrees(case, values_type):
    # Seen to fail under dtype.
    program, (values, inputs) = case.program(2), case.numbers()
    columns = range(len(program.columns))
    exact, exact_tangents = states_and_tangents(program, values, inputs, columns=columns)
    point = values.to(values_type).requires_grad_(), inputs.to(values_type).requires_grad_()
    psi = states(program, *point, dtype=torch.complex64)
    assert psi.dtype == torch.complex64
    _, tangents = states_and_tangents(program, *point, columns=columns, dtype=torch.complex64)
    assert tangents.dtype == torch.complex64
    assert_allclose(psi.detach(), exact, rtol=0, atol=1e-5)
    assert_allclose(tangents, exact_tangents, rtol=1e-5, atol=1e-5)
    cotangent = some_cotangent(program, 3)
    single = torch.autograd.grad(psi, point, cotangent.to(torch.complex64), materialize_grads=True)
    for actual, wanted in zip(single, gradients(program, values, inputs, cotangent), strict=True):
        assert actual.dtype == values_type
        assert_allclose(actual, wanted, rtol=1e-5, atol=2e-5)


def test_single_precision_numbers_are_accepted_in_double_precision():
    # Seen to fail under dtype.
    values = torch.tensor([0.25, 0.75])  # exact in both types
    psi = states(compile(nonlinear()), values)
    assert psi.dtype == torch.complex128
    assert_allclose(psi, states(compile(nonlinear()), values.double()), rtol=0, atol=0)


@data_cases
def test_repetition_is_bit_identical(case):
    values, inputs = case.numbers()
    results = []
    for program in (case.program(), case.program(), case.program()):
        psi, tangents = states_and_tangents(program, values, inputs)
        results.append((psi, tangents, *gradients(program, values, inputs, some_cotangent(program, 3))))
    for repeated in results[1:]:
        assert all(torch.equal(each, two) for each, two in zip(results[0], repeated, strict=True))


def test_numbers_given_are_left_as_they_were():
    case = DATA_CASES[6]
    program, (values, inputs) = case.program(), case.numbers()
    before = values.clone(), inputs.clone()
    states_and_tangents(program, values, inputs)
    gradients(program, values, inputs, some_cotangent(program, 3))
    assert torch.equal(values, before[0])
    assert torch.equal(inputs, before[1])

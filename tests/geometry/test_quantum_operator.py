"""F_Q as an operator in three forms, against the naive reference; conjugate gradients; memory asked before.

Seen to fail: factor 2, no phase term, a transposed Jacobian that forgets inputs, rows of chosen parameters in
circuit order, a preconditioner without its damping.
"""

from __future__ import annotations

import math

import cases
import numpy as np
import pytest
import reference
import torch
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit import library as lib

from qgeo import classical_fisher, compile, quantum_fisher, quantum_fisher_operator
from qgeo.errors import ConfigurationError, ShapeError
from qgeo.geometry import request
from qgeo.geometry.quantum_operator import METHODS
from qgeo.geometry.solve import conjugate_gradients
from qgeo.simulate import engine as engines
from qgeo.simulate.projection import gram
from qgeo.simulate.statevector import states

methods = pytest.mark.parametrize("method", METHODS)
CIRCUITS = {
    "layered": cases.layered(4, 2),
    "repeated": cases.shared_parameter(),
    **{f"random-{seed}": cases.random_case(seed, num_qubits=3, num_gates=8).circuit for seed in range(6)},
}


def numbers(circuit: QuantumCircuit) -> np.ndarray:
    return np.random.default_rng(1).uniform(0.2, 1.4, circuit.num_parameters)


@methods
@pytest.mark.parametrize("name", CIRCUITS)
def test_every_form_is_the_reference_matrix(name, method):
    circuit = CIRCUITS[name]
    expected = reference.qfim(circuit, numbers(circuit))
    matrix = quantum_fisher_operator(circuit, numbers(circuit), method=method)
    size = len(expected)
    vector = torch.from_numpy(np.random.default_rng(2).normal(size=size))
    assert matrix.size == size
    assert_allclose(matrix.to_dense(), expected, rtol=1e-10, atol=1e-11)
    assert_allclose(matrix @ vector, expected @ vector.numpy(), rtol=1e-10, atol=1e-11)
    assert_allclose(matrix.diagonal(), expected.diagonal(), rtol=1e-10, atol=1e-11)
    solved = np.linalg.solve(expected + 0.05 * np.eye(size), vector.numpy())
    assert_allclose(matrix.solve(vector, 0.05), solved, rtol=1e-7, atol=1e-8)


@methods
def test_chosen_parameters_and_data(method):
    circuit = cases.layered(3, 2)
    names = [parameter.name for parameter in circuit.parameters]
    inputs = np.random.default_rng(3).uniform(-1, 1, (4, 2))
    given = {"inputs": inputs, "input_parameters": [names[1], names[0]], "parameters": [names[5], names[3]]}
    values = np.random.default_rng(4).uniform(-3, 3, len(names) - 2)
    expected = quantum_fisher(circuit, values, **given)
    matrix = quantum_fisher_operator(circuit, values, method=method, **given)
    assert_allclose(matrix.to_dense(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("size", [3, 40, 64, 70, 97])
def test_gram_product_by_stripes_is_the_whole_product(size):
    # Seen to fail: the mirrored part left out; a last stripe shorter than the others.
    rows = torch.randn(size, 11, generator=torch.Generator().manual_seed(size), dtype=torch.float64)
    assert_allclose(gram(rows), rows.numpy() @ rows.numpy().T, rtol=1e-12, atol=1e-12)


def test_an_unknown_method_is_refused():
    with pytest.raises(
        ConfigurationError, match="expected a method among dense, gram, matrix-free, got 'qr'"
    ):
        quantum_fisher_operator(cases.layered(2, 1), [0.1] * 6, method="qr")


def test_least_norm_solution_of_a_singular_system():
    singular = torch.diag(torch.tensor([2.0, 1.0, 0.0], dtype=torch.float64))
    right = torch.tensor([1.0, 3.0, 0.0], dtype=torch.float64)
    result = conjugate_gradients(lambda v: singular @ v, right, singular.diagonal())
    assert_allclose(result, [0.5, 3.0, 0.0])
    assert_allclose(conjugate_gradients(lambda v: singular @ v, 0 * right, singular.diagonal()), [0, 0, 0])


@methods
@pytest.mark.parametrize(("qubits", "layers"), [(1, 1), (2, 2)])
def test_without_damping_a_singular_matrix_gives_the_least_norm_solution(qubits, layers, method):
    # Once of norm 1e33 from conjugate gradients, for a right-hand side outside the range.
    circuit = lib.efficient_su2(qubits, reps=layers)
    values = np.linspace(0.1, 1, circuit.num_parameters)
    right = torch.linspace(-1, 1, len(values), dtype=torch.float64)
    expected = np.linalg.pinv(reference.qfim(circuit, values), rcond=1e-9, hermitian=True) @ right.numpy()
    result = quantum_fisher_operator(circuit, values, method=method).solve(right)
    assert_allclose(result, expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize(
    "circuit", [cases.layered(4, 2), lib.efficient_su2(6, reps=3)], ids=["one", "several"]
)
def test_single_precision_products(circuit):
    # Once refused by torch: weights and generators, variances and angles of two types.
    matrix = quantum_fisher_operator(circuit, numbers(circuit), method="matrix-free", dtype="complex64")
    vector = torch.ones(matrix.size, dtype=torch.float64)
    expected = reference.qfim(circuit, numbers(circuit)) @ vector.numpy()
    assert_allclose(matrix @ vector, expected, atol=2e-5)
    assert_allclose(matrix.diagonal(), reference.qfim(circuit, numbers(circuit)).diagonal(), atol=2e-5)


@methods
def test_values_outside_an_angles_domain_are_refused(method):
    # Once NaN products, and zero as a solution.
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.rz(Parameter("a").log() * Parameter("b"), 0)
    with pytest.raises(ShapeError, match="expected values inside the domain of every angle"):
        quantum_fisher_operator(circuit, [-0.3, 1.0], method=method)


def test_tensors_of_a_model_are_values_and_complex_numbers_are_not():
    circuit = cases.layered(2, 1)
    tensor = torch.linspace(0.1, 1, 6, dtype=torch.float64, requires_grad=True)
    assert_allclose(quantum_fisher(circuit, tensor), quantum_fisher(circuit, tensor.detach().numpy()))
    with pytest.raises(ShapeError, match="expected real numbers as values, got complex128"):
        quantum_fisher(circuit, tensor.detach().numpy() + 1j)


def test_too_few_products_are_told():
    matrix = torch.from_numpy(np.vander(np.linspace(0.1, 1, 8)))
    matrix = matrix @ matrix.mT
    with pytest.warns(UserWarning, match="stopped after 2 products at a relative residual of"):
        conjugate_gradients(lambda v: matrix @ v, torch.ones(8).double(), matrix.diagonal(), max_iterations=2)


def test_what_does_not_fit_is_said_before_it_starts():
    wide = QuantumCircuit(30)
    wide.compose(cases.layered(2, 1), inplace=True)
    needed = r"expected a memory budget of at least [\d.]+ GiB for the tangents of 6 parameters on 30 qubits"
    for function in (quantum_fisher, classical_fisher):
        with pytest.raises(ConfigurationError, match=needed):
            function(wide, [0.1] * 6)
    with pytest.raises(ConfigurationError, match=needed):
        quantum_fisher_operator(wide, [0.1] * 6, method="gram")


def test_where_the_diagonal_vanishes_a_solution_stays_zero():
    # Seen to fail: 1 for the inverse of 0, whatever of the right side lies there then moves.
    diagonal = torch.tensor([2.0, 0.0], dtype=torch.float64)
    right = torch.tensor([1.0, 5.0], dtype=torch.float64)
    assert_allclose(conjugate_gradients(lambda v: diagonal * v, right, diagonal), [0.5, 0])


@pytest.mark.parametrize("engine", ["chosen", "dense"])
def test_memory_budget_and_tiles_do_not_change_the_matrix(engine, monkeypatch):
    # Seen to fail: a tile of the dense engine with the gates of all contexts.
    if engine == "dense":
        monkeypatch.setattr(engines, "kernel_for", lambda *_: None)
    circuit = cases.layered(4, 2)
    names = [parameter.name for parameter in circuit.parameters]
    program = compile(circuit, input_parameters=names[:2])
    inputs = np.random.default_rng(5).uniform(-1, 1, (9, 2))
    values = numbers(circuit)[2:]
    expected = quantum_fisher(program, values, inputs=inputs)
    monkeypatch.setattr(request, "TILE_BYTES", 1)
    assert_allclose(quantum_fisher(program, values, inputs=inputs), expected, rtol=1e-12, atol=1e-14)
    smallest = sum(request.requested(program, values, None, inputs, None)._bytes())
    small = quantum_fisher(program, values, inputs=inputs, memory_budget=smallest)
    assert_allclose(small, expected, rtol=1e-12, atol=1e-14)
    with pytest.raises(ConfigurationError, match="expected a memory budget"):
        quantum_fisher(program, values, inputs=inputs, memory_budget=smallest - 1)


@pytest.mark.parametrize(("dtype", "amplitude"), [("complex128", 16), ("complex64", 8)])
def test_the_memory_budget_is_what_is_held(dtype, amplitude):
    """Two buffers of tangents, a state a block; four matrices (2, 2) a rotation; four of numbers (P, P)."""
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(1)
    circuit.rx(a, 0)
    circuit.ry(b, 0)
    shared = amplitude * (4 * 2 * 4 + (2 * 2 + 1) * 2) + 32 * 2**2  # one block of both
    by_context = amplitude * (4 * 2 * 4 + (2 * 1 + 2) * 2) + 32 * 1**2
    data = {"inputs": [[0.3]], "input_parameters": [b]}
    for held, values, inputs in ((shared, [0.1, 0.3], {}), (by_context, [0.1], data)):
        quantum_fisher(circuit, values, memory_budget=held, dtype=dtype, **inputs)
        with pytest.raises(ConfigurationError, match="expected a memory budget"):
            quantum_fisher(circuit, values, memory_budget=held - 1, dtype=dtype, **inputs)


def test_single_precision_is_asked_for_by_name():
    circuit = cases.layered(5, 2)
    double = quantum_fisher(circuit, numbers(circuit))
    single = quantum_fisher(circuit, numbers(circuit), dtype="complex64")
    assert single.dtype == np.float64
    assert 0 < np.abs(single - double).max() < 1e-5
    with pytest.raises(
        ConfigurationError, match="expected a dtype among complex128, complex64, got 'float32'"
    ):
        quantum_fisher(circuit, numbers(circuit), dtype="float32")


LARGE = [1.0001, 100.1, 1e4 + 0.1, 1e8 + 0.1, 1e12 + 0.1]


def tilted_by(angle) -> QuantumCircuit:
    """One qubit tilted by an angle, then rz(c): F_cc = sin² of the angle; c is the last parameter."""
    circuit = QuantumCircuit(1)
    circuit.ry(angle, 0)
    circuit.rz(Parameter("c"), 0)
    return circuit


@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
@pytest.mark.parametrize("large", LARGE)
def test_large_angles_lose_no_digits(large, dtype):
    # Seen to fail, for complex64, where values were rounded to float32, and where angles were.
    tolerance = 1e-6 if dtype == "complex64" else 1e-9
    plain = quantum_fisher(tilted_by(Parameter("a")), [large, 0.3], dtype=dtype)
    assert_allclose(plain[-1, -1], math.sin(large) ** 2, rtol=0, atol=tolerance)
    difference = tilted_by(Parameter("a") - Parameter("b"))
    shifted = quantum_fisher(difference, [large + 0.5, large, 0.3], dtype=dtype)
    assert_allclose(shifted[-1, -1], math.sin((large + 0.5) - large) ** 2, rtol=0, atol=tolerance)


@pytest.mark.parametrize("large", LARGE)
def test_slopes_and_data_of_large_numbers_lose_no_digits_in_complex64(large):
    # Seen to fail where data was rounded to float32, and where slopes were taken at rounded numbers.
    circuit, a, b, x = QuantumCircuit(2), Parameter("a"), Parameter("b"), Parameter("x")
    circuit.ry(x - a, 0)
    circuit.rz(b, 0)
    circuit.cx(0, 1)
    circuit.rx((x - a).sin(), 0)
    circuit.rx((a + b).sin(), 1)
    arguments = {"inputs": [[large + 1.0], [large - 0.4]], "input_parameters": [x]}
    values = [large, 0.7]
    for method in ("dense", "gram", "matrix-free"):
        double, single = (
            quantum_fisher_operator(circuit, values, method=method, dtype=dtype, **arguments).to_dense()
            for dtype in ("complex128", "complex64")
        )
        assert_allclose(single, double, rtol=0, atol=2e-6 * float(double.abs().max()))


def test_gradients_at_large_angles_lose_no_digits_in_complex64():
    # Seen to fail where slopes of angles were taken at values rounded to float32.
    circuit, a = QuantumCircuit(1), Parameter("a")
    circuit.ry(a.sin() + a, 0)
    values = torch.tensor([1e8 + 0.1], dtype=torch.float64, requires_grad=True)
    psi = states(compile(circuit), values, dtype=torch.complex64)
    (slope,) = torch.autograd.grad(psi[0, 1].real.square(), values)
    angle = math.sin(1e8 + 0.1) + 1e8 + 0.1
    assert_allclose(slope, 0.5 * math.sin(angle) * (1 + math.cos(1e8 + 0.1)), rtol=0, atol=1e-6)


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ConfigurationError, match="expected a device that torch can use here, got 'abacus'"):
        quantum_fisher(cases.layered(2, 1), [0.1] * 6, device="abacus")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
def test_a_gpu_gives_the_same_matrix(dtype):
    circuit = cases.layered(6, 3)
    expected = quantum_fisher(circuit, numbers(circuit))
    result = quantum_fisher(circuit, numbers(circuit), device="cuda", dtype=dtype)
    assert_allclose(result, expected, atol=1e-10 if dtype == "complex128" else 1e-5)

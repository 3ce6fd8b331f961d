"""Gradients of F_Q by values, against central differences of `quantum_fisher` and of the reference's F_Q.

The comment in each test names the planted faults it was seen to fail under, of: frozen states (ψ detached in
the phase term), frozen tangents (∂ψ detached), no phase (phases of monomial matrices dropped), half (2 Re for
4 Re), summed (Σ over contexts), slopes (∂a/∂p detached).
"""

from __future__ import annotations

import cases
import numpy as np
import pytest
import reference
import torch
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import efficient_su2

import qgeo
from qgeo.circuit.monomial import MonomialMatrix
from qgeo.errors import ConfigurationError, ShapeError
from qgeo.geometry.differentiable import differentiable_quantum_fisher

STEP = 1e-5
"""Of central differences: errors of STEP² and of rounding over STEP, below 1e-8 of the largest term."""
CLOSE = {"rtol": 1e-6, "atol": 1e-6}
WITH_PARAMETERS = [case for case in [*cases.CASES, *cases.RANDOM_CASES] if len(case.values)]


def leaf(values) -> torch.Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float64, requires_grad=True)


def slope(function, values, direction) -> float:
    """Central difference of a scalar function of numpy values along a direction."""
    ahead, behind = (function(values + sign * STEP * direction) for sign in (1, -1))
    return (ahead - behind) / (2 * STEP)


def gradient(function, values) -> np.ndarray:
    return np.array([slope(function, values, unit) for unit in np.eye(len(values))])


@pytest.mark.parametrize("case", WITH_PARAMETERS, ids=str)
def test_entries_and_their_slopes_match_quantum_fisher_and_the_reference(case):
    # Seen to fail under frozen states, frozen tangents, half, slopes.
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(len(case.values),) * 2)  # a random sum of entries, not symmetric
    direction, point, program = (
        generator.normal(size=len(case.values)),
        leaf(case.values),
        qgeo.compile(case.circuit),
    )
    fisher = differentiable_quantum_fisher(program, point)
    assert_allclose(fisher.detach(), reference.qfim(case.circuit, case.values), rtol=1e-10, atol=1e-12)
    (torch.from_numpy(weights) * fisher).sum().backward()
    along = float(point.grad @ torch.from_numpy(direction))
    ours = slope(lambda at: (weights * qgeo.quantum_fisher(program, at)).sum(), case.values, direction)
    theirs = slope(lambda at: (weights * reference.qfim(case.circuit, at)).sum(), case.values, direction)
    assert_allclose([along, along], [ours, theirs], **CLOSE)


def reuploading():
    """Data alone, a parameter alone, and both in one angle, and one in two places."""
    x, t = ParameterVector("x", 2), ParameterVector("t", 4)
    circuit = cases.scramble(2, seed=3)
    circuit.rx(x[0], 0)
    circuit.ry(t[0] * x[1], 1)
    circuit.cx(0, 1)
    circuit.rz(t[1] + x[0], 0)
    circuit.u(t[2], t[1], t[3].sin(), 1)
    return circuit, x


@pytest.mark.parametrize("contexts", [1, 3])
def test_mean_over_contexts(contexts):
    # Seen to fail under summed, frozen states, frozen tangents.
    circuit, x = reuploading()
    values, inputs = np.array([0.4, 1.1, -0.7, 2.0]), np.random.default_rng(1).normal(size=(contexts, 2))
    point = leaf(values)
    options = {"inputs": inputs, "input_parameters": x}
    fisher = differentiable_quantum_fisher(circuit, point, **options)
    assert_allclose(fisher.detach(), reference.qfim(circuit, values, **options), rtol=1e-10, atol=1e-12)
    fisher[0, 2].backward()
    expected = gradient(lambda at: reference.qfim(circuit, at, **options)[0, 2], values)
    assert_allclose(point.grad, expected, **CLOSE)


SCALARS = {
    "trace": (torch.trace, np.trace),
    "log-determinant": (
        lambda f: torch.logdet(f + 0.1 * torch.eye(len(f))),
        lambda f: np.linalg.slogdet(f + 0.1 * np.eye(len(f)))[1],
    ),
    "largest-eigenvalue": (lambda f: torch.linalg.eigvalsh(f)[-1], lambda f: np.linalg.eigvalsh(f)[-1]),
}


@pytest.mark.parametrize("name", SCALARS)
def test_scalars_of_it(name):
    # Seen to fail under frozen states, frozen tangents, half.
    ours, theirs = SCALARS[name]
    circuit = efficient_su2(3, reps=1)
    values = np.random.default_rng(2).uniform(-np.pi, np.pi, circuit.num_parameters)
    point = leaf(values)
    ours(differentiable_quantum_fisher(circuit, point)).backward()
    assert_allclose(point.grad, gradient(lambda at: theirs(reference.qfim(circuit, at)), values), **CLOSE)


def test_second_derivatives_too():
    # Seen to fail under frozen states, frozen tangents.
    circuit, size = efficient_su2(2, reps=1), 8
    program, values = qgeo.compile(circuit), np.random.default_rng(3).uniform(-np.pi, np.pi, size)

    def loss(at: torch.Tensor) -> torch.Tensor:
        return torch.logdet(differentiable_quantum_fisher(program, at) + 0.5 * torch.eye(size))

    def first(at: np.ndarray) -> np.ndarray:
        return torch.autograd.grad(loss(point := leaf(at)), point)[0].numpy()

    hessian = torch.autograd.functional.hessian(loss, torch.from_numpy(values))
    columns = [
        (first(values + STEP * unit) - first(values - STEP * unit)) / (2 * STEP) for unit in np.eye(size)
    ]
    assert_allclose(hessian, np.array(columns), **CLOSE)


@pytest.mark.parametrize("angle", ["a*b*c", "a**2"])
def test_where_an_angle_or_its_slope_vanishes(angle):
    # Seen to fail under frozen states, frozen tangents, half, slopes. 0 · (…) must not become NaN.
    a, b, c = (Parameter(name) for name in "abc")
    circuit = cases.scramble(1, seed=1)
    circuit.ry(a * b * c if angle == "a*b*c" else a**2 + b - c, 0)
    circuit.rz(a + b, 0)
    values = np.array([0.0, 0.7, -1.2])
    point = leaf(values)
    differentiable_quantum_fisher(circuit, point)[0].sum().backward()
    expected = gradient(lambda at: reference.qfim(circuit, at)[0].sum(), values)
    assert_allclose(point.grad, expected, **CLOSE)


@pytest.mark.parametrize("width", [1, 2])
def test_blocks_of_any_width(width):
    # Seen to fail under no phase.
    t = ParameterVector("t", 8)
    circuit = cases.scramble(4, seed=2)
    for layer in range(2):
        for qubit in range(4):
            circuit.ry(t[4 * layer + qubit], qubit)
        circuit.cz(0, 2)
        circuit.iswap(3, 1)
    circuit.rzz(t[0], 0, 3)
    values = np.random.default_rng(4).uniform(-np.pi, np.pi, 8)
    point = leaf(values)
    program = qgeo.compile(circuit, block_width=width)
    assert any(isinstance(block, MonomialMatrix) and not block.is_permutation for block in program.blocks)
    differentiable_quantum_fisher(program, point)[1, 6].backward()
    expected = gradient(lambda at: reference.qfim(circuit, at)[1, 6], values)
    assert_allclose(point.grad, expected, **CLOSE)


def test_values_of_single_precision_get_their_gradient():
    point = torch.full((8,), 0.3, requires_grad=True)
    differentiable_quantum_fisher(efficient_su2(2, reps=1), point).trace().backward()
    assert point.grad.dtype == torch.float32


def test_a_circuit_without_parameters():
    circuit = QuantumCircuit(1)
    circuit.h(0)
    assert differentiable_quantum_fisher(circuit, torch.zeros(0)).shape == (0, 0)


def test_mistakes():
    circuit, values = efficient_su2(2, reps=1), torch.full((8,), 0.3, dtype=torch.float64)
    with pytest.raises(ShapeError, match=r"expected values as a real torch tensor \(P,\), got"):
        differentiable_quantum_fisher(circuit, [0.3] * 8)
    with pytest.raises(ShapeError, match=r"expected 8 values for θ\[0\] … θ\[7\], got 7"):
        differentiable_quantum_fisher(circuit, values[:7])
    with pytest.raises(ConfigurationError, match=r"outside of torch\.func .* torch\.autograd\.functional"):
        torch.func.jacrev(lambda at: differentiable_quantum_fisher(circuit, at))(values)
    with pytest.raises(
        ConfigurationError, match=r"to differentiate F_Q of 8 parameters on 2 qubits at 1 con"
    ):
        differentiable_quantum_fisher(circuit, values, memory_budget=1000)

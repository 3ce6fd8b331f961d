"""The reference against what it does not use: Operator(circuit), symbolic matrices, finite differences.

The seventh-order remainder of the finite differences and the rounding at h = 10⁻³ are both below 10⁻⁹.
"""

from __future__ import annotations

import cases
import numpy as np
import pytest
import reference
import sympy as sp
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import library as lib
from qiskit.quantum_info import Operator, Pauli, SparsePauliOp, Statevector
from scipy.linalg import expm_frechet

# Qiskit exponentiates a CSR matrix in Operator(PauliEvolutionGate).
pytestmark = pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")

ALL = [*cases.CASES, *cases.RANDOM_CASES]
UNBINDABLE = {"annotated-of-annotated"}  # qiskit 2.6.2 fails in assign_parameters
BINDABLE = [c for c in ALL if c.name not in UNBINDABLE]
A, B, C, D = angles = sp.symbols("a b c d", real=True)


# --- matrices and derivatives of the standard gates -----------------------------------------------


def pauli(label: str) -> sp.Matrix:
    return sp.Matrix(Pauli(label).to_matrix().tolist()).applyfunc(sp.nsimplify)


def rotation(generator: sp.Matrix) -> sp.Matrix:
    """exp(−i a G/2) of an involutory G."""
    return sp.cos(A / 2) * sp.eye(generator.rows) - sp.I * sp.sin(A / 2) * generator


def general(a, b, c) -> sp.Matrix:
    """U(θ, φ, λ), OpenQASM 3."""
    rows = [[sp.cos(a / 2), -sp.exp(sp.I * c) * sp.sin(a / 2)]]
    return sp.Matrix([*rows, [sp.exp(sp.I * b) * sp.sin(a / 2), sp.exp(sp.I * (b + c)) * sp.cos(a / 2)]])


def controlled(matrix: sp.Matrix) -> sp.Matrix:
    """Control on the least significant bit."""
    on, off = sp.diag(0, 1), sp.diag(1, 0)
    return sp.kronecker_product(sp.eye(2), off) + sp.kronecker_product(matrix, on)


def exchange(first: int, second: int, phase) -> sp.Matrix:
    """A rotation by a in the plane of two basis states, off-diagonal −i e^{±iβ} sin(a/2)."""
    matrix = sp.eye(4)
    matrix[first, first] = matrix[second, second] = sp.cos(A / 2)
    matrix[first, second] = -sp.I * sp.sin(A / 2) * sp.exp(-sp.I * phase)
    matrix[second, first] = -sp.I * sp.sin(A / 2) * sp.exp(sp.I * phase)
    return matrix


X, Y, Z = pauli("X"), pauli("Y"), pauli("Z")
phase = sp.diag(1, sp.exp(sp.I * A))

FORMULAS = {
    lib.RGate: rotation(sp.cos(B) * X + sp.sin(B) * Y),
    lib.RXGate: rotation(X),
    lib.RYGate: rotation(Y),
    lib.RZGate: rotation(Z),
    lib.PhaseGate: phase,
    lib.U1Gate: phase,
    lib.U2Gate: general(sp.pi / 2, A, B),
    lib.UGate: general(A, B, C),
    lib.U3Gate: general(A, B, C),
    lib.RXXGate: rotation(pauli("XX")),
    lib.RYYGate: rotation(pauli("YY")),
    lib.RZZGate: rotation(pauli("ZZ")),
    lib.RZXGate: rotation(pauli("XZ")),
    lib.CRXGate: controlled(rotation(X)),
    lib.CRYGate: controlled(rotation(Y)),
    lib.CRZGate: controlled(rotation(Z)),
    lib.CPhaseGate: controlled(phase),
    lib.CU1Gate: controlled(phase),
    lib.CU3Gate: controlled(general(A, B, C)),
    lib.CUGate: controlled(sp.exp(sp.I * D) * general(A, B, C)),
    lib.XXPlusYYGate: exchange(1, 2, B),
    lib.XXMinusYYGate: exchange(0, 3, B),
}


@pytest.mark.parametrize("gate", FORMULAS, ids=lambda gate: gate.__name__)
def test_gate_and_its_derivatives_match_the_symbolic_formula(gate):
    formula = FORMULAS[gate]
    own = [cases.A, cases.B, cases.C, cases.D][: len(formula.free_symbols)]
    point = dict(zip(own, (0.7, -1.9, 2.6, 0.4), strict=False))
    numbers = dict(zip(angles, point.values(), strict=False))
    matrix, derivatives = reference.unitary(gate(*own), point)
    assert_allclose(matrix, numeric(formula, numbers), rtol=0, atol=1e-14)
    for parameter, symbol in zip(own, angles, strict=False):
        assert_allclose(derivatives[parameter], numeric(formula.diff(symbol), numbers), rtol=0, atol=1e-13)


def numeric(matrix: sp.Matrix, numbers: dict) -> np.ndarray:
    return np.array(matrix.subs(numbers).evalf(20)).astype(complex)


def test_every_gate_of_the_table_has_a_formula():
    assert set(FORMULAS) == set(cases.ANGLE_GATES)
    assert set(FORMULAS) | {lib.GlobalPhaseGate} == reference.ANGLE_GATES


def test_interpolation_is_exact_within_its_band():
    frequencies = np.arange(-10, 11) / 2
    coefficients = np.random.default_rng(0).normal(size=(2, 21)) @ np.diag(1 / (1 + frequencies**2))

    def polynomial(angle):
        return coefficients @ np.exp(1j * frequencies * angle[0])

    expected = coefficients @ (1j * frequencies * np.exp(1j * frequencies * 0.4))
    assert_allclose(reference.angle_derivative(polynomial, [0.4], 0), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", ["evolution-commuting", "evolution-non-commuting", "evolution-heisenberg-5"])
def test_evolution_derivative_is_the_frechet_derivative(name):
    gate = cases.EVOLUTIONS[name]
    matrix, derivatives = reference.unitary(gate, {cases.A: 1.3})
    generator = -1j * reference.hamiltonian(gate)
    expected = expm_frechet(1.3 * generator, generator)
    assert_allclose(matrix, expected[0], rtol=0, atol=1e-13)
    assert_allclose(derivatives[cases.A], expected[1], rtol=0, atol=1e-12)


# --- angles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(cases.EXPRESSIONS) - {"abs-a-minus-2b"}))  # |z| is not analytic
def test_slopes_match_the_integral_of_cauchy(name):
    expression = cases.EXPRESSIONS[name]
    point = {p: 0.8 + 0.3 * i for i, p in enumerate((cases.A, cases.B, cases.C))}
    circle = 0.1 * np.exp(2j * np.pi * np.arange(32) / 32)
    for parameter, slope in reference.slopes(expression, point).items():
        samples = [complex_number(expression, point | {parameter: point[parameter] + z}) for z in circle]
        assert_allclose(slope, np.mean(samples / circle), rtol=1e-12, atol=1e-13)


def complex_number(expression, point: dict) -> complex:
    return complex(expression.bind({p: point[p] for p in expression.parameters}).numeric())


# --- whole circuits -------------------------------------------------------------------------------


def bound_state(case: cases.Case, values: np.ndarray) -> np.ndarray:
    return Statevector(case.circuit.assign_parameters(list(values))).data


@pytest.mark.parametrize("case", BINDABLE, ids=str)
def test_states_match_operator_of_the_bound_circuit(case):
    expected = Operator(case.circuit.assign_parameters(list(case.values))).data[:, 0]
    assert_allclose(case.vectors[0], expected, rtol=0, atol=1e-13)


STENCIL = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}


@pytest.mark.parametrize("case", BINDABLE, ids=str)
def test_tangents_match_finite_differences_in_a_random_direction(case):
    direction = np.random.default_rng(11).normal(size=len(case.values))
    step = 1e-3 * direction
    expected = sum(
        weight * (bound_state(case, case.values + k * step) - bound_state(case, case.values - k * step))
        for k, weight in STENCIL.items()
    )
    assert_allclose(direction @ case.vectors[1], expected / 1e-3, atol=1e-9)


@pytest.mark.parametrize("case", cases.RANDOM_CASES[:8], ids=str)
def test_infidelity_and_divergence_are_the_quadratic_forms(case):
    # 1 − |⟨ψ|ψ'⟩|² ≈ ¼ δᵀF_Qδ and KL(p‖p') ≈ ½ δᵀF_Cδ, both to O(δ³).
    delta = 1e-4 * np.random.default_rng(12).normal(size=len(case.values))
    here, there = bound_state(case, case.values), bound_state(case, case.values + delta)
    quantum = 4 * delta @ reference.qgt_of(*case.vectors).real @ delta
    classical = delta @ reference.cfim_of(*case.vectors) @ delta
    p, q = np.abs(here) ** 2, np.abs(there) ** 2
    seen = p > reference.THRESHOLD
    divergence = np.sum(p[seen] * np.log(p[seen] / q[seen])) if seen.any() else 0.0
    assert_allclose(1 - abs(np.vdot(here, there)) ** 2, quantum / 4, rtol=5e-3, atol=1e-14)
    assert_allclose(divergence, classical / 2, rtol=2e-2, atol=1e-14)


# --- options --------------------------------------------------------------------------------------


def test_mean_over_inputs_is_the_mean_of_bound_circuits():
    circuit = cases.around(lib.UGate(cases.A, cases.B, cases.A * cases.C), lib.RXXGate(cases.C))
    inputs = np.array([[0.3, -1.1], [2.0, 0.4]])
    values = [0.9, -0.4, 0.8]
    bound = [circuit.assign_parameters({cases.C: c, cases.A: a}) for c, a in inputs]
    expected = np.mean([reference.qgt(one, values) for one in bound], axis=0)
    actual = reference.qgt(circuit, values, inputs=inputs, input_parameters=["c", cases.A])
    assert_allclose(actual, expected, rtol=1e-13, atol=1e-14)


def test_parameters_restrict_and_order_the_rows():
    circuit = cases.shared_parameter()
    full = reference.qgt(circuit, [0.4, 1.2])
    assert_allclose(reference.qgt(circuit, [0.4, 1.2], parameters=["b", cases.A]), full[::-1, ::-1])


# --- oracle 14: crx has the eigenvalue gaps {1/2, 1} ----------------------------------------------

CRX = QuantumCircuit(2)
CRX.ry(0.7, 0)
CRX.ry(1.1, 1)
CRX.crx(cases.A, 0, 1)
OBSERVABLE = SparsePauliOp(["IX", "YX", "ZI", "ZX"], [1.0, 0.5, 0.3, 0.8]).to_matrix()


def odd_difference(shift: float) -> float:
    """E(0.4 + shift) − E(0.4 − shift) of an observable that sees both gaps."""
    there, back = (reference.states(CRX, [0.4 + s]) for s in (shift, -shift))
    return float((there.conj() @ OBSERVABLE @ there - back.conj() @ OBSERVABLE @ back).real)


def test_controlled_rotation_needs_four_shifts():
    psi, (dpsi,) = reference.state_and_tangents(CRX, [0.4])
    exact = 2 * float((psi.conj() @ OBSERVABLE @ dpsi).real)
    near, far, root = odd_difference(np.pi / 2), odd_difference(3 * np.pi / 2), np.sqrt(2)
    assert_allclose((root + 1) / (4 * root) * near - (root - 1) / (4 * root) * far, exact, rtol=1e-12)
    assert abs(near / 2 - exact) > 0.05  # the two-term rule


def test_gaps_of_the_controlled_rotation():
    matrix, derivatives = reference.unitary(lib.CRXGate(cases.A), {cases.A: 0.9})
    energies = np.linalg.eigvalsh(1j * matrix.conj().T @ derivatives[cases.A])
    gaps = np.abs(energies[:, None] - energies)
    assert_allclose(np.unique(gaps[gaps > 1e-9].round(12)), [0.5, 1.0], rtol=1e-12)

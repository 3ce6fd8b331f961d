"""Angles as data: values and derivatives against sympy, Qiskit's own binding and finite differences.

Seen to fail: Qiskit's gradient(p).sympify() instead of sympy's derivative (a·b), the offset left out, the
order of columns exchanged, cos read as sin, sympify() of a parameter's name.
"""

from __future__ import annotations

import numpy as np
import pytest
import reference
import sympy as sp
import torch
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterExpression, ParameterVector

from qgeo import Program, compile, quantum_fisher
from qgeo.circuit.expression import expression
from qgeo.errors import CircuitError
from qgeo.simulate.angles import derivative, shared_angles

A, B, X, C = (Parameter(name) for name in ("a", "b", "x", "c"))

sa, sb, sx, sc = sp.symbols("a b x c", real=True)

TABLE = {
    # the angle as a user writes it, and the formula it stands for
    "a": (+A, sa),
    "affine": (1.5 - 2 * A + B / 3, sp.Rational(3, 2) - 2 * sa + sb / 3),
    "three": (A + B - C * 4, sa + sb - 4 * sc),
    "a*b": (A * B, sa * sb),
    "a*x": (A * X, sa * sx),
    "x*a": (X * A, sa * sx),
    "a*b*c": (0.5 * A * B * C + A, sa * sb * sc / 2 + sa),
    "a/b": (A / B, sa / sb),
    "1/a": (1 / A, 1 / sa),
    "(a+b)(a-b)": ((A + B) * (A - B), (sa + sb) * (sa - sb)),
    "a**2": (A**2, sa**2),
    "a**3-a": (A**3 - A, sa**3 - sa),
    "a**-2": (A**-2, sa**-2),
    "a**0.5": (A**0.5, sp.sqrt(sa)),
    "a**b": (A**B, sa**sb),
    "sin": (A.sin(), sp.sin(sa)),
    "cos": (B * A.cos(), sb * sp.cos(sa)),
    "tan": ((A / 3).tan(), sp.tan(sa / 3)),
    "arcs": (
        (A / 4).arcsin() + (B / 4).arccos() + C.arctan(),
        sp.asin(sa / 4) + sp.acos(sb / 4) + sp.atan(sc),
    ),
    "exp": ((A * B).exp(), sp.exp(sa * sb)),
    "2**a": ((np.log(2) * A).exp(), 2**sa),
    "log": (A.log() * B, sp.log(sa) * sb),
    "abs": (abs(A - 2 * B), sp.Abs(sa - 2 * sb)),
    "abs of a product": (abs(A * B).sin(), sp.sin(sp.Abs(sa * sb))),
    "nested": (
        (A.sin() * B).exp() + 2 * A + (3 * C).cos(),
        sp.exp(sp.sin(sa) * sb) + 2 * sa + sp.cos(3 * sc),
    ),
    "conjugate": (A.conjugate() * B, sa * sb),
    "a cancels": (A - A + B, sb + 0 * sa),
    "products cancel": (A * B - B * A + 2 * B, 2 * sb),
    "squares cancel": ((A + B) ** 2 - A**2 - B**2 - 2 * A * B + A, sa),
}

POINT = {A: 0.7, B: 1.3, C: -0.4, X: 2.1}


def angle_program(angle: ParameterExpression) -> Program:
    circuit = QuantumCircuit(1)
    circuit.rx(angle, 0)
    return compile(circuit)


def values_of(program: Program) -> torch.Tensor:
    by_name = {parameter.name: value for parameter, value in POINT.items()}
    return torch.tensor([by_name[name] for name in program.parameters], dtype=torch.float64)


def angle_at(program: Program, values: torch.Tensor) -> torch.Tensor:
    return shared_angles(program, values)[0]


@pytest.mark.parametrize("name", TABLE)
def test_value_is_the_formula(name: str):
    angle, formula = TABLE[name]
    program = angle_program(angle)
    expected = float(formula.subs({sp.Symbol(p.name, real=True): v for p, v in POINT.items()}))
    assert_allclose(angle_at(program, values_of(program)), expected, rtol=1e-14)
    bound = angle.bind({p: POINT[p] for p in angle.parameters}).numeric()
    assert_allclose(expected, bound, rtol=1e-13)  # the table itself


@pytest.mark.parametrize("name", TABLE)
def test_derivatives_are_those_of_the_formula(name: str):
    angle, formula = TABLE[name]
    program = angle_program(angle)
    point = {sp.Symbol(p.name, real=True): v for p, v in POINT.items()}
    expected = [float(formula.diff(sp.Symbol(p, real=True)).subs(point)) for p in program.parameters]
    assert_allclose(jacobian(program, values_of(program)), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", TABLE)
def test_derivatives_are_those_of_autograd_and_of_differences(name: str):
    program = angle_program(TABLE[name][0])
    values = values_of(program).requires_grad_()
    actual = jacobian(program, values.detach())
    (by_torch,) = torch.autograd.grad(angle_at(program, values), values)
    assert_allclose(actual, by_torch, rtol=1e-13, atol=1e-15)
    assert_allclose(actual, differences(TABLE[name][0]), rtol=1e-8, atol=1e-9)


def jacobian(program: Program, values: torch.Tensor) -> list[float]:
    """∂angle/∂p for every parameter, 0 where the angle does not list it."""
    row = dict.fromkeys(range(len(values)), 0.0)
    for slot, column in enumerate(program.angles[0].columns):
        row[column] = float(derivative(program, 0, slot, values))
    return list(row.values())


def differences(angle: ParameterExpression, step: float = 1e-5) -> list[float]:
    """Central differences of Qiskit's own binding, parameters by name."""
    here = {p: POINT[p] for p in sorted(angle.parameters, key=lambda p: p.name)}
    moved = [[angle.bind({**here, p: here[p] + s * step}).numeric() for s in (1, -1)] for p in here]
    return [(up - down) / (2 * step) for up, down in moved]


def test_affine_angles_have_no_tree_and_others_do():
    affine = {name for name, (angle, _) in TABLE.items() if angle_program(angle).angles[0].tree is None}
    assert affine == {"a", "affine", "three", "a cancels", "products cancel"}


def test_columns_come_from_the_caller():
    read = expression(2 * A + 3 * B + 0.25, {"b": 0, "a": 7})
    assert (read.columns, read.derivatives, read.offset, read.tree) == ((0, 7), (3.0, 2.0), 0.25, None)


AT_A, AT_B, LOG_2 = 0.4, 0.7, np.log(2)
POWERS = {  # angle and slopes at (0.4, 0.7)
    "2**(3a)": (2 ** (3 * A), [3 * LOG_2 * 2 ** (3 * AT_A)]),
    "(1/3)**a*b": (B * (1 / 3) ** A, [-np.log(3) * 3**-AT_A * AT_B, 3**-AT_A]),
    "(2**a)**b": ((2**A) ** B, [LOG_2 * 2 ** (AT_A * AT_B) * factor for factor in (AT_B, AT_A)]),
    "-a**2*2**b": (-(A**2) * 2**B, [-2 * AT_A * 2**AT_B, -(AT_A**2) * LOG_2 * 2**AT_B]),
    "sin(2**a)/b": (
        (2**A).sin() / B,
        [np.cos(2**AT_A) * LOG_2 * 2**AT_A / AT_B, -np.sin(2**AT_A) / AT_B**2],
    ),
    "asin(2**(a-2))+b": (
        (2 ** (A - 2)).arcsin() + B,
        [LOG_2 * 2 ** (AT_A - 2) / np.sqrt(1 - 4 ** (AT_A - 2)), 1],
    ),
    "sign(2a)*b": ((2 * A).sign() * B, [0, 1]),
    "sign(a-b)*(a+b)": ((A - B).sign() * (A + B), [-1, -1]),
    "sin(sign(-a)*b)": (((-A).sign() * B).sin(), [0, -np.cos(AT_B)]),
    "sign(a)+2**b": (A.sign() + 2**B, [0, LOG_2 * 2**AT_B]),
}


@pytest.mark.parametrize("name", POWERS)
def test_powers_of_numbers_and_signs(name: str):
    # Seen to fail: the derivative of a sign not set to 0, powers read from left to right.
    angle, slopes = POWERS[name]
    circuit = QuantumCircuit(1)
    circuit.ry(angle, 0)
    found = quantum_fisher(circuit, [AT_A, AT_B][: circuit.num_parameters])
    assert_allclose(found, np.outer(slopes, slopes), rtol=1e-10, atol=1e-12)


def test_products_of_sums_take_no_time():
    # Qiskit's own gradient of five such factors does not end.
    angle = 1 + A
    for _ in range(59):
        angle = angle * (1 + A)
    circuit = QuantumCircuit(1)
    circuit.ry(angle, 0)
    assert_allclose(quantum_fisher(circuit, [0.01]), [[(60 * 1.01**59) ** 2]], rtol=1e-9)


@pytest.mark.parametrize("name", ["θ[0]", "a*b", "x y", "", "sin", "p1"])
def test_powers_with_any_name(name: str):
    p, q = Parameter(name), Parameter("p0")
    circuit = QuantumCircuit(1)
    circuit.ry(2 ** (p - 2 * q), 0)
    values = [0.4 if parameter.name == name else 0.7 for parameter in circuit.parameters]
    slopes = [1 if parameter.name == name else -2 for parameter in circuit.parameters]
    slopes = np.log(2) * 2**-1.0 * np.array(slopes)
    assert_allclose(quantum_fisher(circuit, values), np.outer(slopes, slopes), rtol=1e-10)


def test_complex_angles_are_refused():
    with pytest.raises(CircuitError, match="real angle"):
        angle_program(A * B * 1j)


# --- names that mean something elsewhere ------------------------------------------------------------------

NAMES = [
    "I",
    "E",
    "pi",
    "S",
    "N",
    "O",
    "Q",
    "C",
    "lambda",
    "beta",
    "gamma",
    "zeta",
    "oo",
    "zoo",
    "nan",
    "True",
]
NAMES += [
    "sin",
    "exp",
    "None",
    "Symbol",
    "x y",
    "a*b",
    "x.y",
    "1",
    "_x",
    "α",
    "θ₀",
    "θ[0]",
    "$\\theta$",
    "π",
    "",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_will_do(name: str):
    p, q = Parameter(name), Parameter("zz")
    check_against_reference(p, q)


def test_vector_elements_with_such_names():
    theta, odd = ParameterVector("θ", 12), ParameterVector("I", 3)
    check_against_reference(theta[10], theta[2])
    check_against_reference(odd[1], theta[2])


def check_against_reference(p: Parameter, q: Parameter) -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.rx(p * q, 0)
    circuit.cx(0, 1)
    circuit.ry(p.sin() * q + p**2 - abs(q), 1)
    circuit.rz(0.3 - 2 * q, 1)
    circuit.rx(0.9, 1)
    values = [0.4, 1.3]
    assert_allclose(quantum_fisher(circuit, values), reference.qfim(circuit, values), rtol=1e-10, atol=1e-12)

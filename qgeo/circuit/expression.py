"""Angles as data: a = c·p + b for affine expressions, a small syntax tree for all others.

A tree is a nested tuple: ("number", x), ("parameter", column), or (function, tree, …) with the functions of
`FUNCTIONS`. It holds no Qiskit and no sympy object; `qgeo.simulate.angles` evaluates it on tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qiskit.circuit import Parameter
from qiskit.exceptions import QiskitError

from qgeo.errors import CircuitError

Tree = tuple[Any, ...]

FUNCTIONS = {
    "Add": "add",
    "Mul": "multiply",
    "Pow": "power",
    "exp": "exp",
    "log": "log",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "Abs": "abs",
    "sign": "sign",
    "conjugate": "real",  # parameters are real numbers
    "re": "real",
}
"""Sympy's name of a function → its name in a tree."""


@dataclass(frozen=True)
class Expression:
    """One angle: `offset + Σ_j coefficients[j] · p[columns[j]]`, or `tree` where it is not affine.

    `derivatives[j]` is ∂angle/∂p[columns[j]]: a number where the expression is affine, else a tree.
    """

    columns: tuple[int, ...]
    derivatives: tuple[float | Tree, ...]
    offset: float
    tree: Tree | None


def expression(angle: Any, columns: Mapping[str, int]) -> Expression:
    """Read a Qiskit `ParameterExpression` as data.

    Args:
        angle: the expression; it has at least one free parameter.
        columns: parameter name → column in the vector of all parameters.

    Raises:
        CircuitError: a function that has no tree, or none that can be differentiated.
    """
    if isinstance(angle, Parameter):  # by itself, as most angles are
        return Expression((columns[angle.name],), (1.0,), 0.0, None)
    free = sorted(angle.parameters, key=lambda parameter: columns[parameter.name])
    own_columns = tuple(columns[parameter.name] for parameter in free)
    slopes = _constant_slopes(angle, free)
    if slopes is not None:
        return Expression(own_columns, slopes, _offset(angle), None)
    from qgeo.circuit.symbolic import tree_and_slopes  # sympy takes half a second; most angles are affine

    tree, derivatives = tree_and_slopes(angle, free, columns)
    return Expression(own_columns, derivatives, 0.0, tree)


def _constant_slopes(angle: Any, free: list[Any]) -> tuple[float, ...] | None:
    """∂angle/∂p for every p of an affine angle, None for any other."""
    if not _may_be_affine(angle, free):  # qiskit 2.6.2 takes for ever to differentiate (1 + a)·…·(1 + a)
        return None
    try:
        gradients = [angle.gradient(parameter) for parameter in free]
    except RuntimeError:  # qiskit 2.6.2 does not differentiate sign(p)
        return None
    if any(getattr(gradient, "parameters", None) for gradient in gradients):
        return None
    return tuple(map(real_number, gradients))


def _may_be_affine(angle: Any, free: list[Any]) -> bool:
    """Whether the angle half-way between two points is half-way between its values there."""
    here = [0.7 + 0.31 * i for i in range(len(free))]
    there = [-1.9 + 0.17 * i * (-1) ** i for i in range(len(free))]
    middle = [(a + b) / 2 for a, b in zip(here, there, strict=True)]
    try:
        first, last, between = (
            complex(angle.bind(dict(zip(free, point, strict=True))).numeric())
            for point in (here, there, middle)
        )
    except (ArithmeticError, RuntimeError, ValueError, TypeError, QiskitError):  # outside its domain
        return False
    return abs(first + last - 2 * between) <= 1e-6 * (1 + abs(first) + abs(last))


def real_number(number: Any) -> float:
    """A number that may come as a complex one.

    Raises:
        CircuitError: its imaginary part is more than rounding.
    """
    value = complex(number)
    if abs(value.imag) > 1e-14 * max(1.0, abs(value)):
        raise CircuitError(f"expected a real angle, got one with the complex coefficient {value}")
    return value.real


def _offset(angle: Any) -> float:
    return real_number(angle.bind(dict.fromkeys(angle.parameters, 0.0)).numeric())

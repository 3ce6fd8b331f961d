"""Angles that are not affine: from Qiskit's expression by sympy to a syntax tree and its derivatives.

sympy differentiates: in qiskit 2.6.2, gradient(p).sympify() of a*b can name the wrong symbol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from qgeo.circuit.expression import FUNCTIONS, Tree, real_number
from qgeo.circuit.formula import parsed
from qgeo.errors import CircuitError


def tree_and_slopes(
    angle: Any, free: Sequence[Any], columns: Mapping[str, int]
) -> tuple[Tree, tuple[Tree, ...]]:
    """The tree of a Qiskit expression, and those of its derivatives by the parameters `free`.

    Raises:
        CircuitError: a function that has no tree, or none that can be differentiated.
    """
    formula = _formula(angle)
    slopes = tuple(_walk(_derivative(formula, parameter), columns) for parameter in free)
    return _walk(formula, columns), slopes


def _formula(angle: Any) -> Any:
    """The expression in sympy, its parameters real symbols."""
    try:
        symbolic = angle.sympify()
    except (AttributeError, TypeError, ValueError):  # of a function or a product of such a power
        symbolic = NotImplemented
    if symbolic is NotImplemented:  # qiskit 2.6.2: a number to the power of a parameter
        return parsed(angle)
    return _with_real_symbols(symbolic)


def _derivative(formula: Any, parameter: Any) -> Any:
    """∂formula/∂parameter; sign(x) is constant on either side of 0."""
    slope = formula.diff(sympy.Symbol(parameter.name, real=True))
    return slope.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))


def _with_real_symbols(formula: Any) -> Any:
    """Parameters are real numbers; knowing it, sympy differentiates |x| to sign(x)."""
    return formula.subs({symbol: sympy.Symbol(symbol.name, real=True) for symbol in formula.free_symbols})


def _walk(node: Any, columns: Mapping[str, int]) -> Tree:
    if node.is_Symbol:
        return ("parameter", columns[node.name])
    if node.is_number:
        return ("number", real_number(node.evalf(20)))
    function = FUNCTIONS.get(node.func.__name__)
    if function is None:
        raise CircuitError(
            f"expected a differentiable angle of elementary functions, got {node.func} in {node}"
        )
    return (function, *(_walk(child, columns) for child in node.args))

"""The text of a Qiskit expression → sympy, for what Qiskit (2.6.2) does not convert: numbers to a power.

    2**(3*a) + sin(b)      names, numbers, + − * / **, functions of one argument; nothing is evaluated as code

The text is Python's syntax of expressions and shows numbers to their last digit; what is read is compared
with Qiskit's own value at a point.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import sympy
from qiskit.circuit import Parameter
from qiskit.exceptions import QiskitError

from qgeo.errors import CircuitError

_OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    **{name: getattr(sympy, name) for name in ("sin", "cos", "tan", "asin", "acos", "atan", "exp", "log")},
    **{"abs": sympy.Abs, "sign": sympy.sign, "conj": sympy.conjugate},
}


def parsed(angle: Any) -> Any:
    """The expression in sympy, its parameters real symbols of their names.

    Raises:
        CircuitError: an expression whose text is something else.

    >>> a = Parameter("a")
    >>> parsed(2 ** (3 * a))
    2**(3*a)
    """
    stand_ins = {parameter: Parameter(f"p{i}") for i, parameter in enumerate(angle.parameters)}
    symbols = {own.name: sympy.Symbol(p.name, real=True) for p, own in stand_ins.items()}
    text = str(angle.subs(stand_ins))
    try:
        formula = _read(ast.parse(text, mode="eval").body, symbols)
    except (SyntaxError, KeyError, TypeError, ValueError):
        raise _unreadable(angle) from None
    if not _agree(formula, angle, {p: symbols[own.name] for p, own in stand_ins.items()}):
        raise _unreadable(angle)
    return formula


def _agree(formula: Any, angle: Any, symbols: Mapping[Any, Any]) -> bool:
    """Whether formula and expression have one value at a point where the expression has any."""
    for first in (0.3, -0.7, 0.02):
        point = {parameter: first + 0.1 * i for i, parameter in enumerate(symbols)}
        try:
            theirs = complex(angle.bind(point).numeric())
        except (ArithmeticError, RuntimeError, ValueError, QiskitError):  # outside its domain
            continue
        ours = complex(formula.subs({symbols[p]: number for p, number in point.items()}))
        return abs(ours - theirs) <= 1e-9 * max(1.0, abs(theirs))
    return True


def _read(node: ast.expr, symbols: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return symbols[node.id]
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return sympy.Integer(node.value) if isinstance(node.value, int) else sympy.Float(node.value, 17)
    if isinstance(node, ast.BinOp):
        return _OPERATIONS[type(node.op)](_read(node.left, symbols), _read(node.right, symbols))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_read(node.operand, symbols)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        return _FUNCTIONS[node.func.id](_read(node.args[0], symbols))
    raise ValueError("another expression")


def _unreadable(angle: Any) -> CircuitError:
    return CircuitError(f"expected an angle that Qiskit can write as a formula, got {angle}; use exp(…)")

"""Expressions of OpenQASM 3: Qiskit's importer, with functions, powers and elements of arrays of inputs.

What a name, a range or an index means is decided by `qiskit_qasm3_import`; sizes that a text only claims (a
physical qubit's number, bits that are joined) are checked before anything is built.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from openqasm3 import ast
from qiskit_qasm3_import import expression, types
from qiskit_qasm3_import.exceptions import ConversionError, raise_from_node
from qiskit_qasm3_import.state import physical_qubit_index

MOST_QUBITS = 10_000
"""Of all registers of a text together; as many bits, and as many inputs."""

NUMBER = (types.Int, types.Uint, types.Float, types.Angle)
_MOST_DIGITS = 64  # of the exponent and the bits of a base in a power of integers; others are floats

_FUNCTIONS: dict[str, tuple[Callable[[float], float], str]] = {
    "sin": (math.sin, "sin"),
    "cos": (math.cos, "cos"),
    "tan": (math.tan, "tan"),
    "arcsin": (math.asin, "arcsin"),
    "arccos": (math.acos, "arccos"),
    "arctan": (math.atan, "arctan"),
    "exp": (math.exp, "exp"),
    "log": (math.log, "log"),
    # as Qiskit writes them
    "asin": (math.asin, "arcsin"),
    "acos": (math.acos, "arccos"),
    "atan": (math.atan, "arctan"),
    "abs": (abs, "abs"),
    "sign": (lambda number: float((number > 0) - (number < 0)), "sign"),
    "conj": (float, "conjugate"),
}
"""Of one number: what it is at numbers, and the method of a `ParameterExpression`."""


class LimitError(ConversionError):
    """More than is read."""


def check(count: int, most: int, what: str, node: ast.QASMNode) -> None:
    """
    Raises:
        LimitError: there are more; with the line.
    """
    if count > most:
        raise LimitError(f"at most {most:,} {what} are read, got {count:,}", node)


class Vector(types.Type):
    """An array of inputs."""

    def pretty(self) -> str:
        return "array"


class Values(expression.ValueResolver):
    """Values, with functions, powers and elements of arrays."""

    def visit_Identifier(self, node: ast.Identifier) -> Any:
        index = physical_qubit_index(node.name)
        check(1 + (index or 0), MOST_QUBITS, "qubits", node)
        return super().visit_Identifier(node)

    def visit_FunctionCall(self, node: ast.FunctionCall) -> Any:
        name = node.name.name
        values, kinds = zip(*map(self.visit, node.arguments), strict=True) if node.arguments else ((), ())
        if not all(isinstance(kind, NUMBER) for kind in kinds):
            raise_from_node(node, f"{name} of something that is no number")
        result = _called(name, values)
        if result is None:
            raise_from_node(node, f"the function {name} of {len(values)} arguments is not supported")
        return result, types.Float(const=all(kind.const for kind in kinds))

    def visit_BinaryExpression(self, node: ast.BinaryExpression) -> Any:
        if node.op.name != "**":
            return super().visit_BinaryExpression(node)
        (base, base_kind), (exponent, exponent_kind) = self.visit(node.lhs), self.visit(node.rhs)
        if not isinstance(base_kind, NUMBER) or not isinstance(exponent_kind, NUMBER):
            raise_from_node(node, "a power of something that is no number")
        power = _power(base, exponent)
        const = base_kind.const and exponent_kind.const
        return power, types.Int(const=const) if isinstance(power, int) else types.Float(const=const)

    def visit_Concatenation(self, node: ast.Concatenation) -> Any:
        parts = (value for value, _ in map(self.visit, (node.lhs, node.rhs)))
        check(sum(len(part) for part in parts if hasattr(part, "__len__")), MOST_QUBITS, "joined bits", node)
        return super().visit_Concatenation(node)

    def _index_collection(self, collection: Any, kind: Any, indexer: Any, base: ast.QASMNode) -> Any:
        if not isinstance(kind, Vector):
            return super()._index_collection(collection, kind, indexer, base)
        if isinstance(indexer, ast.DiscreteSet) or len(indexer) != 1:
            raise_from_node(base, "an array of inputs takes one index")
        index, index_kind = self.visit(indexer[0])
        is_integer = isinstance(index_kind, types.Int | types.Uint)
        if not is_integer or not -len(collection) <= index < len(collection):
            raise_from_node(base, f"expected an index below {len(collection)}, got {index}")
        return collection[index], types.Float()


def _called(name: str, values: tuple[Any, ...]) -> Any:
    """A function's value at numbers or expressions; None for one that is not known."""
    if name == "sqrt" and len(values) == 1:
        return values[0] ** 0.5 if _is_free(values[0]) else math.sqrt(values[0])
    if name not in _FUNCTIONS or len(values) != 1:
        return None
    at_number, method = _FUNCTIONS[name]
    return getattr(values[0], method)() if _is_free(values[0]) else at_number(values[0])


def _power(base: Any, exponent: Any) -> Any:
    """An integer only where it is small: 10**10**10 must not be written down."""
    if _is_free(base) or _is_free(exponent):
        return base**exponent
    small = isinstance(base, int) and base.bit_length() <= _MOST_DIGITS
    if small and isinstance(exponent, int) and 0 <= exponent <= _MOST_DIGITS:
        return base**exponent
    return float(base) ** float(exponent)


def _is_free(number: Any) -> bool:
    return bool(getattr(number, "parameters", None))

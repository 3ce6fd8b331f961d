"""How much an OpenQASM 3 program comes to, counted before any gate is built.

A short text may stand for more instructions than a machine holds: gates that call others twice, forty times
over; loops within loops; gates on whole registers. Here a program is visited as the importer does, but for
the building: a loop is visited for its first and its last value and taken as often as it turns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from openqasm3 import ast
from qiskit_qasm3_import.state import LocalScope, State

from qgeo.circuit.loops import MOST_INSTRUCTIONS
from qgeo.circuit.qasm.convert import Converter, inner_statements, is_written_out
from qgeo.circuit.qasm.values import LimitError, check

_DEEPEST = 8  # loops within loops, chosen: each is visited twice


def check_length(program: ast.Program) -> None:
    """
    Raises:
        LimitError: more qubits, bits, inputs or instructions than are read; with the line.
    """
    _Counter().convert(program)


class _Counter(Converter):
    """Counts; whatever else is wrong with a program is for the converter to say."""

    def __init__(self) -> None:
        super().__init__()
        self._count, self._turns, self._depth = 0, 1, 0
        self._length: dict[str, int] = {}  # of a gate, with all definitions written out

    def visit_Program(self, node: ast.Program, context: State) -> State:
        for statement in node.statements:
            try:
                self.visit(statement, context)
            except LimitError:
                raise
            except Exception:
                pass
        return context

    def visit_QuantumGateDefinition(self, node: ast.QuantumGateDefinition, context: State) -> State:
        name = node.name.name
        length = sum(self._length_of(statement, context) for statement in node.body)
        check(length, MOST_INSTRUCTIONS, f"instructions in gate {name}", node)
        self._length[name] = max(1, length)
        return context

    def visit_QuantumGate(self, node: ast.QuantumGate, context: State) -> State:
        return self._add(self._length_of(node, context), node.qubits, node, context)

    def visit_QuantumMeasurementStatement(
        self, node: ast.QuantumMeasurementStatement, context: State
    ) -> State:
        return self._add(1, [node.measure.qubit], node, context)

    def visit_QuantumReset(self, node: ast.QuantumReset, context: State) -> State:
        return self._add(1, [node.qubits], node, context)

    def visit_QuantumPhase(self, node: ast.QuantumPhase, context: State) -> State:
        return self._add(1, node.qubits, node, context)

    def visit_QuantumBarrier(self, _: ast.QuantumBarrier, context: State) -> State:
        return context

    def visit_DelayInstruction(self, node: ast.DelayInstruction, context: State) -> State:
        return self._add(1, node.qubits, node, context)

    def visit_ForInLoop(self, node: ast.ForInLoop, context: State) -> State:
        if not is_written_out(node):
            return self._visit_blocks(node, context)
        values = self.loop_values(node, context)
        turns, before, largest = self._turns, self._count, 0
        self._turns, self._depth = turns * len(values), self._depth + 1
        check(self._turns, MOST_INSTRUCTIONS, "turns of loops", node)
        check(self._depth, _DEEPEST, "loops within loops", node)
        for value in {values[0], values[-1]} if values else ():
            self.visit_turn(node, value, context)
            largest, self._count = max(largest, self._count - before), before
        self._turns, self._depth, self._count = turns, self._depth - 1, before + largest
        return context

    def visit_BranchingStatement(self, node: ast.BranchingStatement, context: State) -> State:
        return self._visit_blocks(node, context)

    def visit_WhileLoop(self, node: ast.WhileLoop, context: State) -> State:
        return self._visit_blocks(node, context)

    def visit_Box(self, node: ast.Box, context: State) -> State:
        return self._visit_blocks(node, context)

    def _visit_blocks(self, node: ast.Statement, context: State) -> State:
        with LocalScope(context) as inner:
            for statement in inner_statements(node):
                self.visit(statement, inner)
        return context

    def _add(self, length: int, places: Iterable[Any], node: ast.QASMNode, context: State) -> State:
        """So many instructions on each of the qubits, or tuples of qubits, that are named."""
        named = (self._resolve_qarg(place, context) for place in places)
        broadcast = max((len(place) for place in named if hasattr(place, "__len__")), default=1)
        self._count += self._turns * length * broadcast
        check(self._count, MOST_INSTRUCTIONS, "instructions", node)
        return context

    def _length_of(self, node: ast.Statement, context: State) -> int:
        """Instructions that a statement comes to on one qubit or one tuple of them."""
        if not isinstance(node, ast.QuantumGate):
            return 1
        length = self._length.get(node.name.name, 1)
        for modifier in node.modifiers:
            if modifier.modifier is ast.GateModifierName.pow and length > 1:
                length *= math.ceil(abs(self._resolve_constant_float(modifier.argument, context))) or 1
        return length

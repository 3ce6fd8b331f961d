"""OpenQASM 3 through Qiskit's importer, with what it leaves out and files use.

The syntax is parsed by `openqasm3` and converted by `qiskit_qasm3_import`; here its converter learns
constants, functions and powers in angles, arrays of inputs, aliases of single bits, `for` loops that index
(written out), outputs, and the gates of stdgates.inc where a text does not include it. A gate's arguments are
taken in the order in which its definition names them (the importer, 0.6.0, takes them in alphabetical order).

Registers are checked before they are built; `count.py` counts everything else before this is called.
"""

from __future__ import annotations

from typing import Any

from openqasm3 import ast
from qiskit.circuit import ParameterVector
from qiskit_qasm3_import import converter, types
from qiskit_qasm3_import.data import Scope, Symbol
from qiskit_qasm3_import.exceptions import ConversionError, raise_from_node
from qiskit_qasm3_import.state import LocalScope, State

from qgeo.circuit.loops import MOST_INSTRUCTIONS
from qgeo.circuit.qasm.values import MOST_QUBITS, NUMBER, LimitError, Values, Vector, check

_BLOCKS = ("block", "if_block", "else_block", "body")  # attributes of statements that hold statements
_INTEGERS = (types.Int, types.Uint)
_INPUT = (ast.FloatType, ast.AngleType)
_CONSTANTS: dict[type, Any] = {
    ast.IntType: types.Int,
    ast.UintType: types.Uint,
    ast.FloatType: types.Float,
    ast.AngleType: types.Float,  # as the importer takes numbers for angles, so that they may be multiplied
}


class Converter(converter.ConvertVisitor):
    """The importer's converter; `permuted` are sentences about calls, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.permuted: list[str] = []
        self._qubits = self._bits = self._inputs = 0
        self._executed = 0  # instructions so far
        self._arguments: dict[str, list[str]] = {}

    def visit_Program(self, node: ast.Program, context: State) -> State:
        for statement in node.statements:
            try:
                context = self.visit(statement, context)
            except ConversionError:
                raise
            except Exception as error:  # without a line: IndexError, QiskitError, ZeroDivisionError …
                reason = " ".join(str(getattr(error, "message", error)).split()) or type(error).__name__
                raise_from_node(statement, reason)
        return context

    def _resolve_generic(self, node: ast.QASMNode, context: State, strict: bool) -> Any:
        return Values(context, strict).resolve(node)

    # --- declarations ---------------------------------------------------------------------------------------

    def visit_QubitDeclaration(self, node: ast.QubitDeclaration, context: State) -> State:
        size = self._size(node.size, context)
        if size > MOST_QUBITS:
            raise LimitError(f"a register of {size} qubits; at most {MOST_QUBITS} are read", node)
        self._qubits += size
        check(self._qubits, MOST_QUBITS, "qubits", node)
        return super().visit_QubitDeclaration(node, context)

    def visit_ClassicalDeclaration(self, node: ast.ClassicalDeclaration, context: State) -> State:
        if isinstance(node.type, ast.BitType):
            self._bits += self._size(node.type.size, context)
            check(self._bits, MOST_QUBITS, "bits", node)
        return super().visit_ClassicalDeclaration(node, context)

    def visit_IODeclaration(self, node: ast.IODeclaration, context: State) -> State:
        if node.io_identifier is ast.IOKeyword.output and isinstance(node.type, ast.BitType):
            declaration = ast.ClassicalDeclaration(type=node.type, identifier=node.identifier)
            declaration.span = node.span
            return self.visit_ClassicalDeclaration(declaration, context)
        if node.io_identifier is ast.IOKeyword.input and isinstance(node.type, ast.ArrayType):
            return self._input_array(node, node.type, context)
        self._inputs += 1
        check(self._inputs, MOST_QUBITS, "inputs", node)
        return super().visit_IODeclaration(node, context)

    def _input_array(self, node: ast.IODeclaration, kind: ast.ArrayType, context: State) -> State:
        if not isinstance(kind.base_type, _INPUT) or len(kind.dimensions) != 1:
            raise_from_node(node, "only vectors of 'float' and 'angle' inputs are supported")
        length = self._size(kind.dimensions[0], context)
        self._inputs += length
        check(self._inputs, MOST_QUBITS, "inputs", node)
        vector = ParameterVector(node.identifier.name, length)
        context.symbol_table.insert(Symbol(vector.name, vector, Vector(), Scope.GLOBAL, node))
        context.all_parameters.update(vector)
        return context

    def visit_ConstantDeclaration(self, node: ast.ConstantDeclaration, context: State) -> State:
        value, given = self._resolve_generic(node.init_expression, context, strict=False)
        kind = _CONSTANTS.get(type(node.type))
        if kind is None or not isinstance(given, NUMBER) or not given.const:
            raise ConversionError("only constant integers, floats and angles are supported", node)
        if kind in _INTEGERS and int(value) != value:
            raise_from_node(node, f"required a constant integer, got {value}")
        number = int(value) if kind in _INTEGERS else float(value)
        symbol = Symbol(node.identifier.name, number, kind(const=True), context.scope, node)
        context.symbol_table.insert(symbol)
        return context

    def visit_AliasStatement(self, node: ast.AliasStatement, context: State) -> State:
        value, kind = self._resolve_generic(node.value, context, strict=True)
        if not isinstance(kind, types.Qubit | types.HardwareQubit | types.Bit):
            return super().visit_AliasStatement(node, context)
        context.symbol_table.insert(Symbol(node.target.name, value, kind, context.scope, node))
        return context

    def _size(self, node: ast.Expression | None, context: State) -> int:
        return 1 if node is None else self._resolve_constant_int(node, context)

    # --- gates ----------------------------------------------------------------------------------------------

    def visit_QuantumGateDefinition(self, node: ast.QuantumGateDefinition, context: State) -> State:
        name, arguments = node.name.name, [argument.name for argument in node.arguments]
        self._arguments[name] = arguments
        return super().visit_QuantumGateDefinition(node, context)

    def _define_gate(self, name: str, definition: Any, *others: Any) -> State:
        if isinstance(definition, converter.GateBuilder):
            circuit = definition._definition
            by_name = {parameter.name: parameter for parameter in circuit.parameters}
            order = [by_name[argument] for argument in self._arguments[name]]
            definition = converter.GateBuilder(name, circuit, order)
        return super()._define_gate(name, definition, *others)

    def _apply_gate_modifier(self, modifier: ast.QuantumGateModifier, gate: Any, context: State) -> Any:
        if modifier.modifier not in (ast.GateModifierName.ctrl, ast.GateModifierName.negctrl):
            return super()._apply_gate_modifier(modifier, gate, context)
        controls = self._size(modifier.argument, context)
        state = 0 if modifier.modifier is ast.GateModifierName.negctrl else None
        return gate.control(controls, ctrl_state=state, annotated=False)  # the importer's way is deprecated

    def visit_QuantumGate(self, node: ast.QuantumGate, context: State) -> State:
        self._define_standard(node, context)
        self._note_order(node)
        self._executed += 1
        check(self._executed, MOST_INSTRUCTIONS, "instructions", node)  # loops may depend on loops
        return super().visit_QuantumGate(node, context)

    def _define_standard(self, node: ast.QuantumGate, context: State) -> None:
        """A gate of stdgates.inc that is called but neither included nor defined."""
        name = node.name.name
        standard = converter._STDGATES.get(name)
        if standard is not None and name not in context.symbol_table:
            build, arguments, qubits = standard
            kind = types.Gate(arguments, qubits)
            context.symbol_table.insert(Symbol(name, build, kind, Scope.GLOBAL, node))

    def _note_order(self, node: ast.QuantumGate) -> None:
        names = self._arguments.get(node.name.name, [])
        given = [argument.name for argument in node.arguments if isinstance(argument, ast.Identifier)]
        if given != names and sorted(given) == sorted(names):
            position = next(i for i, pair in enumerate(zip(given, names, strict=True)) if len({*pair}) > 1)
            line = node.span.start_line if node.span else 0
            self.permuted.append(
                f"line {line} gives {given[position]} to {node.name.name} as its {names[position]}, which "
                "looks permuted, as Qiskit's export of QAOAAnsatz is; write the circuit with "
                "qgeo.save_circuit"
            )

    # --- loops ----------------------------------------------------------------------------------------------

    def visit_ForInLoop(self, node: ast.ForInLoop, context: State) -> State:
        if not is_written_out(node):
            return super().visit_ForInLoop(node, context)
        for value in self.loop_values(node, context):
            self.visit_turn(node, value, context)
        return context

    def visit_turn(self, node: ast.ForInLoop, value: int, context: State) -> None:
        """The statements of a loop, its variable a constant."""
        kind = types.Int if isinstance(node.type, ast.IntType) else types.Uint
        with LocalScope(context) as inner:
            symbol = Symbol(node.identifier.name, value, kind(const=True), Scope.LOCAL, node)
            inner.symbol_table.insert(symbol)
            for statement in node.block:
                self.visit(statement, inner)

    def loop_values(self, node: ast.ForInLoop, context: State) -> Any:
        """The integers that a loop's variable takes."""
        values, kind = self._resolve_generic(node.set_declaration, context, strict=True)
        if isinstance(kind, types.Range) and values.start is not None and values.stop is not None:
            return range(values.start, values.stop, 1 if values.step is None else values.step)
        if not isinstance(kind, types.Sequence):
            raise_from_node(node.set_declaration, "only ranges with a start and an end, and integer sets")
        return values


def is_written_out(loop: ast.ForInLoop) -> bool:
    """Whether a loop over integers takes all its turns, without a `break` or a `continue`, however deep."""
    return isinstance(loop.type, ast.IntType | ast.UintType) and not _may_end_early(loop.block)


def inner_statements(node: ast.Statement) -> list[ast.Statement]:
    """The statements of a block, of both branches, of a box."""
    return [each for name in _BLOCKS for each in getattr(node, name, None) or []]


def _may_end_early(block: list[ast.Statement]) -> bool:
    if any(isinstance(node, ast.BreakStatement | ast.ContinueStatement) for node in block):
        return True
    inner = [each for node in block for each in inner_statements(node)]
    return bool(inner) and _may_end_early(inner)

"""Static control flow, written out: `for` loops over numbers, boxes, and instructions that measure or reset.

    for i in (0, 1, 2): rx(i·a)     →     rx(0)  rx(a)  rx(2a)

What depends on an outcome (`if`, `while`, `switch`, a `break`) stays as it is, for the compiler to refuse.
Instructions are counted before any is written out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import (
    BoxOp,
    BreakLoopOp,
    ContinueLoopOp,
    ControlFlowOp,
    ForLoopOp,
    Instruction,
    Measure,
    Reset,
)
from qiskit.circuit.library import Initialize
from qiskit.exceptions import QiskitError

from qgeo.errors import CircuitError

MOST_INSTRUCTIONS = 1_000_000
"""Of a circuit whose loops are written out, chosen: about a gigabyte of Qiskit objects."""


@dataclass(frozen=True, eq=False)
class Executed:
    """An operation where it is executed.

    Attributes:
        qubits: indices in the whole circuit; clbits: of the whole circuit.
        source: "instruction 3", or "instruction 3 ('for_loop'): instruction 0", for messages.
    """

    operation: Any
    qubits: tuple[int, ...]
    clbits: tuple[Any, ...]
    source: str


def executed(circuit: QuantumCircuit) -> Iterator[Executed]:
    """What is executed, first to last.

    Raises:
        CircuitError: more than a million instructions.

    >>> circuit = QuantumCircuit(2)
    >>> with circuit.for_loop(range(2)):
    ...     _ = circuit.x(1)
    >>> [(each.operation.name, each.qubits) for each in executed(circuit)]
    [('x', (1,)), ('x', (1,))]
    """
    _check_length(circuit)
    return _executed(circuit, _Place.of(circuit))


def rewritten(circuit: QuantumCircuit, change: Callable[[Executed], Any]) -> QuantumCircuit:
    """The circuit with another operation at each instruction, called for in the order of execution.

    Args:
        change: from an instruction to the operation that stands there instead, on the same qubits; without
            classical bits unless it is the same.

    A loop becomes one instruction whose definition has its instructions, so that positions in later errors
    are those of `circuit`.

    Raises:
        CircuitError: more than a million instructions.
    """
    _check_length(circuit)
    return _rewritten(circuit, change, _Place.of(circuit))


def is_static(operation: Any) -> bool:
    """Whether an operation is a sequence of instructions that depends on no outcome."""
    if isinstance(operation, ForLoopOp):
        return not _breaks(operation)
    return isinstance(operation, BoxOp) or _holds(operation, (Measure, Reset, Initialize))


@dataclass(frozen=True, eq=False)
class _Place:
    """Where a circuit stands in the whole one: its qubits and bits there, and what it is inside of."""

    qubits: tuple[int, ...]
    clbits: tuple[Any, ...]
    inside: str

    @staticmethod
    def of(circuit: QuantumCircuit) -> _Place:
        return _Place(tuple(range(circuit.num_qubits)), tuple(circuit.clbits), "")

    def executed(self, circuit: QuantumCircuit, position: int) -> Executed:
        instruction = circuit.data[position]
        qubits = tuple(self.qubits[circuit.find_bit(qubit).index] for qubit in instruction.qubits)
        clbits = tuple(self.clbits[circuit.find_bit(bit).index] for bit in instruction.clbits)
        return Executed(instruction.operation, qubits, clbits, f"{self.inside}instruction {position}")


def _inside(executed: Executed) -> _Place:
    return _Place(executed.qubits, executed.clbits, f"{executed.source} ({executed.operation.name!r}): ")


def _executed(circuit: QuantumCircuit, place: _Place) -> Iterator[Executed]:
    for position in range(len(circuit.data)):
        instruction = place.executed(circuit, position)
        if is_static(instruction.operation):
            yield from _executed(_body(instruction.operation), _inside(instruction))
        else:
            yield instruction


def _rewritten(circuit: QuantumCircuit, change: Callable[[Executed], Any], place: _Place) -> QuantumCircuit:
    result = circuit.copy_empty_like()
    for position, written in enumerate(circuit.data):
        instruction = place.executed(circuit, position)
        if is_static(instruction.operation):
            body = _rewritten(_body(instruction.operation), change, _inside(instruction))
            operation = _as_instruction(body, instruction.operation.name)
        else:
            operation = change(instruction)
        result.append(operation, written.qubits, written.clbits if operation.num_clbits else ())
    return result


def _as_instruction(circuit: QuantumCircuit, name: str) -> Instruction:
    """The circuit as one instruction, on no classical bits where none is used."""
    if not any(instruction.clbits for instruction in circuit.data):
        bare = QuantumCircuit(circuit.qubits, global_phase=circuit.global_phase)
        for instruction in circuit.data:
            bare.append(instruction)
        circuit = bare
    circuit.name = name
    return circuit.to_instruction()


def _body(operation: Any) -> QuantumCircuit:
    """What a static operation does, on its own qubits and bits."""
    if isinstance(operation, BoxOp):
        return operation.body
    if not isinstance(operation, ForLoopOp):
        definition = _definition(operation)
        assert definition is not None
        return definition
    indices, variable, body = operation.params
    result = QuantumCircuit(body.qubits, body.clbits)
    for index in indices:
        used = variable is not None and variable in body.parameters
        turn = body.assign_parameters({variable: index}) if used else body
        result.compose(turn, result.qubits, result.clbits, inplace=True)
    return result


def _holds(operation: Any, kinds: tuple[type, ...]) -> bool:
    """Whether an operation of these kinds stands in the definition of an instruction that is no gate."""
    definition = _definition(operation)
    if definition is None:
        return False
    inner = (instruction.operation for instruction in definition.data)
    return any(isinstance(each, kinds) or _holds(each, kinds) for each in inner)


def _breaks(operation: Any) -> bool:
    """Whether a loop may end before its last turn."""
    inner = (instruction.operation for block in operation.blocks for instruction in block.data)
    return any(
        isinstance(each, BreakLoopOp | ContinueLoopOp) or (isinstance(each, ControlFlowOp) and _breaks(each))
        for each in inner
    )


def _definition(operation: Any) -> QuantumCircuit | None:
    """Of what `to_instruction` makes, and of amplitude data that are numbers by now; other kinds mean what
    their names say."""
    kind = type(operation)
    if kind is not Instruction and kind.__name__ != "ParameterizedInitialize":
        return None
    try:
        return operation.definition
    except QiskitError:  # amplitudes that are parameters
        return None


def _check_length(circuit: QuantumCircuit) -> None:
    count = _count(circuit)
    if count > MOST_INSTRUCTIONS:
        raise CircuitError(
            f"expected at most {MOST_INSTRUCTIONS:,} instructions with all loops written out, got {count:,}; "
            "shorten the loops"
        )


def _count(circuit: QuantumCircuit) -> int:
    return sum(_count_of(instruction.operation) for instruction in circuit.data)


def _count_of(operation: Any) -> int:
    if isinstance(operation, ForLoopOp):
        indices, _, body = operation.params
        return len(indices) * _count(body)
    if isinstance(operation, BoxOp):
        return _count(operation.body)
    definition = _definition(operation)
    return 1 if definition is None else max(1, _count(definition))

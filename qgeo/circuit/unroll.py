"""From a Qiskit circuit to elements, instruction by instruction.

A fixed gate becomes its matrix, a parameterized one its rotations (`gates.py`), a composite one the
elements of its definition. What has no unitary is an error that names the instruction and its position.
"""

from __future__ import annotations

from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import AnnotatedOperation, Barrier, Delay, Gate, Instruction
from qiskit.circuit.library import IGate, Initialize, PauliEvolutionGate, UnitaryGate
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Operator

from qgeo.circuit.elements import Element, Fixed, global_phase, placed
from qgeo.circuit.gates import gate_elements
from qgeo.errors import CircuitError

WITHOUT_EFFECT = (Barrier, Delay, IGate)
_WIDEST_MATRIX = 5  # a wider fixed gate is cheaper as the small gates of its definition


def unroll(circuit: QuantumCircuit) -> list[Element]:
    """Elements of a unitary circuit, its global phase first.

    Raises:
        CircuitError: an instruction is not unitary or cannot be read; the message names it and its position.
    """
    elements = [global_phase(circuit.global_phase)] if is_set(circuit.global_phase) else []
    for position, instruction in enumerate(circuit.data):
        qubits = tuple(circuit.find_bit(qubit).index for qubit in instruction.qubits)
        try:
            inner = operation_elements(instruction.operation)
        except CircuitError as error:
            name = instruction.operation.name
            raise CircuitError(
                f"instruction {position} ({name!r} on qubits {list(qubits)}): {error}"
            ) from None
        elements.extend(placed(inner, qubits))
    return elements


def operation_elements(operation: Any) -> list[Element]:
    """Elements of one operation on its own qubits 0, 1, …"""
    if isinstance(operation, WITHOUT_EFFECT):
        return []
    if is_symbolic(operation) or isinstance(operation, PauliEvolutionGate):
        known = gate_elements(operation, operation_elements)
        return _definition_elements(operation) if known is None else known
    if _is_matrix(operation):
        return [Fixed(_matrix(operation), tuple(range(operation.num_qubits)))]
    return _definition_elements(operation)


def is_set(phase: Any) -> bool:
    return bool(getattr(phase, "parameters", None)) or phase != 0


def is_symbolic(operation: Any) -> bool:
    """Whether an operation depends on a free parameter."""
    if isinstance(operation, AnnotatedOperation):
        return is_symbolic(operation.base_op)
    if any(getattr(parameter, "parameters", None) for parameter in getattr(operation, "params", ())):
        return True
    definition = getattr(operation, "definition", None) if type(operation) in (Gate, Instruction) else None
    return definition is not None and bool(definition.parameters)


def _is_matrix(operation: Any) -> bool:
    if isinstance(operation, Instruction) and not isinstance(operation, Gate):
        return False
    return (
        operation.num_qubits <= _WIDEST_MATRIX
        or isinstance(operation, UnitaryGate)
        or getattr(operation, "definition", None) is None
    )


def _matrix(operation: Any) -> Any:
    try:
        return Operator(operation).data
    except QiskitError:
        raise not_unitary() from None


def _definition_elements(operation: Any) -> list[Element]:
    if getattr(operation, "blocks", None) or isinstance(operation, Initialize):
        raise not_unitary()  # control flow; initialize starts with a reset
    definition = definition_of(operation)
    if definition is None:
        raise not_unitary()
    return unroll(definition)


def definition_of(operation: Any) -> QuantumCircuit | None:
    """The circuit that defines an operation, or None where it has none."""
    try:
        return getattr(operation, "definition", None)
    except (QiskitError, TypeError):  # some gates define themselves only at numbers
        return None


def not_unitary() -> CircuitError:
    """The error for an instruction without a unitary."""
    return CircuitError(
        "expected unitary instructions with a matrix, or with a definition where parameters are unbound, "
        "got one without; remove measurements (circuit.remove_final_measurements()), resets and control "
        "flow, decompose other gates first"
    )

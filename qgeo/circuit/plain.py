"""Circuits as plain data: names, numbers and small formulas that any later version can read.

    rebuilt(plain(c)) ≡ c      same parameters in the same order, same unitary up to a phase

Qiskit's own format of circuits changes with its versions, OpenQASM knows neither functions in angles nor
names with brackets. This form has the standard gates by name, matrices, evolutions under Pauli strings, and
the qubits that are measured at the end; whatever else a circuit holds is replaced by its definition. Global
phases, which no Fisher matrix depends on, are left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.circuit import Barrier, ControlledGate, Delay, Gate, Instruction, Parameter, ParameterVector
from qiskit.circuit.library import PauliEvolutionGate, UnitaryGate, get_standard_gate_name_mapping
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Operator, SparsePauliOp
from typing_extensions import TypeAliasType

from qgeo.circuit.expression import FUNCTIONS, expression
from qgeo.circuit.gates import sparse_pauli
from qgeo.circuit.measured import measured_qubits, unitary_part
from qgeo.circuit.paulis import LETTERS
from qgeo.circuit.unroll import definition_of, is_symbolic, not_unitary
from qgeo.errors import CircuitError
from qgeo.files import FileModel

MOST_QUBITS = 10_000  # chosen: as many as `qasm.py` reads; a damaged file asks for no more memory
_WIDEST_MATRIX = 6  # qubits of a gate without a definition, chosen: 4,096 numbers in the file
_ELEMENT = re.compile(r"(.+)\[(\d{1,6})\]")

Index = Annotated[int, Field(ge=0)]
Tree = TypeAliasType("Tree", "tuple[Tree | str | int | float, ...]")


class PlainAngle(FileModel):
    """offset + Σ slopes[j] · p[columns[j]], or a tree of functions (`expression.py`)."""

    columns: tuple[Index, ...] = ()
    slopes: tuple[float, ...] = ()
    offset: float = 0.0
    tree: Tree | None = None


class PlainGate(FileModel):
    """A gate.

    state: of its controls, None for all in |1⟩; unit: of a delay; matrix: rows of (real, imaginary) of a gate
    that has no name; strings: Pauli strings with coefficients, of an evolution for the time of its angle.
    """

    name: str
    qubits: tuple[Index, ...]
    angles: tuple[float | PlainAngle, ...] = ()
    state: Index | None = None
    unit: Literal["dt", "s", "ms", "us", "ns", "ps"] | None = None
    matrix: tuple[tuple[tuple[float, float], ...], ...] | None = None
    strings: tuple[tuple[Annotated[str, Field(pattern=rf"^[{LETTERS}]+$")], float], ...] | None = None


class PlainCircuit(FileModel):
    """Parameters in `circuit.parameters` order, gates first to last; measured: qubits read at the end."""

    format: Literal[1] = 1
    qubits: Annotated[int, Field(ge=0, le=MOST_QUBITS)]
    parameters: tuple[str, ...]
    gates: tuple[PlainGate, ...]
    measured: tuple[Index, ...] | None = None


def plain(circuit: QuantumCircuit) -> PlainCircuit:
    """A circuit of unitary gates as data, with what it measures at its end.

    Raises:
        CircuitError: an instruction that has neither a name here, nor a definition, nor a small matrix.
    """
    names = tuple(parameter.name for parameter in circuit.parameters)
    columns = {name: column for column, name in enumerate(names)}
    gates = tuple(_gates(unitary_part(circuit), tuple(range(circuit.num_qubits)), columns))
    measured = measured_qubits(circuit)
    return PlainCircuit(qubits=circuit.num_qubits, parameters=names, gates=gates, measured=measured)


def rebuilt(data: PlainCircuit) -> QuantumCircuit:
    """The circuit that data describe.

    Raises:
        CircuitError: gates, places or formulas that cannot be; nothing of it is evaluated as text.
    """
    circuit, parameters = QuantumCircuit(data.qubits), _parameters(data.parameters)
    for position, gate in enumerate(data.gates):
        try:
            circuit.append(_operation(gate, parameters), gate.qubits)
        except (QiskitError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
            reason = " ".join(str(getattr(error, "message", error)).split())[:100]
            raise CircuitError(f"gate {position} ({gate.name[:40]!r}) cannot be read: {reason}") from None
    if data.measured is not None:
        _measure(circuit, data.measured)
    names = tuple(parameter.name for parameter in circuit.parameters)
    if names != data.parameters:
        raise CircuitError(f"expected {len(data.parameters)} parameters in their order, got {len(names)}")
    return circuit


# --- out ----------------------------------------------------------------------------------------------------


def _gates(
    circuit: QuantumCircuit, qubits: tuple[int, ...], columns: Mapping[str, int]
) -> Iterator[PlainGate]:
    for step in circuit.data:
        places = tuple(qubits[circuit.find_bit(qubit).index] for qubit in step.qubits)
        known = _plain_gate(step.operation, places, columns)
        if known is not None:
            yield known
        else:
            yield from _defined(step.operation, places, columns)


def _plain_gate(operation: Any, qubits: tuple[int, ...], columns: Mapping[str, int]) -> PlainGate | None:
    if isinstance(operation, Barrier):
        return PlainGate(name="barrier", qubits=qubits)
    if isinstance(operation, Delay):
        return PlainGate(
            name="delay", qubits=qubits, angles=(float(operation.duration),), unit=operation.unit
        )
    if isinstance(operation, PauliEvolutionGate):
        return _evolution(operation, qubits, columns)
    if isinstance(operation, UnitaryGate):
        return _matrix(operation, qubits)
    name = _name_of().get(getattr(operation, "base_class", type(operation)))
    if name is None:
        return None
    angles = tuple(_angle(angle, columns) for angle in operation.params)
    state = operation.ctrl_state if isinstance(operation, ControlledGate) else None
    all_ones = state is not None and state == 2**operation.num_ctrl_qubits - 1
    return PlainGate(name=name, qubits=qubits, angles=angles, state=None if all_ones else state)


def _defined(operation: Any, qubits: tuple[int, ...], columns: Mapping[str, int]) -> Iterator[PlainGate]:
    """A composite gate by its definition, else by its matrix."""
    is_composite = (
        isinstance(operation, Gate) or type(operation) is Instruction
    )  # a loop, written out, is one
    definition = definition_of(operation) if is_composite else None
    if definition is not None and definition.num_clbits == 0:
        yield from _gates(definition, qubits, columns)
    elif is_symbolic(operation) or operation.num_qubits > _WIDEST_MATRIX or operation.num_clbits:
        raise not_unitary(operation)
    else:
        yield _matrix(operation, qubits)


def _matrix(operation: Any, qubits: tuple[int, ...]) -> PlainGate:
    try:
        rows = Operator(operation).data
    except QiskitError:
        raise not_unitary(operation) from None
    matrix = tuple(tuple((number.real, number.imag) for number in row) for row in rows.tolist())
    return PlainGate(name="unitary", qubits=qubits, matrix=matrix)


def _evolution(gate: PauliEvolutionGate, qubits: tuple[int, ...], columns: Mapping[str, int]) -> PlainGate:
    operators = gate.operator if isinstance(gate.operator, list) else [gate.operator]
    terms = [term for operator in operators for term in sparse_pauli(operator).to_list()]
    if any(abs(complex(weight).imag) > 0 for _, weight in terms):
        raise CircuitError("expected a Hermitian generator, got complex coefficients")
    strings = tuple((label, complex(weight).real) for label, weight in terms)
    return PlainGate(name="evolution", qubits=qubits, angles=(_angle(gate.time, columns),), strings=strings)


def _angle(angle: Any, columns: Mapping[str, int]) -> float | PlainAngle:
    if not getattr(angle, "parameters", None):
        return float(angle)
    read = expression(angle, columns)
    if read.tree is not None:
        return PlainAngle(tree=read.tree)
    slopes = tuple(slope for slope in read.derivatives if isinstance(slope, float))
    return PlainAngle(columns=read.columns, slopes=slopes, offset=read.offset)


# --- back ---------------------------------------------------------------------------------------------------


def _parameters(names: Sequence[str]) -> list[Parameter]:
    """Elements of vectors where the names are such, so that they keep their order by index."""
    elements = [_ELEMENT.fullmatch(name) for name in names]
    longest: dict[str, int] = {}
    for element in filter(None, elements):
        longest[element[1]] = max(longest.get(element[1], 0), int(element[2]) + 1)
    vectors = {name: ParameterVector(name, length) for name, length in longest.items()}
    pairs = zip(names, elements, strict=True)
    return [
        vectors[match[1]][int(match[2])] if match is not None else Parameter(name) for name, match in pairs
    ]


def _measure(circuit: QuantumCircuit, qubits: tuple[int, ...]) -> None:
    if any(qubit >= circuit.num_qubits for qubit in qubits):
        raise CircuitError(f"expected measured qubits below {circuit.num_qubits}, got {max(qubits)}")
    bits = ClassicalRegister(len(qubits), "meas")
    circuit.add_register(bits)
    circuit.measure(qubits, bits)


def _operation(gate: PlainGate, parameters: Sequence[Parameter]) -> Any:
    if gate.name == "barrier":
        return Barrier(len(gate.qubits))
    angles = [_formula(angle, parameters) for angle in gate.angles]
    if gate.name == "delay":
        duration = angles[0]
        return Delay(int(duration) if gate.unit == "dt" else duration, gate.unit or "dt")
    if gate.strings is not None:
        return PauliEvolutionGate(SparsePauliOp.from_list(list(gate.strings)), time=angles[0])
    if gate.matrix is not None:
        numbers = np.array(gate.matrix, dtype=float)
        return UnitaryGate(numbers[..., 0] + 1j * numbers[..., 1])
    controls = {} if gate.state is None else {"ctrl_state": gate.state}
    return _class_of()[gate.name](*angles, **controls)


def _formula(angle: float | PlainAngle, parameters: Sequence[Parameter]) -> Any:
    if not isinstance(angle, PlainAngle):
        return angle
    if angle.tree is not None:
        return _grown(angle.tree, parameters)
    terms = [
        parameters[column] if slope == 1.0 else slope * parameters[column]
        for column, slope in zip(angle.columns, angle.slopes, strict=True)
    ]
    total = sum(terms[1:], terms[0])
    return total if angle.offset == 0.0 else total + angle.offset


def _grown(tree: Any, parameters: Sequence[Parameter]) -> Any:
    name, *children = tree
    if name == "number":
        (number,) = children
        if not math.isfinite(number):
            raise ValueError("expected a finite number")
        return float(number)
    if name == "parameter":
        (column,) = children
        return dict(enumerate(parameters))[column]  # no list, in which -1 is a place
    if name not in FUNCTIONS.values():
        raise ValueError("expected a function that is known")
    return _applied(name, [_grown(child, parameters) for child in children])


def _applied(name: str, values: list[Any]) -> Any:
    if name == "add":
        return sum(values[1:], values[0])
    if name == "multiply":
        return math.prod(values[1:], start=values[0])
    if name == "power":
        base, exponent = values
        return base**exponent
    (value,) = values
    return value.conjugate() if name == "real" else getattr(value, name)()


@cache
def _class_of() -> dict[str, Any]:
    """Unitary standard gates by name."""
    known = get_standard_gate_name_mapping().items()
    gates = {name: gate.base_class for name, gate in known if isinstance(gate, Gate)}
    del gates["global_phase"]
    return gates


@cache
def _name_of() -> dict[Any, str]:
    return {kind: name for name, kind in _class_of().items()}

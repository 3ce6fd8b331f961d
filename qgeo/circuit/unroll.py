"""From a Qiskit circuit to items, instruction by instruction, and from items to elements.

A fixed gate becomes its matrix, a parameterized one its rotations (`gates.py`), a composite parameterized one
the items of its definition. What has no unitary is an error that names the instruction and its position.
Exact simulation reads the elements, estimators the items: they must agree on what stands where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from qiskit import QuantumCircuit
from qiskit.circuit import AnnotatedOperation, Barrier, ControlFlowOp, Delay, Gate, Instruction, Reset
from qiskit.circuit.library import IGate, Initialize, PauliEvolutionGate, RVGate, UnitaryGate
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Operator

from qgeo.circuit.elements import Element, Fixed, Rotation, StringRotation, global_phase, placed
from qgeo.circuit.gates import evolution_elements, gate_elements, hamiltonian_terms
from qgeo.circuit.layers import Placeable
from qgeo.circuit.names import in_registers
from qgeo.circuit.paulis import Term, all_commute, spread
from qgeo.circuit.rotation_vector import rotation_vector
from qgeo.errors import CircuitError

Result = TypeVar("Result")

WITHOUT_EFFECT = (Barrier, Delay, IGate)
_WIDEST_MATRIX = 5  # a wider fixed gate is cheaper as the small gates of its definition


@dataclass(frozen=True, eq=False)
class Item:
    """What stands in a circuit as one: a fixed gate, or a rotation by one angle.

    Attributes:
        source: "instruction 3 ('crx' on qubits [0, 1])", for messages.
        qubits: that it occupies; elements: what it does, on the circuit's qubits (nothing for a delay).
        operation: the Qiskit gate of a fixed one, None where it is a piece of another gate.
        angle: of a rotation, None for a fixed gate.
        terms: of a PauliEvolutionGate with a free time, one generator whatever its elements are.
    """

    source: str
    qubits: tuple[int, ...]
    elements: tuple[Element, ...]
    operation: Any = None
    angle: Any = None
    terms: tuple[Term, ...] | None = None

    def placeable(self, angles: tuple[int, ...] = ()) -> Placeable:
        """As the layers see it; `angles` are those by which it rotates, numbered by whoever asks."""
        if self.angle is None:
            return Placeable(self.qubits)
        if self.terms is not None:
            return Placeable(self.qubits, self.terms, angles=angles)
        [element] = self.elements
        if isinstance(element, StringRotation):
            return Placeable(element.qubits, (element.term,), angles=angles)
        assert isinstance(element, Rotation)
        return Placeable(element.qubits, generator=element.generator, angles=angles)


def circuit_items(
    circuit: QuantumCircuit, qubits: tuple[int, ...] | None = None, inside: str = ""
) -> Iterator[Item]:
    """Items of a unitary circuit, its global phase first.

    Args:
        qubits: what the circuit's qubits are called outside; inside: the instruction that it defines.

    Raises:
        CircuitError: an instruction is not unitary or cannot be read; the message names it and its position.
    """
    if is_set(circuit.global_phase):
        phase = global_phase(circuit.global_phase)
        yield Item(inside, (), (phase,), angle=getattr(phase, "angle", None))
    for position, instruction in enumerate(circuit.data):
        local = tuple(circuit.find_bit(qubit).index for qubit in instruction.qubits)
        outer = local if qubits is None else tuple(qubits[q] for q in local)
        operation = instruction.operation
        named = "" if inside else in_registers(circuit, local)
        place = f"instruction {position} ({operation.name!r} on qubits {list(outer)}{named})"
        source = f"{inside}: {place}" if inside else place
        yield from _operation_items(operation, outer, source)


def _operation_items(operation: Any, qubits: tuple[int, ...], source: str) -> Iterator[Item]:
    if isinstance(operation, Barrier):
        return
    if isinstance(operation, WITHOUT_EFFECT):
        yield Item(source, qubits, (), operation)
    elif isinstance(operation, PauliEvolutionGate):
        yield from _evolution_items(operation, qubits, source)
    elif not is_symbolic(operation) and isinstance(operation, Gate):
        yield Item(source, qubits, _read(operation, qubits, source), operation)
    else:
        yield from _composite_items(operation, qubits, source)


def _evolution_items(gate: PauliEvolutionGate, qubits: tuple[int, ...], source: str) -> Iterator[Item]:
    """exp(−i t H): one rotation, or one gate; where it has a number for t and terms that do not commute, its
    matrix, as Qiskit's definition of it is not exact."""
    terms = _named(source, lambda: hamiltonian_terms(gate))
    elements = tuple(placed(_named(source, lambda: evolution_elements(terms, gate.time)), qubits))
    if is_symbolic(gate):
        yield Item(source, qubits, elements, angle=gate.time, terms=_generator_terms(terms, qubits))
    elif not all_commute(terms):
        yield from _pieces(elements, source)
    else:
        yield Item(source, qubits, elements, gate)


def _generator_terms(terms: list[Term], qubits: tuple[int, ...]) -> tuple[Term, ...]:
    """The strings of 2H, the generator of exp(−i t H), on the circuit's qubits."""
    return tuple(Term(spread(x, qubits), spread(z, qubits), 2 * weight) for x, z, weight in terms)


def _composite_items(operation: Any, qubits: tuple[int, ...], source: str) -> Iterator[Item]:
    known = _named(source, lambda: _known_elements(operation))
    if known is not None:
        yield from _pieces(placed(known, qubits), source)
    else:
        yield from circuit_items(_named(source, lambda: _unitary_definition(operation)), qubits, source)


def _known_elements(operation: Any) -> list[Element] | None:
    if isinstance(operation, AnnotatedOperation):
        return operation_elements(operation)
    return gate_elements(operation, operation_elements) if is_symbolic(operation) else None


def _pieces(elements: Iterable[Element], source: str) -> Iterator[Item]:
    for element in elements:
        yield Item(source, element.qubits, (element,), angle=getattr(element, "angle", None))


def _read(operation: Any, qubits: tuple[int, ...], source: str) -> tuple[Element, ...]:
    return tuple(placed(_named(source, lambda: operation_elements(operation)), qubits))


def _named(source: str, read: Callable[[], Result]) -> Result:
    """What `read` gives; its errors say where they come from."""
    try:
        return read()
    except CircuitError as error:
        raise CircuitError(f"{source}: {error}") from None


def unroll(circuit: QuantumCircuit) -> list[Element]:
    """Elements of a unitary circuit, its global phase first. Errors: see `circuit_items`."""
    return [element for item in circuit_items(circuit) for element in item.elements]


def operation_elements(operation: Any) -> list[Element]:
    """Elements of one operation on its own qubits 0, 1, …"""
    if isinstance(operation, WITHOUT_EFFECT):
        return []
    if is_symbolic(operation) or isinstance(operation, PauliEvolutionGate):
        known = gate_elements(operation, operation_elements)
        return unroll(_unitary_definition(operation)) if known is None else known
    if _is_matrix(operation):
        return [Fixed(_matrix(operation), tuple(range(operation.num_qubits)))]
    return unroll(_unitary_definition(operation))


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
        raise not_unitary(operation) from None


def _unitary_definition(operation: Any) -> QuantumCircuit:
    if getattr(operation, "blocks", None) or isinstance(operation, Initialize):
        raise not_unitary(operation)  # control flow; initialize starts with a reset
    definition = definition_of(operation)
    if definition is None:
        raise not_unitary(operation)
    return definition


def definition_of(operation: Any) -> QuantumCircuit | None:
    """The circuit that defines an operation, or None where it has none."""
    if isinstance(operation, RVGate) and is_symbolic(operation):
        return rotation_vector(operation)
    try:
        return getattr(operation, "definition", None)
    except (QiskitError, TypeError):  # some gates define themselves only at numbers
        return None


def not_unitary(operation: Any) -> CircuitError:
    """The error for an instruction without a unitary; of what is usual, what to do comes first."""
    if isinstance(operation, Reset | Initialize):
        return CircuitError(
            "expected unitary instructions behind the first gates, got a preparation of qubits that a gate "
            "acted on; prepare before all gates, or take another qubit"
        )
    if isinstance(operation, ControlFlowOp):
        return CircuitError(
            "expected unitary instructions, got one that depends on an outcome or ends a loop early; take "
            "one branch, as a circuit of its own"
        )
    return CircuitError(
        "expected unitary instructions with a matrix, or with a definition where parameters are unbound, "
        "got one without; measure only at the end, remove later resets and control flow, decompose "
        "other gates first"
    )

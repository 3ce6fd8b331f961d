"""A circuit that prepares and measures, taken apart: its unitary part, and how outcomes are read from it.

    circuit = (resets and initial states) · U · (measurements)      →      U, and z ↦ outcome

A reset of a qubit that nothing has touched does nothing, an `initialize` there is a state preparation, and a
measurement at the end only names a classical bit; loops over numbers are written out (`loops.py`). The
outcome of basis state z is an integer: the bits that measurements wrote into the classical register, bit 0
the least significant; bits never written are 0, qubits never measured are summed over. Classical bits stay
logical through a transpiler; a circuit that is measured only behind it names physical qubits, and is read
through its layout or refused.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Barrier, Measure, Reset
from qiskit.circuit.library import Initialize

from qgeo.circuit.layout import logical_qubits
from qgeo.circuit.loops import Executed, executed, is_static, rewritten
from qgeo.circuit.names import in_registers
from qgeo.circuit.unroll import WITHOUT_EFFECT
from qgeo.errors import CircuitError

MOST_QUBITS = 26
"""Widest circuit whose outcomes are listed: 2²⁶ integers take half a gigabyte."""

_USUAL_REGISTERS = ("meas", "c")


def unitary_part(circuit: QuantumCircuit) -> QuantumCircuit:
    """U of a circuit, one instruction for one: loops written out, first resets and initial states as
    preparation, barriers in the places of first resets and of measurements at the end.

    Raises:
        CircuitError: a measured qubit is used again; the message names both instructions.

    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.reset(0), circuit.h(0), circuit.measure_all()
    >>> [instruction.operation.name for instruction in unitary_part(circuit).data]
    ['barrier', 'h', 'barrier', 'barrier']
    """
    if not any(_is_special(instruction.operation) for instruction in circuit.data):
        return circuit
    touched: set[int] = set()
    measured: dict[int, str] = {}

    def unitary(instruction: Executed) -> Any:
        if isinstance(instruction.operation, Measure):
            measured[instruction.qubits[0]] = instruction.source
            return Barrier(1)
        _check_end(circuit, instruction, measured)
        operation = (
            _started(instruction.operation)
            if touched.isdisjoint(instruction.qubits)
            else instruction.operation
        )
        if not isinstance(instruction.operation, (*WITHOUT_EFFECT, Reset)):
            touched.update(instruction.qubits)
        return operation

    return rewritten(circuit, unitary)


def measured_qubits(circuit: QuantumCircuit) -> tuple[int, ...] | None:
    """The qubits that classical bits hold at the end, ascending; None where the circuit measures nothing.

    F_C of the bits depends on nothing else: it is that of the marginal distribution over these qubits, in
    whatever order and however often they are read. Of two measurements into one bit the later one counts.

    >>> circuit = QuantumCircuit(3, 2)
    >>> _ = circuit.measure(0, 1), circuit.measure([2, 1], [0, 1])
    >>> measured_qubits(circuit)
    (1, 2)
    """
    read = _qubit_of_bit(circuit).values()
    return tuple(sorted(set(read))) or None


def measurement_note(circuit: QuantumCircuit) -> str | None:
    """One sentence where measurements at the end of a circuit are left out of F_Q, else None.

    Raises:
        CircuitError: a measured qubit is used again.
    """
    qubits = measured_qubits(circuit)
    if qubits is None:
        return None
    unitary_part(circuit)  # what is refused needs no note
    return (
        f"the measurements at the end of the circuit ({len(qubits)} of {circuit.num_qubits} qubits) are left "
        "out: this is about the state before them"
    )


def note_measurements(circuit: Any) -> None:
    """Log `measurement_note` for a circuit; a compiled program has none left to speak of."""
    note = measurement_note(circuit) if isinstance(circuit, QuantumCircuit) else None
    if note is not None:
        logging.getLogger("qgeo").warning("note: %s", note)


def outcomes(circuit: QuantumCircuit) -> NDArray[np.int64]:
    """The outcome that every basis state is read as, (2ⁿ,).

    Of several classical registers the one named `meas` is read, else the one named `c`, as
    qiskit-machine-learning does; else all classical bits in circuit order.

    Raises:
        CircuitError: the circuit measures nothing, or is too wide to list its outcomes.

    >>> circuit = QuantumCircuit(2, 2)
    >>> _ = circuit.measure([0, 1], [1, 0])
    >>> outcomes(circuit)
    array([0, 2, 1, 3])
    """
    qubit_of = _qubit_of_bit(circuit)
    if not qubit_of:
        raise CircuitError("expected a circuit that measures, got none of its bits; add measure_all()")
    places = {place: qubit_of[bit] for place, bit in enumerate(_bits_read(circuit)) if bit in qubit_of}
    return _read(circuit, places)


def logical_outcomes(circuit: QuantumCircuit) -> NDArray[np.int64]:
    """The same where the circuit's own qubits are read in order, through its layout: (2ⁿ,).

    Raises:
        CircuitError: the circuit is too wide to list its outcomes.
    """
    return _read(circuit, dict(enumerate(logical_qubits(circuit))))


def names_physical_qubits(circuit: QuantumCircuit) -> bool:
    """Whether it was measured behind a transpiler: qubit i into bit i, though its qubits lie elsewhere."""
    logical, qubit_of = logical_qubits(circuit), _qubit_of_bit(circuit)
    measured = [qubit_of.get(bit) for bit in _bits_read(circuit)]
    return logical != list(range(len(logical))) and measured == list(range(circuit.num_qubits))


def reachable(circuit: QuantumCircuit) -> NDArray[np.bool_]:
    """Basis states that a unitary circuit can reach from |0…0⟩: qubits that no gate acts on stay 0; (2ⁿ,)."""
    without_effect = (*WITHOUT_EFFECT, Measure, Reset)
    acting = (each for each in executed(circuit) if not isinstance(each.operation, without_effect))
    touched = {qubit for each in acting for qubit in each.qubits}
    idle = sum(1 << qubit for qubit in range(circuit.num_qubits) if qubit not in touched)
    return np.asarray(_basis(circuit) & idle == 0)


def measures(circuit: QuantumCircuit) -> bool:
    """Whether the circuit has a measurement outside conditional branches."""
    return bool(_qubit_of_bit(circuit))


def _read(circuit: QuantumCircuit, qubit_at: dict[int, int]) -> NDArray[np.int64]:
    """Every basis state as the integer whose bit at each place is that of a qubit."""
    basis = _basis(circuit)
    bits = (((basis >> qubit) & 1) << place for place, qubit in qubit_at.items())
    return sum(bits, np.zeros_like(basis))


def _basis(circuit: QuantumCircuit) -> NDArray[np.int64]:
    if circuit.num_qubits > MOST_QUBITS:
        raise CircuitError(
            f"expected at most {MOST_QUBITS} qubits for a list of outcomes, got {circuit.num_qubits}; give "
            "the circuit as it was before it was transpiled"
        )
    return np.arange(2**circuit.num_qubits)


def _is_special(operation: Any) -> bool:
    return isinstance(operation, Measure | Reset | Initialize) or is_static(operation)


def _started(operation: Any) -> Any:
    """What an operation is on qubits that are in |0⟩."""
    if isinstance(operation, Reset):
        return Barrier(1)
    if isinstance(operation, Initialize):
        return operation.definition.data[-1].operation  # behind its resets
    return operation


def _check_end(circuit: QuantumCircuit, instruction: Executed, measured: Mapping[int, str]) -> None:
    """Raise a CircuitError where an instruction acts on a qubit that was measured before."""
    if isinstance(instruction.operation, WITHOUT_EFFECT):
        return
    for qubit in instruction.qubits:
        if qubit in measured:
            place = f"qubit {qubit}{in_registers(circuit, [qubit])}"
            raise CircuitError(
                f"expected measurements at the end of the circuit, got {measured[qubit]} ('measure' on "
                f"{place}) before {instruction.source} ({instruction.operation.name!r}); measure last, or "
                "sample the circuit instead"
            )


def _qubit_of_bit(circuit: QuantumCircuit) -> dict[Any, int]:
    """Index of the qubit that each classical bit holds at the end: the last measurement into it counts."""
    if not circuit.clbits:
        return {}
    measurements = (each for each in executed(circuit) if isinstance(each.operation, Measure))
    return {each.clbits[0]: each.qubits[0] for each in measurements}


def _bits_read(circuit: QuantumCircuit) -> list[Any]:
    named = {register.name: register for register in circuit.cregs}
    register = next((named[name] for name in _USUAL_REGISTERS if name in named), None)
    return list(circuit.clbits if register is None else register)

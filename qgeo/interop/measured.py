"""A circuit that prepares and measures, taken apart: its unitary part, and how outcomes are read from it.

    circuit = (resets and initial states) · U · (measurements)      →      U, and z ↦ outcome

A reset of a qubit that nothing has touched does nothing, an `initialize` there is a state preparation, and a
measurement at the end only names a classical bit. The outcome of basis state z is an integer: the bits that
measurements wrote into the classical register, bit 0 the least significant; bits never written are 0, qubits
never measured are summed over. Classical bits stay logical through a transpiler; a circuit that is measured
only behind it names physical qubits, and is read through its layout or refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Barrier, CircuitInstruction, Delay, Measure, Reset
from qiskit.circuit.library import Initialize

from qgeo.circuit.layout import logical_qubits
from qgeo.errors import CircuitError

MOST_QUBITS = 26
"""Widest circuit whose outcomes are listed: 2²⁶ integers take half a gigabyte."""

_WITHOUT_EFFECT = (Barrier, Delay)
_USUAL_REGISTERS = ("meas", "c")


def without_initial_resets(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with its first resets and initial states as unitary instructions, one for one.

    Barriers stand for resets, so that positions in later errors are those of `circuit`.
    """
    if not _has(circuit, Reset, Initialize):
        return circuit
    touched: set[Any] = set()
    result = circuit.copy_empty_like()
    for instruction in circuit.data:
        result.append(_started(instruction) if touched.isdisjoint(instruction.qubits) else instruction)
        if not isinstance(instruction.operation, (*_WITHOUT_EFFECT, Reset)):
            touched.update(instruction.qubits)
    return result


def without_final_measurements(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with barriers in the places of its measurements.

    Raises:
        CircuitError: a measured qubit is used again; the message names both instructions.
    """
    measured: dict[Any, int] = {}
    result = circuit.copy_empty_like()
    for position, instruction in enumerate(circuit.data):
        if isinstance(instruction.operation, Measure):
            measured[instruction.qubits[0]] = position
            result.append(CircuitInstruction(Barrier(1), instruction.qubits))
            continue
        _check_end(circuit, position, measured)
        result.append(instruction)
    return result


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
    acting = (step for step in circuit.data if not isinstance(step.operation, (*_WITHOUT_EFFECT, Measure)))
    touched = {circuit.find_bit(qubit).index for step in acting for qubit in step.qubits}
    idle = sum(1 << qubit for qubit in range(circuit.num_qubits) if qubit not in touched)
    return np.asarray(_basis(circuit) & idle == 0)


def measures(circuit: QuantumCircuit) -> bool:
    """Whether the circuit has a measurement."""
    return _has(circuit, Measure)


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


def _has(circuit: QuantumCircuit, *kinds: type) -> bool:
    return any(isinstance(instruction.operation, kinds) for instruction in circuit.data)


def _started(instruction: CircuitInstruction) -> CircuitInstruction:
    """What an instruction is on qubits that are in |0⟩."""
    if isinstance(instruction.operation, Reset):
        return CircuitInstruction(Barrier(1), instruction.qubits)
    if isinstance(instruction.operation, Initialize):
        preparation = instruction.operation.definition.data[-1].operation  # behind its resets
        return CircuitInstruction(preparation, instruction.qubits)
    return instruction


def _check_end(circuit: QuantumCircuit, position: int, measured: dict[Any, int]) -> None:
    """Raise a CircuitError where instruction `position` acts on a qubit that was measured before."""
    instruction = circuit.data[position]
    if isinstance(instruction.operation, _WITHOUT_EFFECT):
        return
    for qubit in instruction.qubits:
        if qubit in measured:
            raise CircuitError(
                f"expected measurements at the end of the circuit, got instruction {measured[qubit]} "
                f"('measure' on qubit {circuit.find_bit(qubit).index}) before instruction {position} "
                f"({instruction.operation.name!r}); measure last, or sample the circuit instead"
            )


def _qubit_of_bit(circuit: QuantumCircuit) -> dict[Any, int]:
    """Index of the qubit that each classical bit holds at the end: the last measurement into it counts."""
    return {
        instruction.clbits[0]: circuit.find_bit(instruction.qubits[0]).index
        for instruction in circuit.data
        if isinstance(instruction.operation, Measure)
    }


def _bits_read(circuit: QuantumCircuit) -> list[Any]:
    named = {register.name: register for register in circuit.cregs}
    register = next((named[name] for name in _USUAL_REGISTERS if name in named), None)
    return list(circuit.clbits if register is None else register)

"""Circuits of a job as programs: each circuit is compiled once, equal ones are computed side by side.

A job of qiskit-machine-learning is a list of (circuit, values, parameters). Every circuit is compiled with
all its parameters as inputs, so that the rows of a job that share a circuit are one batch of one program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qgeo.circuit.compiler import compile
from qgeo.circuit.measured import (
    names_physical_qubits,
    note_measurements,
    outcomes,
    reachable,
)
from qgeo.circuit.program import Program
from qgeo.errors import CircuitError
from qgeo.geometry.request import Request, requested

CACHED_CIRCUITS = 64
"""Programs kept by each object, those not used for longest dropped first."""


@dataclass(frozen=True, eq=False)
class CompiledCircuit:
    """A circuit as it was when compiled, and what came out.

    Attributes:
        source: a copy; program: all parameters are inputs, in `circuit.parameters` order.
        outcomes: (2ⁿ,) how each basis state is read, −1 for one that cannot be reached because no gate acts
            on a qubit of it; None where the circuit may not measure.
    """

    source: QuantumCircuit
    program: Program
    outcomes: NDArray[np.int64] | None

    def is_of(self, circuit: QuantumCircuit) -> bool:
        """Whether `circuit` is the same, instruction by instruction; angles are compared exactly."""
        source = self.source
        return (
            len(source.data) == len(circuit.data)
            and source.qubits == circuit.qubits
            and source.clbits == circuit.clbits
            and source.cregs == circuit.cregs
            and source.global_phase == circuit.global_phase
            and source.data == circuit.data
        )


class ProgramCache:
    """Compiled circuits, found again by what is in them: a circuit that was changed is compiled anew.

    Args:
        measured: whether outcomes are read; otherwise measurements at the end are left out, with a note.
        size: how many are kept.
    """

    def __init__(self, *, measured: bool = False, size: int = CACHED_CIRCUITS) -> None:
        self.measured, self.size = measured, size
        self._kept: list[CompiledCircuit] = []  # those used last come first

    def __len__(self) -> int:
        return len(self._kept)

    def compiled(self, circuit: QuantumCircuit) -> CompiledCircuit:
        """The circuit's program, compiled now or found.

        Raises:
            CircuitError: an instruction that is not unitary, a measurement that is not at the end.
        """
        kept = self._kept  # jobs run in threads: the list is replaced, never changed
        known = next((each for each in kept if each.is_of(circuit)), None) or _compiled(
            circuit, self.measured
        )
        self._kept = [known, *(each for each in kept if each is not known)][: self.size]
        return known


def _compiled(circuit: QuantumCircuit, measured: bool) -> CompiledCircuit:
    if not measured:
        note_measurements(circuit)
    program = compile(circuit, input_parameters=circuit.parameters)
    return CompiledCircuit(circuit.copy(), program, _reached_outcomes(circuit) if measured else None)


def _reached_outcomes(circuit: QuantumCircuit) -> NDArray[np.int64]:
    if names_physical_qubits(circuit):
        raise CircuitError(
            "expected a circuit that was measured before it was transpiled, got one whose measurements name "
            "physical qubits in another order than its own; measure first, or use CircuitNetwork, which "
            "reads layouts"
        )
    return np.where(reachable(circuit), outcomes(circuit), -1)


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of a job that share a circuit and the parameters to differentiate by.

    Attributes:
        compiled: the circuit; request: its program at the rows' values (B, P), and the columns wanted.
        positions: (B,) which rows of the job these are.
    """

    compiled: CompiledCircuit
    request: Request
    positions: tuple[int, ...]


def batches(
    cache: ProgramCache,
    circuits: Sequence[QuantumCircuit],
    parameter_values: Sequence[Sequence[float]],
    parameters: Sequence[Sequence[Any]],
) -> Iterator[Batch]:
    """The rows of a job, gathered by circuit and parameters.

    Raises:
        CircuitError: from compiling; ShapeError: values that are not finite real numbers.
    """
    compiled = _compiled_each(cache, circuits)
    rows_of: dict[tuple[int, tuple[str, ...]], list[int]] = {}
    for row, (circuit, wanted) in enumerate(zip(compiled, parameters, strict=True)):
        rows_of.setdefault((id(circuit), tuple(p.name for p in wanted)), []).append(row)
    for (_, names), rows in rows_of.items():
        program = compiled[rows[0]].program
        request = requested(program, [], None, [parameter_values[row] for row in rows], None)
        columns = tuple(_column(program, name) for name in names)
        yield Batch(compiled[rows[0]], replace(request, columns=columns), tuple(rows))


def _column(program: Program, name: str) -> int:
    if name not in program.input_parameters:
        raise CircuitError(
            f"expected parameters of gates to differentiate by, got {name}, an amplitude of the initial "
            "state; leave it out"
        )
    return program.input_parameters.index(name)


def _compiled_each(cache: ProgramCache, circuits: Sequence[QuantumCircuit]) -> list[CompiledCircuit]:
    """Programs of a job's circuits; the same object is looked up once."""
    by_circuit: dict[int, CompiledCircuit] = {}
    for circuit in circuits:
        if id(circuit) not in by_circuit:
            by_circuit[id(circuit)] = cache.compiled(circuit)
    return [by_circuit[id(circuit)] for circuit in circuits]

"""A circuit from a file, as commands take it: with warnings, notes, advice, and values it may bring along."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qgeo.circuit.measured import measurement_note, unitary_part
from qgeo.circuit.parametrize import parametrized
from qgeo.circuit.qasm import load_qasm
from qgeo.errors import ConfigurationError
from qgeo.terminal.console import messages
from qgeo.terminal.values import random_values, read_values


@dataclass(frozen=True, eq=False)
class CircuitAtValues:
    """A circuit with values for its parameters, and notes to print once nothing is wrong with it."""

    circuit: QuantumCircuit
    values: NDArray[np.float64]
    notes: tuple[str, ...] = ()

    def unmeasured(self) -> CircuitAtValues:
        """Without the measurements at its end, and a note where there are some.

        Raises:
            CircuitError: a measured qubit is used again.
        """
        note = measurement_note(self.circuit)
        notes = self.notes if note is None else (*self.notes, f"{note}; --fisher classical reads them")
        return replace(self, circuit=unitary_part(self.circuit), notes=notes)

    def print_notes(self) -> None:
        """On stderr."""
        for note in self.notes:
            messages().print(f"note: {note}", soft_wrap=True)


@dataclass(frozen=True)
class CircuitSource:
    """Where a circuit and its values come from.

    path: of an OpenQASM file; values: a file, or None; seed: of random ones, or None; parametrize: whether
    numeric rotation angles become parameters, whose numbers are the values where no others are given.
    """

    path: Path
    values: Path | None
    seed: int | None
    parametrize: bool = False

    def check(self) -> None:
        """
        Raises:
            ConfigurationError: none or both of values and seed, or a negative seed.
        """
        given = (self.values is not None) + (self.seed is not None)
        if given > 1 or (given == 0 and not self.parametrize):
            raise ConfigurationError("expected one of --values FILE and --random SEED; give exactly one")
        if self.seed is not None and self.seed < 0:
            raise ConfigurationError(f"expected a seed of 0 or more for --random, got {self.seed}")

    def load(self) -> CircuitAtValues:
        """The circuit and its values; an odd order of its parameters is said at once.

        Raises:
            CircuitError, ShapeError: a file that holds no such circuit, or no such values.
            ConfigurationError: see `check`; a circuit that has parameters, to be parametrized.
        """
        self.check()
        loaded = load_qasm(self.path)
        if loaded.warning and self.values is not None:  # without values nothing depends on the order
            messages().print(f"warning: {loaded.warning}", soft_wrap=True)
        circuit, numbers = _freed(loaded.circuit) if self.parametrize else (loaded.circuit, np.zeros(0))
        names = [parameter.name for parameter in circuit.parameters]
        why = "OpenQASM 2 knows none" if loaded.version == 2 else "the file declares no input"
        notes = () if names else (_advice(circuit, why),)
        if self.values is not None:
            numbers = read_values(self.values, names)
        elif self.seed is not None:
            numbers = random_values(len(names), self.seed)
        return CircuitAtValues(circuit, numbers, notes)


def without_parameters(path: Path) -> ConfigurationError:
    """The error where a circuit must have parameters."""
    return ConfigurationError(
        f"expected a circuit with parameters in {path}, got one without; --parametrize makes parameters of "
        "its numeric rotation angles"
    )


def _freed(circuit: QuantumCircuit) -> tuple[QuantumCircuit, NDArray[np.float64]]:
    if circuit.num_parameters:
        raise ConfigurationError(
            f"expected a circuit without parameters for --parametrize, got {circuit.num_parameters}; "
            "leave it out"
        )
    return parametrized(circuit)


def _advice(circuit: QuantumCircuit, why: str) -> str:
    """What to do about a circuit without parameters."""
    count = len(parametrized(circuit)[1])
    if count == 0:
        return f"the circuit has no parameters ({why}) and no rotation angles, so its matrix is empty"
    return (
        f"the circuit has no parameters ({why}), so its matrix is empty; --parametrize makes parameters of "
        f"its {count:,} numeric rotation angles, with their numbers as values"
    )

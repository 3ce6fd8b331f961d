"""Readings: what is made of a state before its information is counted.

    circuit → gates before the measurement → bitstring z → outcome y with probability M_yz        F_C
    circuit                                                                                       F_Q

All of these are one measurement followed by a fixed channel, so that F of each ⪯ F_Q, and F of a channel
behind the bits ⪯ F of the bits. Of K outcomes F has rank at most K − 1 per context.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit.library import UnitaryGate

from qgeo.circuit.compiler import compile
from qgeo.geometry.exact import classical_fisher, quantum_fisher
from qgeo.studies.experiments.measured_output import haar_unitary, parity_readout

Floats = NDArray[np.float64]

QUANTUM = "F_Q"
"""The reading of nothing: what the best measurement of each direction alone would tell."""


@dataclass(frozen=True, eq=False)
class DataCircuit:
    """A circuit, and which of its parameters carry data."""

    circuit: QuantumCircuit
    input_parameters: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Reading:
    """A measurement of all qubits.

    Attributes:
        before: gates between the circuit and the measurement; channel: M (K, 2ⁿ), None for the bits.
    """

    name: str
    before: QuantumCircuit
    channel: Floats | None = None

    def fishers(self, of: DataCircuit, values: Floats, inputs: Floats) -> Floats:
        """F_C at every row of values (T, P), mean over inputs (B, d), (T, P, P)."""
        program = compile(of.circuit.compose(self.before), input_parameters=of.input_parameters)
        return np.stack(
            [classical_fisher(program, row, inputs=inputs, readout=self.channel) for row in values]
        )


def quantum_fishers(of: DataCircuit, values: Floats, inputs: Floats) -> Floats:
    """F_Q at every row of values, (T, P, P)."""
    program = compile(of.circuit, input_parameters=of.input_parameters)
    return np.stack([quantum_fisher(program, row, inputs=inputs) for row in values])


def readings(num_qubits: int, generator: np.random.Generator) -> tuple[Reading, ...]:
    """All that are compared: of two outcomes, of n + 1, of 2ⁿ; the coarser ones are channels of the bits.

    "parity by gates" is parity again, as one bit behind CX gates that collect it: an equal reading.
    "random halves" gives outcome 1 to a random half of the bitstrings.
    """
    nothing, size = QuantumCircuit(num_qubits), 2**num_qubits
    collected = QuantumCircuit(num_qubits)
    for qubit in range(1, num_qubits):
        collected.cx(qubit, 0)
    counts = np.array([z.bit_count() for z in range(size)])
    half = generator.permutation(size) < size // 2
    return (
        Reading("parity", nothing, parity_readout(num_qubits)),
        Reading("parity by gates", collected, _told_apart(np.arange(size) % 2, 2)),
        Reading("lowest bit", nothing, _told_apart(np.arange(size) % 2, 2)),
        Reading("all zeros or not", nothing, _told_apart(np.arange(size) > 0, 2)),
        Reading("random halves", nothing, _told_apart(half, 2)),
        Reading("number of ones", nothing, _told_apart(counts, num_qubits + 1)),
        Reading("bits", nothing),
        Reading("Haar basis", haar_basis(num_qubits, generator)),
    )


IS_CHANNEL_OF_BITS = ("parity", "lowest bit", "all zeros or not", "random halves", "number of ones")
"""Readings that know of the state what the bits say."""

TWO_OUTCOMES = ("parity", "parity by gates", "lowest bit", "all zeros or not", "random halves")


def haar_basis(num_qubits: int, generator: np.random.Generator) -> QuantumCircuit:
    """The gate before a measurement in a random basis of all qubits together."""
    rotated = QuantumCircuit(num_qubits)
    rotated.append(UnitaryGate(haar_unitary(2**num_qubits, generator)), range(num_qubits))
    return rotated


def by_reading(of: DataCircuit, values: Floats, inputs: Floats, seed: int) -> dict[str, Floats]:
    """F in every reading at every row of values, (T, P, P) each; random readings are those of the seed."""
    every = readings(of.circuit.num_qubits, np.random.default_rng(seed))
    of_outcomes = {each.name: each.fishers(of, values, inputs) for each in every}
    return of_outcomes | {QUANTUM: quantum_fishers(of, values, inputs)}


def disorder(fishers: Mapping[str, Floats]) -> float:
    """By how much F_readout ⪯ F_C ⪯ F_Q fails at a point: the most negative eigenvalue of a difference, over
    the largest entry of F_Q."""
    pairs = [("bits", name) for name in IS_CHANNEL_OF_BITS]
    pairs += [(QUANTUM, name) for name in fishers if name != QUANTUM]
    lowest = min(np.linalg.eigvalsh(fishers[above] - fishers[below])[0] for above, below in pairs)
    return float(max(-lowest, 0) / np.abs(fishers[QUANTUM]).max())


def _told_apart(outcomes: NDArray[np.integer | np.bool_], count: int) -> Floats:
    """The channel that gives out a number for every bitstring, (count, 2ⁿ)."""
    return np.asarray(outcomes == np.arange(count)[:, None], dtype=float)

"""Outcomes: what a measured circuit gave, as weighted bitstrings; from shots, or exactly.

`shots=None` is the exact limit of every estimator: all bitstrings with their probabilities, from the same
circuits that are run with shots. A measurement in mid-circuit is deferred there: its bit is copied to a
fresh qubit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qgeo.circuit.compiler import compile
from qgeo.circuit.program import Program
from qgeo.errors import CircuitError
from qgeo.estimators.basis import Bits
from qgeo.simulate.statevector import probabilities

Floats = NDArray[np.float64]

_WIDEST_CODE = 62  # bits of an outcome that fit a signed 64-bit number
_WIDEST_EXACT = 20  # qubits, chosen: 16 MiB a state and row
_NEGLIGIBLE = 2e-28  # the square of what is rounding of an amplitude: geometry/classical.py, ROUNDING_STEPS


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Distinct bitstrings and how often they came.

    Attributes:
        bits: (S, C) bool, bit 0 first; weights: (S,) frequencies or (quasi-)probabilities, sum 1.
        shots: how many shots are in it; inf for the exact distribution.
        error_weights: (S,) ≥ 0, where what a shot adds to the mean of a reading r is not a reading: its mean
            squared distance from any number c is at most Σ error_weights (r − c)². None: the weights do it.
    """

    bits: Bits
    weights: Floats
    shots: float
    error_weights: Floats | None = None

    @property
    def errors(self) -> Floats:
        """(S,) what variances are taken with."""
        return self.weights if self.error_weights is None else self.error_weights

    @property
    def unbias(self) -> float:
        """s/(s−1): from the mean of squared deviations to the unbiased variance; 1 in the exact limit."""
        return 1.0 if np.isinf(self.shots) else self.shots / max(self.shots - 1.0, 1.0)


def pooled(first: Outcomes, second: Outcomes) -> Outcomes:
    """All shots of two runs of one circuit."""
    total, runs = first.shots + second.shots, (first, second)
    weights, errors = (
        np.concatenate([getattr(run, name) * (run.shots / total) for run in runs])
        for name in ("weights", "errors")
    )
    plain = all(run.error_weights is None for run in runs)
    bits = np.concatenate([first.bits, second.bits])
    return Outcomes(bits, weights, total, None if plain else errors)


def from_packed(packed: NDArray[np.uint8], num_bits: int) -> Outcomes:
    """From a Qiskit `BitArray.array` of one binding: (shots, bytes), most significant byte first."""
    bits = np.unpackbits(packed[:, ::-1], axis=-1, bitorder="little")[:, :num_bits].astype(bool)
    shots = len(bits)
    if num_bits > _WIDEST_CODE:
        return Outcomes(bits, np.full(shots, 1.0 / shots), shots)
    codes = bits @ (1 << np.arange(num_bits, dtype=np.int64))
    _, first, counts = np.unique(codes, return_index=True, return_counts=True)
    return Outcomes(bits[first], counts / shots, shots)


@dataclass(frozen=True, eq=False)
class MeasuredProgram:
    """A measured circuit compiled: its exact distribution over basis states, and how each of them is read.

    Attributes:
        program: without measurements, all parameters as inputs; columns: of `angles`, for each of them.
        bits: (N, C) bool, the classical bits of every basis state.
    """

    program: Program
    columns: tuple[int, ...]
    bits: Bits

    def probabilities(self, angles: Floats) -> Floats:
        """(B, N) of basis states at rows of angles (B, K)."""
        inputs = torch.from_numpy(angles[:, list(self.columns)].copy())
        exact = probabilities(self.program, inputs.new_zeros(0), inputs).numpy()
        return np.broadcast_to(exact, (len(angles), len(self.bits)))


def measured_program(circuit: QuantumCircuit) -> MeasuredProgram:
    """The exact distribution of a measured circuit's bits, once for all angles.

    Raises:
        CircuitError: the circuit is too wide for a statevector.
    """
    unitary, qubit_of_bit = deferred(circuit)
    if unitary.num_qubits > _WIDEST_EXACT:
        raise CircuitError(
            f"expected shots for a circuit of {unitary.num_qubits} qubits, got shots=None, the exact limit, "
            f"which is there up to {_WIDEST_EXACT}; pass a number of shots"
        )
    index = np.arange(2**unitary.num_qubits)
    bits = np.zeros((len(index), circuit.num_clbits), dtype=bool)
    for bit, qubit in qubit_of_bit.items():
        bits[:, bit] = (index >> qubit) & 1
    columns = tuple(parameter.index for parameter in unitary.parameters)
    return MeasuredProgram(compile(unitary, input_parameters=unitary.parameters), columns, bits)


def exact_outcomes(circuit: QuantumCircuit, angles: Floats) -> list[Outcomes]:
    """The exact distribution of a measured circuit's bits, for every row of angles (B, K).

    Element k of the circuit's parameter vector takes column k.

    Raises:
        CircuitError: the circuit is too wide for a statevector.
    """
    measured = measured_program(circuit)
    return [
        Outcomes(measured.bits[row > _NEGLIGIBLE], row[row > _NEGLIGIBLE], np.inf)
        for row in measured.probabilities(angles)
    ]


def deferred(circuit: QuantumCircuit) -> tuple[QuantumCircuit, dict[int, int]]:
    """The circuit without measurements, and the qubit on which each classical bit stands at its end."""
    last_use = {qubit: place for place, step in enumerate(circuit.data) for qubit in step.qubits}
    in_between = [place for place, step in enumerate(circuit.data) if _is_read_early(step, place, last_use)]
    unitary = QuantumCircuit(circuit.num_qubits + len(in_between))
    spare, qubit_of_bit = circuit.num_qubits, {}
    for place, step in enumerate(circuit.data):
        qubits = [circuit.find_bit(qubit).index for qubit in step.qubits]
        if step.operation.name != "measure":
            unitary.append(step.operation, qubits)
            continue
        target = qubits[0]
        if place in in_between:
            unitary.cx(target, spare)
            target, spare = spare, spare + 1
        qubit_of_bit[circuit.find_bit(step.clbits[0]).index] = target
    return unitary, qubit_of_bit


def _is_read_early(step: Any, place: int, last_use: dict[Any, int]) -> bool:
    return step.operation.name == "measure" and last_use[step.qubits[0]] > place

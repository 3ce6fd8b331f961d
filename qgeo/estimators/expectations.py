"""V2 estimators in the place of a sampler: outcome frequencies from the expectation values of all Z strings.

    p(z) = 2^−C Σ_m (−1)^{m·z} ⟨Z_m⟩,      m over all subsets of the C measured bits

The strings commute, so that `BackendEstimatorV2` and the runtime's estimator read them all from the same
shots, and the frequencies are the measured ones. What an estimator adds to exact values instead (Aer's,
Qiskit's statevector one) is no shot noise: error bars then do not hold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qgeo.circuit.paulis import Term, label, signs, spread
from qgeo.errors import CircuitError
from qgeo.estimators.outcomes import Outcomes

Floats = NDArray[np.float64]

WIDEST = 10
"""Most measured bits: their 2^C strings are all asked for."""


def without_measurements(circuit: QuantumCircuit) -> tuple[QuantumCircuit, dict[int, int]]:
    """The circuit before its measurements, and the qubit that each bit is read from.

    Raises:
        CircuitError: a measurement on the way, or too many bits.
    """
    bare, qubit_of_bit = QuantumCircuit(*circuit.qregs), {}
    for step in circuit.data:
        if step.operation.name == "measure":
            qubit_of_bit[circuit.find_bit(step.clbits[0]).index] = circuit.find_bit(step.qubits[0]).index
            continue
        if any(circuit.find_bit(qubit).index in qubit_of_bit.values() for qubit in step.qubits):
            raise CircuitError("expected a sampler for a measurement in mid-circuit, got an estimator")
        bare.append(step.operation, [circuit.find_bit(qubit).index for qubit in step.qubits])
    if len(qubit_of_bit) > WIDEST:
        raise CircuitError(
            f"expected at most {WIDEST} bits for an estimator, got {len(qubit_of_bit)}; use a sampler"
        )
    return bare, qubit_of_bit


def z_strings(qubits: list[int], isa: QuantumCircuit, width: int) -> list[SparsePauliOp]:
    """Z on every subset of the qubits, in the order of binary counting, laid out as the circuit is."""
    subsets = (Term(0, spread(subset, qubits)) for subset in range(2 ** len(qubits)))
    strings = [SparsePauliOp(label(subset, width)) for subset in subsets]
    return [string.apply_layout(isa.layout) if isa.layout else string for string in strings]


def from_expectations(values: Floats, bits: list[int], num_bits: int, shots: int) -> list[Outcomes]:
    """Outcomes per row from expectation values (rows, 2^C)."""
    index = np.arange(values.shape[1])
    frequencies = values @ signs(index[:, None], index) / len(index)
    table = np.zeros((len(index), num_bits), dtype=bool)
    for place, bit in enumerate(bits):
        table[:, bit] = (index >> place) & 1
    return [Outcomes(table, row, shots) for row in frequencies]


def asked(
    estimator: Any, isa: QuantumCircuit, strings: list[SparsePauliOp], angles: Floats, shots: int
) -> Floats:
    """The value of every string at every row of angles (rows, parameters)."""
    pub = (isa, strings, angles[:, None, :]) if isa.num_parameters else (isa, strings)
    precision = (shots - 1e-6) ** -0.5  # estimators take the next whole number of shots above 1/precision²
    values = np.asarray(estimator.run([pub], precision=precision).result()[0].data.evs)
    return np.broadcast_to(values, (len(angles), len(strings)))

"""Aer: a trained head's circuits run again elsewhere, exactly and by shots.

Values and inputs are bound by the order of the circuit's own parameters, never by a dictionary of names that
a transpiler may have reordered. Circuits are first written in gates whose angles Aer binds correctly: its
binding of many rows is wrong for crx, cry, crz and cp (0.17; qiskit-aer issues 2323, 2391, 2403). Every call
gets a seed of its own from the caller, because a fixed Aer seed repeats.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit, transpile
from qiskit_aer import AerSimulator

Floats = NDArray[np.float64]

_FIXED_GATES = ("id", "h", "x", "y", "z", "s", "sdg", "t", "tdg", "sx", "cx", "cy", "cz", "swap")
_ROTATIONS = ("rx", "ry", "rz", "p", "u", "rxx", "ryy", "rzz", "rzx")


def exact_probabilities(circuit: QuantumCircuit, bindings: Floats) -> Floats:
    """Outcome probabilities from Aer's statevector method, (B, 2ⁿ), qubit 0 the least significant bit.

    Args:
        circuit: without measurements; bindings: (B, P) numbers in `circuit.parameters` order.
    """
    compiled = _compiled(circuit)
    compiled.save_probabilities()
    result = _run(compiled, circuit, np.asarray(bindings, dtype=float))
    return np.array([result.data(row)["probabilities"] for row in range(len(bindings))])


def sampled_counts(circuit: QuantumCircuit, bindings: Floats, shots: int, seed: int) -> NDArray[np.int64]:
    """Counts of `shots` measured bitstrings per row of `bindings`, (B, 2ⁿ).

    Args:
        circuit: without measurements; bindings: (B, P) in `circuit.parameters` order; seed: of this call.
    """
    compiled = _compiled(circuit)
    compiled.measure_all()
    rows = np.asarray(bindings, dtype=float)
    # counts are kept, not shots: a list of every shot's outcome takes 40% longer
    result = _run(compiled, circuit, rows, shots=shots, seed_simulator=seed)
    counts = np.zeros((len(rows), 2**circuit.num_qubits), dtype=np.int64)
    for row, of_row in zip(counts, result.results, strict=True):
        for outcome, count in of_row.data.counts.items():
            row[int(outcome, 16)] = count
    return counts


def _run(compiled: QuantumCircuit, circuit: QuantumCircuit, rows: Floats, **options: Any) -> Any:
    """The result of a circuit at every row of bindings, an experiment each, from one call."""
    simulator = AerSimulator(method="statevector", max_parallel_threads=1)
    if not compiled.num_parameters:  # Aer runs such a circuit once, however many rows there are
        return simulator.run([compiled] * len(rows), **options).result()
    columns = dict(zip(circuit.parameters, rows.T, strict=True))
    binds = [{parameter: columns[parameter].tolist() for parameter in compiled.parameters}]
    return simulator.run(compiled, parameter_binds=binds, **options).result()


def _compiled(circuit: QuantumCircuit) -> QuantumCircuit:
    return transpile(circuit, basis_gates=[*_FIXED_GATES, *_ROTATIONS], optimization_level=0)

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
from qiskit_aer.primitives import SamplerV2

Floats = NDArray[np.float64]

_FIXED_GATES = ("id", "h", "x", "y", "z", "s", "sdg", "t", "tdg", "sx", "cx", "cy", "cz", "swap")
_ROTATIONS = ("rx", "ry", "rz", "p", "u", "rxx", "ryy", "rzz", "rzx")


def exact_probabilities(circuit: QuantumCircuit, bindings: Floats) -> Floats:
    """Outcome probabilities from Aer's statevector method, (B, 2ⁿ), qubit 0 the least significant bit.

    Args:
        circuit: without measurements; bindings: (B, P) numbers in `circuit.parameters` order.
    """
    simulator = AerSimulator(method="statevector", max_parallel_threads=1)
    compiled = _compiled(circuit)
    compiled.save_probabilities()
    columns = dict(zip(circuit.parameters, np.asarray(bindings).T, strict=True))
    binds = [{p: columns[p].tolist() for p in compiled.parameters}] if compiled.num_parameters else []
    result = simulator.run(compiled, parameter_binds=binds).result()
    rows = [result.data(row)["probabilities"] for row in range(len(result.results))]
    return np.broadcast_to(np.asarray(rows), (len(bindings), 2**circuit.num_qubits)).copy()


def sampled_counts(circuit: QuantumCircuit, bindings: Floats, shots: int, seed: int) -> NDArray[np.int64]:
    """Counts of `shots` measured bitstrings per row of `bindings`, (B, 2ⁿ).

    Args:
        circuit: without measurements; bindings: (B, P) in `circuit.parameters` order; seed: of this call.
    """
    compiled = _compiled(circuit)
    compiled.measure_all()
    backend_options = {"method": "statevector", "max_parallel_threads": 1}
    sampler = SamplerV2(seed=seed, options={"backend_options": backend_options})
    ordered = _reordered(np.asarray(bindings, dtype=float), circuit, compiled)
    # Aer samples only the first row of a circuit without parameters: such rows are one longer run.
    pub, repeats = ((compiled, ordered), 1) if compiled.num_parameters else ((compiled,), len(ordered))
    bits: Any = sampler.run([pub], shots=shots * repeats).result()[0].data.meas
    outcomes = _integers(bits.array).reshape(len(ordered), shots)
    return np.stack([np.bincount(row, minlength=2**circuit.num_qubits) for row in outcomes])


def _compiled(circuit: QuantumCircuit) -> QuantumCircuit:
    return transpile(circuit, basis_gates=[*_FIXED_GATES, *_ROTATIONS], optimization_level=0)


def _reordered(bindings: Floats, circuit: QuantumCircuit, compiled: QuantumCircuit) -> Floats:
    position = {parameter: column for column, parameter in enumerate(circuit.parameters)}
    return bindings[:, [position[parameter] for parameter in compiled.parameters]]


def _integers(packed: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Bit arrays (…, bytes), most significant byte first → outcome numbers (…)."""
    weights = 256 ** np.arange(packed.shape[-1])[::-1]
    return packed.astype(np.int64) @ weights

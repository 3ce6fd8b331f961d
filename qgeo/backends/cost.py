"""QPU seconds before they are spent, by the service's documented formula.

    seconds ≈ 2 per job + Σ over executions of (rep_delay + circuit length)       rep_delay 250 µs by default

The circuit's length is its longest path by typical durations, and no less than the 100 µs that the service's
own rule of thumb, 2 + 0.00035 · executions, has for it: preparing qubits and reading them is in these, and a
budget is held against what is estimated here. Source: IBM Quantum's guide "Workload usage".
"""

from __future__ import annotations

from typing import Any

from qiskit import QuantumCircuit

OVERHEAD_SECONDS = 2.0  # these three from the formulas above
REP_DELAY = 250e-6
SHORTEST_CIRCUIT = 100e-6
ONE_QUBIT_SECONDS, TWO_QUBIT_SECONDS, MEASUREMENT_SECONDS = 5e-8, 3e-7, 1.5e-6


def execution_seconds(circuit: QuantumCircuit) -> float:
    """Seconds of one shot of a circuit.

    >>> f"{execution_seconds(QuantumCircuit(1)):.5f}"
    '0.00035'
    """
    return REP_DELAY + max(circuit_seconds(circuit), SHORTEST_CIRCUIT)


def circuit_seconds(circuit: QuantumCircuit) -> float:
    """The longest path through a circuit, by typical gate durations."""
    ready: dict[Any, float] = {}
    for step in circuit.data:
        bits = (*step.qubits, *step.clbits)
        end = max((ready.get(bit, 0.0) for bit in bits), default=0.0) + _duration(step.operation)
        ready |= dict.fromkeys(bits, end)
    return max(ready.values(), default=0.0)


def two_qubit_gates(circuit: QuantumCircuit) -> int:
    """Gates on two qubits or more."""
    return sum(step.operation.num_qubits > 1 and step.operation.name != "barrier" for step in circuit.data)


def _duration(operation: Any) -> float:
    if operation.name in ("barrier", "rz", "delay"):
        return 0.0
    if operation.name in ("measure", "reset"):
        return MEASUREMENT_SECONDS
    return ONE_QUBIT_SECONDS if operation.num_qubits == 1 else TWO_QUBIT_SECONDS

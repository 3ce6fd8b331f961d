"""How circuits are brought to a device: with a fixed seed, and scheduled where they wait.

A device whose pulses start on a grid takes a `delay` only in a scheduled circuit: its length is rounded to
the grid there, and idle times are written out. Circuits without delays are left as they are.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import Delay
from qiskit.transpiler import generate_preset_pass_manager

from qgeo.estimators.primitives import PassManager

TRANSPILER_SEED = 7
"""Any fixed one, so that the same circuit comes out in every process."""
LEVEL = 2
"""Of optimization: from 2 on the layout looks at the device's errors; 1 would take qubits 0, 1, 2, …"""


class DevicePassManager:
    """Qiskit's passes to a backend's gates, with those that schedule where a circuit has a delay."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def run(self, circuits: Any) -> Any:
        """The circuits in the backend's gates, in their order; of one circuit, one, as Qiskit has it."""
        if isinstance(circuits, QuantumCircuit):
            return self._brought([circuits])[0]
        return self._brought(list(circuits))

    def _brought(self, circuits: list[QuantumCircuit]) -> list[QuantumCircuit]:
        waits = [_waits(circuit) for circuit in circuits]
        brought = {
            kind: iter(manager.run([c for c, own in zip(circuits, waits, strict=True) if own is kind]))
            for kind, manager in ((False, self._plain), (True, self._scheduling))
            if kind in waits
        }
        return [next(brought[kind]) for kind in waits]

    @cached_property
    def _plain(self) -> PassManager:
        manager: PassManager = generate_preset_pass_manager(
            LEVEL, self._backend, seed_transpiler=TRANSPILER_SEED
        )
        return manager

    @cached_property
    def _scheduling(self) -> PassManager:
        manager: PassManager = generate_preset_pass_manager(
            LEVEL, self._backend, seed_transpiler=TRANSPILER_SEED, scheduling_method="alap"
        )
        return manager


def _waits(circuit: QuantumCircuit) -> bool:
    return any(isinstance(instruction.operation, Delay) for instruction in circuit.data)

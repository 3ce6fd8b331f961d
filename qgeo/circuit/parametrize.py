"""Numbers → parameters: a circuit whose rotation angles are fixed becomes one that can be differentiated.

OpenQASM 2 has no parameters, and collections of circuits bind theirs before they write them. Here every
number that is the angle of a standard gate gets a parameter, named by the position of its instruction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import get_standard_gate_name_mapping

from qgeo.circuit.standard_gates import in_standard_gates


def parametrized(circuit: QuantumCircuit) -> tuple[QuantumCircuit, NDArray[np.float64]]:
    """The circuit in standard gates with a parameter for every numeric angle, and the numbers (P,).

    The angle of instruction 12 becomes `angle_012` (numbers as long as the largest position), the second
    angle of a gate with several `angle_012_1`. The numbers are in `circuit.parameters` order; parameters that
    the circuit has already stay, and get no number.

    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.h(0), circuit.rx(0.3, 0), circuit.u(0.1, 0.2, 0.4, 1)
    >>> free, values = parametrized(circuit)
    >>> [parameter.name for parameter in free.parameters], values
    (['angle_1', 'angle_2_0', 'angle_2_1', 'angle_2_2'], array([0.3, 0.1, 0.2, 0.4]))
    """
    flat = in_standard_gates(circuit)
    result, width = flat.copy_empty_like(), len(str(len(flat.data)))
    values: dict[str, float] = {}
    for position, instruction in enumerate(flat.data):
        operation = instruction.operation
        if _turns(operation):
            operation = _freed(operation, f"angle_{position:0{width}}", values)
        result.append(operation, instruction.qubits, instruction.clbits)
    names = (parameter.name for parameter in result.parameters)
    return result, np.array([values[name] for name in names if name in values])


def _turns(operation: Any) -> bool:
    """Whether an operation is a standard gate with angles."""
    standard = get_standard_gate_name_mapping().get(operation.name)
    is_gate = standard is not None and standard.base_class is getattr(operation, "base_class", None)
    return is_gate and bool(operation.params) and operation.name not in ("delay", "global_phase")


def _freed(gate: Any, name: str, values: dict[str, float]) -> Any:
    """The gate with parameters for its numbers, which are noted in `values`."""
    names = [name] if len(gate.params) == 1 else [f"{name}_{place}" for place in range(len(gate.params))]
    angles = [
        angle if getattr(angle, "parameters", None) else Parameter(each)
        for each, angle in zip(names, gate.params, strict=True)
    ]
    pairs = zip(names, gate.params, strict=True)
    values |= {each: float(angle) for each, angle in pairs if not getattr(angle, "parameters", None)}
    freed = gate.to_mutable()
    freed.params = angles
    return freed

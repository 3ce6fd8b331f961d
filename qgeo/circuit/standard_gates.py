"""A circuit in standard gates: composite gates, annotated ones, wide ones and loops by their definitions.

What is left are gates that Qiskit calls standard, on at most 8 qubits, matrices, measurements, resets, and
what nobody can write otherwise (an evolution under terms that do not commute, a gate without a definition).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Barrier, Delay, Measure, Reset
from qiskit.circuit.library import PauliEvolutionGate, UnitaryGate, get_standard_gate_name_mapping
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Operator
from qiskit.transpiler import PassManager
from qiskit.transpiler.passes import HighLevelSynthesis

from qgeo.circuit.gates import hamiltonian_terms
from qgeo.circuit.loops import is_static, rewritten
from qgeo.circuit.paulis import all_commute
from qgeo.circuit.unroll import definition_of

WIDEST_KEPT = 8
"""Qubits of a standard gate that stays one, chosen: its matrix is still small."""

WITHOUT_MATRIX = (Barrier, Delay, Measure, Reset)

_WIDEST_SYNTHESIZED = 10  # qubits of an operation whose synthesis is compared with its matrix
_ROUNDING = 1e-12  # of a matrix's entries


def in_standard_gates(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit in standard gates and matrices: all else, annotated gates and loops too, by definition."""
    if any(is_static(instruction.operation) for instruction in circuit.data):
        circuit = rewritten(circuit, lambda instruction: instruction.operation)
    if all(_is_written(instruction.operation) for instruction in circuit.data):
        return circuit
    result = circuit.copy_empty_like()
    for instruction in circuit.data:
        definition = None if _is_written(instruction.operation) else _definition(instruction.operation)
        if definition is None:
            result.append(instruction)
        else:
            result.compose(
                in_standard_gates(definition), instruction.qubits, instruction.clbits, inplace=True
            )
    return result


def _is_written(operation: Any) -> bool:
    """Whether the exporter writes an operation as it is, or nobody can write it otherwise."""
    if isinstance(operation, UnitaryGate | PauliEvolutionGate):
        return isinstance(operation, UnitaryGate) or not _is_product(operation)
    if isinstance(operation, WITHOUT_MATRIX):
        return True
    standard = get_standard_gate_name_mapping().get(operation.name)
    kind = getattr(operation, "base_class", type(operation))
    is_small = operation.num_qubits <= WIDEST_KEPT and operation.name != "global_phase"
    return is_small and standard is not None and standard.base_class is kind


def _is_product(gate: PauliEvolutionGate) -> bool:
    """Whether Qiskit's definition, a product formula, is exact."""
    return all_commute(hamiltonian_terms(gate))


def _definition(operation: Any) -> QuantumCircuit | None:
    definition = definition_of(operation)
    if definition is not None or operation.num_clbits or operation.num_qubits > _WIDEST_SYNTHESIZED:
        return definition
    return _synthesized(operation)


def _synthesized(operation: Any) -> QuantumCircuit | None:
    """An operation without a definition, an annotated one or a permutation, in gates; None if not exactly."""
    circuit = QuantumCircuit(operation.num_qubits)
    circuit.append(operation, circuit.qubits)
    basis = [name for name in get_standard_gate_name_mapping() if name != "global_phase"]
    try:
        written: QuantumCircuit = PassManager([HighLevelSynthesis(basis_gates=basis)]).run(circuit)
        point = np.random.default_rng(2).uniform(0.1, 1, circuit.num_parameters)
        mine, theirs = (Operator(each.assign_parameters(point)).data for each in (circuit, written))
    except QiskitError:
        return None
    return written if np.allclose(mine, theirs, rtol=0, atol=_ROUNDING) else None

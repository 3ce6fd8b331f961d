"""Opponent: qulacs 0.6. Gradients by its backpropagation, F_Q by tangents that a Python loop moves.

Needs qulacs, numpy. Usage: see benchmarks/worker.py. qulacs rotates by exp(+i a P/2): angles change their
sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import qulacs

from benchmarks.case import Case, point
from benchmarks.generators import occupied_orbitals
from benchmarks.worker import Call, serve


@dataclass(frozen=True)
class Rotation:
    """exp(−i · weight · t · P), P by qubits and letters (1, 2, 3: X, Y, Z), t by its parameter's number."""

    qubits: list[int]
    letters: list[int]
    parameter: int
    weight: float


def operations(case: Case) -> list[Any]:
    """The circuit as rotations and as gates of qulacs without a parameter."""
    if case.is_layered:
        return _layered(case)
    prepared = [qulacs.gate.X(qubit) for qubit in occupied_orbitals(case.circuit, case.n)]
    strings = [
        _rotation(string, parameter, weight)
        for parameter, generator in enumerate(case.generators)
        for string, weight in generator
    ]
    return [*prepared, *strings]


def _layered(case: Case) -> list[Any]:
    found: list[Any] = []
    for parameter in range(0, case.num_parameters, 2 * case.n):
        for row, letter in enumerate((2, 3)):
            numbers = range(parameter + row * case.n, parameter + (row + 1) * case.n)
            found += [Rotation([qubit], [letter], number, 0.5) for qubit, number in enumerate(numbers)]
        found += [qulacs.gate.CNOT(qubit, qubit + 1) for qubit in range(case.n - 1)]
    return found


def _rotation(string: str, parameter: int, weight: float) -> Rotation:
    acts = [(qubit, letter) for qubit, letter in enumerate(reversed(string)) if letter != "I"]
    return Rotation([q for q, _ in acts], ["IXYZ".index(letter) for _, letter in acts], parameter, weight)


# --- the gradient of ⟨Z₀⟩ -----------------------------------------------------------------------------------


def expectation_gradient(case: Case) -> Call:
    values, all_operations = point(case).values, operations(case)
    rotations = [each for each in all_operations if isinstance(each, Rotation)]
    parameters = np.array([each.parameter for each in rotations])
    factors = np.array([-2 * each.weight for each in rotations])
    circuit, observable = _parametric(case.n, all_operations), qulacs.Observable(case.n)
    observable.add_operator(1.0, "Z 0")

    def gradient() -> np.ndarray:
        for place, angle in enumerate(factors * values[parameters]):
            circuit.set_parameter(place, angle)
        by_angle = np.array(circuit.backprop(observable))
        return np.bincount(parameters, by_angle * factors, len(values))

    return gradient


def _parametric(n: int, all_operations: list[Any]) -> qulacs.ParametricQuantumCircuit:
    circuit = qulacs.ParametricQuantumCircuit(n)
    for each in all_operations:
        if isinstance(each, Rotation):
            _add(circuit, each)
        else:
            circuit.add_gate(each)
    return circuit


def _add(circuit: qulacs.ParametricQuantumCircuit, rotation: Rotation) -> None:
    if len(rotation.qubits) > 1:
        circuit.add_parametric_multi_Pauli_rotation_gate(rotation.qubits, rotation.letters, 0.0)
        return
    own = (circuit.add_parametric_RX_gate, circuit.add_parametric_RY_gate, circuit.add_parametric_RZ_gate)
    own[rotation.letters[0] - 1](rotation.qubits[0], 0.0)


# --- F_Q ----------------------------------------------------------------------------------------------------


def quantum_fisher(case: Case) -> Call:
    values, all_operations = point(case).values, operations(case)

    def fisher() -> np.ndarray:
        psi, tangents = _tangents(case.n, all_operations, values)
        projected = tangents - np.outer(tangents @ psi.conj(), psi)
        rows = projected.view(np.float64)
        return 4 * rows @ rows.T

    return fisher


def _tangents(n: int, all_operations: list[Any], values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ψ (2ⁿ,) and ∂ψ (P, 2ⁿ): a tangent begins at its first rotation and goes on with every later gate."""
    psi, tangents = qulacs.QuantumState(n), {}
    for each in all_operations:
        gate = _gate(each, values) if isinstance(each, Rotation) else each
        for state in (psi, *tangents.values()):
            gate.update_quantum_state(state)
        if isinstance(each, Rotation):
            _entered(tangents, each, psi)
    return psi.get_vector(), np.stack([tangents[number].get_vector() for number in range(len(values))])


def _gate(rotation: Rotation, values: np.ndarray) -> Any:
    angle = -2 * rotation.weight * values[rotation.parameter]
    return qulacs.gate.PauliRotation(rotation.qubits, rotation.letters, angle)


def _entered(tangents: dict[int, Any], rotation: Rotation, psi: Any) -> None:
    """−i · weight · P ψ is added to the tangent of the rotation's parameter."""
    own = psi.copy()
    qulacs.gate.Pauli(rotation.qubits, rotation.letters).update_quantum_state(own)
    own.multiply_coef(-1j * rotation.weight)
    if rotation.parameter in tangents:
        tangents[rotation.parameter].add_state(own)
    else:
        tangents[rotation.parameter] = own


if __name__ == "__main__":
    serve({"quantum_fisher": quantum_fisher, "expectation_gradient": expectation_gradient})

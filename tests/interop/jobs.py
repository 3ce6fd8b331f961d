"""Circuits that measure, and oracles of their derivatives, for the tests of this package.

`distribution_slopes` reads the reference's ψ and ∂ψ bit by bit, with strings; nothing here imports qgeo.
"""

from __future__ import annotations

import cases
import numpy as np
import reference
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit import library as lib

SHOWN = [case for case in [*cases.CASES, *cases.RANDOM_CASES] if case.circuit.num_parameters]


def measured(circuit: QuantumCircuit, bits: int, *pairs: tuple[int, int], name: str = "c") -> QuantumCircuit:
    """The circuit with a classical register, and measurements of (qubit, bit)."""
    result = circuit.copy()
    register = ClassicalRegister(bits, name)
    result.add_register(register)
    for qubit, bit in pairs:
        result.measure(qubit, register[bit])
    return result


def generic(num_qubits: int, num_parameters: int = 5) -> QuantumCircuit:
    """Gates of many kinds between scrambling layers; no outcome is rare."""
    theta = ParameterVector("θ", num_parameters)
    circuit = cases.scramble(num_qubits, seed=1)
    for i, angle in enumerate(theta):
        q, r = i % num_qubits, (i + 1) % num_qubits
        circuit.append((lib.CRXGate(angle), lib.CPhaseGate(2 * angle), lib.RZXGate(angle**2))[i % 3], [q, r])
        circuit.u(angle, 0.3, angle * theta[0], r)
    return circuit.compose(cases.scramble(num_qubits, seed=2))


def outcome_of(basis: int, bits: int, pairs: list[tuple[int, int]]) -> int:
    """The integer in a register of `bits` bits, measurements (qubit, bit) done in order."""
    digits = ["0"] * bits
    for qubit, bit in pairs:
        digits[bits - 1 - bit] = f"{basis:030b}"[-1 - qubit]
    return int("".join(digits), 2)


def distribution_slopes(
    circuit: QuantumCircuit, values, bits: int, pairs: list[tuple[int, int]]
) -> tuple[dict[int, float], list[dict[int, float]]]:
    """p by outcome, and ∂p by outcome for each parameter of the unitary circuit."""
    psi, dpsi = reference.state_and_tangents(circuit, values)
    outcomes = [outcome_of(basis, bits, pairs) for basis in range(len(psi))]
    p = dict.fromkeys(outcomes, 0.0)
    slopes = [dict.fromkeys(outcomes, 0.0) for _ in dpsi]
    for basis, outcome in enumerate(outcomes):
        p[outcome] += abs(psi[basis]) ** 2
        for own, tangent in zip(slopes, dpsi, strict=True):
            own[outcome] += 2 * (psi[basis].conj() * tangent[basis]).real
    return p, slopes


def values_for(circuit: QuantumCircuit, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.2, 2.9, circuit.num_parameters)

"""Variational circuits against their formulas, in dense matrices.

Seen to fail: two signs of the double excitation exchanged, another basis change of Y, the even bonds of the
Heisenberg chain before the odd ones, triplets for singlets, a mixer before the edges too.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector
from scipy.linalg import expm

from qgeo.circuit.variational import (
    MOEBIUS_LADDER,
    h2_uccsd,
    heisenberg_variational,
    ising_variational,
    qaoa,
)

PAULI = {"X": np.array([[0, 1], [1, 0]]), "Y": np.array([[0, -1j], [1j, 0]]), "Z": np.diag([1.0, -1.0])}


def on(num_qubits: int, matrices: dict[int, np.ndarray]) -> np.ndarray:
    """A product of one-qubit matrices; qubit 0 is the last Kronecker factor."""
    return reduce(np.kron, [matrices.get(qubit, np.eye(2)) for qubit in reversed(range(num_qubits))])


def pair(letter: str, bond: tuple[int, int], num_qubits: int) -> np.ndarray:
    return on(num_qubits, dict.fromkeys(bond, PAULI[letter]))


def x_of(qubit: int, num_qubits: int) -> np.ndarray:
    return on(num_qubits, {qubit: PAULI["X"]})


def turned(state: np.ndarray, generator: np.ndarray, angle: float) -> np.ndarray:
    return expm(-0.5j * angle * generator) @ state


def angles_of(circuit: QuantumCircuit) -> np.ndarray:
    return np.random.default_rng(5).uniform(-np.pi, np.pi, circuit.num_parameters)


def assert_same_state(circuit: QuantumCircuit, angles: np.ndarray, expected: np.ndarray) -> None:
    assert_allclose(Statevector(circuit.assign_parameters(angles)).data, expected, rtol=0, atol=1e-12)


def test_h2_is_unitary_coupled_cluster_of_fermions():
    annihilate, zs = np.array([[0, 1], [0, 0]]), PAULI["Z"]
    c = [on(4, {q: annihilate, **dict.fromkeys(range(q), zs)}) for q in range(4)]
    excitations = [c[1].T @ c[0], c[3].T @ c[2], c[1].T @ c[3].T @ c[2] @ c[0]]
    circuit = h2_uccsd()
    angles = angles_of(circuit)
    state = np.eye(16)[0b0101]
    for angle, excitation in zip(angles, excitations, strict=True):
        state = expm(angle / 2 * (excitation - excitation.T)) @ state
    phase = Statevector(circuit.assign_parameters([0, 0, 0])).data[0b0101]
    assert_same_state(circuit, angles, phase * state)
    assert_allclose(state.imag, 0, atol=1e-15)


def test_ising_layers_turn_bonds_then_fields():
    circuit = ising_variational(4, 2)
    angles = angles_of(circuit)
    assert len(angles) == 14
    state, rest = np.full(16, 0.25), iter(angles)
    for _ in range(2):
        for generator in (*(pair("Z", (q, q + 1), 4) for q in range(3)), *(x_of(q, 4) for q in range(4))):
            state = turned(state, generator, next(rest))
    assert_same_state(circuit, angles, state)


def test_heisenberg_layers_turn_odd_bonds_then_even_ones():
    circuit = heisenberg_variational(4, 2)
    angles = angles_of(circuit)
    singlet = np.array([0, -1, 1, 0]) / np.sqrt(2)  # |q₁q₀⟩: (|10⟩ − |01⟩)/√2
    state = np.kron(singlet, singlet)
    for angle, bond in zip(angles, [(1, 2), (0, 1), (2, 3)] * 2, strict=True):
        state = turned(state, sum(pair(letter, bond, 4) for letter in "XYZ"), angle)
    assert_same_state(circuit, angles, state)


def test_qaoa_turns_edges_then_qubits():
    edges = ((0, 1), (1, 2), (0, 3))
    circuit = qaoa(edges, 2)
    angles = angles_of(circuit)
    state = np.full(16, 0.25)
    for gamma, beta in angles.reshape(2, 2):
        state = turned(state, sum(pair("Z", edge, 4) for edge in edges), gamma)
        state = turned(state, sum(x_of(q, 4) for q in range(4)), beta)
    assert_same_state(circuit, angles, state)


def test_the_moebius_ladder_is_regular():
    assert len({frozenset(edge) for edge in MOEBIUS_LADDER}) == 12
    assert all(sum(vertex in edge for edge in MOEBIUS_LADDER) == 3 for vertex in range(8))

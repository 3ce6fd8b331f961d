"""Variational circuits for ground states: one for each observable in `circuits/observables/`.

With P(a) = exp(−i a P/2) of a Pauli string P, first gates first, θ in numerical order:

    h2_uccsd                 X₀X₂ (Hartree–Fock), then S₀₁(θ₀), S₂₃(θ₁), D(θ₂)
                             S_pq(a) = exp[a (c_q†c_p − h.c.)/2],  D(a) = exp[a (c₁†c₃†c₂c₀ − h.c.)/2]
    ising_variational        H^⊗n, then L times: ZZ(θ) on every bond, X(θ) on every qubit, an angle each
    heisenberg_variational   singlets on the bonds 01, 23, …, then L times: XX(θ) YY(θ) ZZ(θ), an angle per
                             bond, first on the bonds 12, 34, …, then on 01, 23, …
    qaoa                     H^⊗n, then L times: ZZ(θ_2l) on every edge, X(θ_2l+1) on every qubit

Peruzzo et al., Nat. Commun. 5, 4213 (2014) (unitary coupled cluster); Wecker, Hastings & Troyer, Phys. Rev. A
92, 042303 (2015) (Hamiltonian variational circuits); Farhi, Goldstone & Gutmann, arXiv:1411.4028 (QAOA).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from qiskit import QuantumCircuit
from qiskit.circuit import ParameterExpression

from qgeo.circuit.ansatz import zero_padded

MOEBIUS_LADDER = (*((q, (q + 1) % 8) for q in range(8)), *((q, q + 4) for q in range(4)))
"""The edges of a 3-regular graph on 8 vertices, also named after Wagner: a ring and its four diameters."""

_SINGLE = {"XY": -0.5, "YX": 0.5}
_DOUBLE = {
    **dict.fromkeys(("XXYX", "YXXX", "YXYY", "YYYX"), 0.125),
    **dict.fromkeys(("XXXY", "XYXX", "XYYY", "YYXY"), -0.125),
}
"""i(c_q†c_p − h.c.) and i(c₁†c₃†c₂c₀ − h.c.) in commuting Pauli strings; rightmost letter: qubit p or 0."""

_BASIS_CHANGE = {"X": ("h", "h"), "Y": ("sx", "sxdg")}
"""The gates before and after a Z rotation that make one about the letter."""


def h2_uccsd() -> QuantumCircuit:
    """Unitary coupled cluster, singles and doubles, of the hydrogen molecule in a minimal basis.

    Jordan–Wigner: orbitals 0 and 1 with spin up on the qubits 0 and 1, with spin down on 2 and 3. The double
    excitation alone, cos(θ₂/2)|0101⟩ + sin(θ₂/2)|1010⟩, reaches the ground state.
    """
    theta = zero_padded("theta", 3)
    circuit = QuantumCircuit(4)
    circuit.x([0, 2])
    excitations = ((0, 1), _SINGLE), ((2, 3), _SINGLE), ((0, 1, 2, 3), _DOUBLE)
    for angle, (qubits, weights) in zip(theta, excitations, strict=True):
        for label, weight in weights.items():
            _rotate(circuit, label, qubits, weight * angle)
    return circuit


def ising_variational(num_qubits: int, layers: int) -> QuantumCircuit:
    """For the open transverse-field Ising chain; L(2n − 1) parameters."""
    theta = iter(zero_padded("theta", layers * (2 * num_qubits - 1)))
    circuit = QuantumCircuit(num_qubits)
    circuit.h(range(num_qubits))
    for _ in range(layers):
        for qubit in range(num_qubits - 1):
            circuit.rzz(next(theta), qubit, qubit + 1)
        for qubit in range(num_qubits):
            circuit.rx(next(theta), qubit)
    return circuit


def heisenberg_variational(num_qubits: int, layers: int) -> QuantumCircuit:
    """For the open Heisenberg chain of an even number of qubits; L(n − 1) parameters.

    Every gate keeps the total spin, which is 0 in the singlets and in the ground state.
    """
    theta = iter(zero_padded("theta", layers * (num_qubits - 1)))
    circuit = QuantumCircuit(num_qubits)
    for qubit in range(0, num_qubits, 2):
        circuit.x([qubit, qubit + 1])
        circuit.h(qubit)
        circuit.cx(qubit, qubit + 1)
    for _ in range(layers):
        for qubit in (*range(1, num_qubits - 1, 2), *range(0, num_qubits, 2)):
            angle = next(theta)
            for rotation in (circuit.rxx, circuit.ryy, circuit.rzz):
                rotation(angle, qubit, qubit + 1)
    return circuit


def qaoa(edges: Sequence[tuple[int, int]], layers: int) -> QuantumCircuit:
    """For the maximum cut of a graph; 2L parameters, γ and β of the layers in turn."""
    num_qubits = 1 + max(vertex for edge in edges for vertex in edge)
    theta = zero_padded("theta", 2 * layers)
    circuit = QuantumCircuit(num_qubits)
    circuit.h(range(num_qubits))
    for gamma, beta in zip(theta[::2], theta[1::2], strict=True):
        for first, second in edges:
            circuit.rzz(gamma, first, second)
        circuit.rx(beta, range(num_qubits))
    return circuit


def _rotate(circuit: QuantumCircuit, label: str, qubits: Sequence[int], angle: ParameterExpression) -> None:
    """P(angle) by a ladder of CX gates; the label's rightmost letter is for the first of `qubits`."""
    letters = list(zip(reversed(label), qubits, strict=True))
    ladder = list(pairwise(qubits))
    for letter, qubit in letters:
        getattr(circuit, _BASIS_CHANGE[letter][0])(qubit)
    for control, target in ladder:
        circuit.cx(control, target)
    circuit.rz(angle, qubits[-1])
    for control, target in reversed(ladder):
        circuit.cx(control, target)
    for letter, qubit in letters:
        getattr(circuit, _BASIS_CHANGE[letter][1])(qubit)

"""Index maps moved behind the rotations that follow them, until nothing but rotations is left.

    R W = W (W†RW),      W†PW = ± another Pauli string      where W is a Clifford (CX, CZ, SWAP, S, X, …)

A rotation about the other string costs the same, and the map is done once, at the circuit's end, instead of
on every tangent. Aaronson and Gottesman 2004, arXiv quant-ph/0406196: conjugation as arithmetic on bit masks;
here the map is an index map with phases, whose conjugate is read off its amplitudes and checked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qgeo.circuit.elements import Matrix
from qgeo.circuit.paulis import Term

_NEGLIGIBLE = 1e-12


@dataclass(frozen=True, eq=False)
class IndexMap:
    """(W ψ)_k = phase_k ψ_{source_k}, on all 2ⁿ amplitudes."""

    source: NDArray[np.int64]
    phase: Matrix

    @property
    def is_identity(self) -> bool:
        same = self.source == np.arange(len(self.source))
        return bool(same.all()) and bool(np.allclose(self.phase, 1, rtol=0, atol=1e-15))

    def after(self, first: IndexMap) -> IndexMap:
        """The map of `first`, then this one."""
        return IndexMap(first.source[self.source], self.phase * first.phase[self.source])

    def inverse(self) -> IndexMap:
        back = np.argsort(self.source)
        return IndexMap(back, self.phase.conj()[back])


def identity(num_qubits: int) -> IndexMap:
    """The map that leaves every amplitude where it is."""
    return IndexMap(np.arange(2**num_qubits), np.ones(2**num_qubits, dtype=complex))


def pauli_string(x: int, z: int, num_qubits: int) -> IndexMap:
    """(P ψ)_k = i^|x&z| (−1)^|(k^x)&z| ψ_{k^x}."""
    index = np.arange(2**num_qubits)
    signs = 1 - 2.0 * (np.bitwise_count((index ^ x) & z) % 2)
    return IndexMap(index ^ x, 1j ** (x & z).bit_count() * signs)


def conjugated(term: Term, by: IndexMap, num_qubits: int) -> Term | None:
    """W†PW as a string and its weight, or None where it is no Pauli string: W is no Clifford.

    >>> cx = IndexMap(np.array([0, 3, 2, 1]), np.ones(4, dtype=complex))  # control 0, target 1
    >>> conjugated((0b01, 0, 0.5), cx, 2), conjugated((0, 0b10, 0.5), cx, 2)  # X₀ → X₀X₁, Z₁ → Z₀Z₁
    ((3, 0, 0.5), (0, 3, 0.5))
    """
    x, z, weight = term
    found = by.inverse().after(pauli_string(x, z, num_qubits).after(by))
    own_x = int(found.source[0])
    signs = found.phase / found.phase[0]
    own_z = sum(1 << q for q in range(num_qubits) if signs[1 << q].real < 0)
    plain = pauli_string(own_x, own_z, num_qubits)
    sign = found.phase[0] / plain.phase[0]
    is_string = np.array_equal(found.source, plain.source)
    if not is_string or not np.allclose(found.phase, sign * plain.phase, rtol=0, atol=_NEGLIGIBLE):
        return None
    return own_x, own_z, float(weight * sign.real)

"""Monomial matrices: permutations with phases, as CX, CZ, SWAP, S, X, a Pauli string and their products are.

    (U ψ)_k = phase_k ψ_{source_k}          one entry of modulus 1 in every row and in every column

Products, inverses and embeddings cost 2ⁿ, not 4ⁿ; to a state they are one gather. This is the only form in
which a program, the engines and the heads hold such a matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qgeo.circuit.matrices import Matrix

NEGLIGIBLE = 1e-12
"""An entry of a unitary below it is rounding: gate matrices are products of a few, each good to 1e-16."""

_ONE_TO_ROUNDING = 1e-15  # a phase that near to 1 is 1: an ε of 2e-16 for each of a few factors


@dataclass(frozen=True, eq=False)
class MonomialMatrix:
    """A unitary on all 2ⁿ amplitudes, by its source (2ⁿ,) and phase (2ⁿ,)."""

    source: NDArray[np.int64]
    phase: Matrix

    @property
    def is_permutation(self) -> bool:
        """Whether all phases are 1."""
        return bool(np.allclose(self.phase, 1, rtol=0, atol=_ONE_TO_ROUNDING))

    @property
    def is_identity(self) -> bool:
        return bool((self.source == np.arange(len(self.source))).all()) and self.is_permutation

    def after(self, first: MonomialMatrix) -> MonomialMatrix:
        """The product: `first`, then this one."""
        return MonomialMatrix(first.source[self.source], self.phase * first.phase[self.source])

    def inverse(self) -> MonomialMatrix:
        back = np.argsort(self.source)
        return MonomialMatrix(back, self.phase.conj()[back])

    def dense(self) -> Matrix:
        """(2ⁿ, 2ⁿ)."""
        matrix = np.zeros((len(self.source),) * 2, dtype=complex)
        matrix[np.arange(len(self.source)), self.source] = self.phase
        return matrix


def identity(num_qubits: int) -> MonomialMatrix:
    """The matrix that leaves every amplitude alone."""
    return MonomialMatrix(np.arange(2**num_qubits), np.ones(2**num_qubits, dtype=complex))


def is_monomial(matrix: Matrix) -> bool:
    """Whether a unitary has one entry in every row."""
    return bool(((np.abs(matrix) > NEGLIGIBLE).sum(1) == 1).all())


def on_qubits(matrix: Matrix, qubits: tuple[int, ...], num_qubits: int) -> MonomialMatrix:
    """A monomial matrix on some qubits, the first the least significant bit, as one of all amplitudes.

    >>> cx = np.eye(4)[[0, 3, 2, 1]]  # control 0, target 1
    >>> on_qubits(cx, (2, 0), 3).source
    array([0, 1, 2, 3, 5, 4, 7, 6])
    """
    index = np.arange(2**num_qubits)
    inside = sum(((index >> qubit) & 1) << slot for slot, qubit in enumerate(qubits))
    source_inside = np.abs(matrix).argmax(1)[inside]
    outside = index & ~sum(1 << qubit for qubit in qubits)
    spread = sum(((source_inside >> slot) & 1) << qubit for slot, qubit in enumerate(qubits))
    return MonomialMatrix(outside | spread, matrix[inside, source_inside])

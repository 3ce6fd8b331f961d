"""Pauli strings as bit masks, and generators as sums of them.

    P(x, z) = i^|x∧z| Xˣ Zᶻ,      G = Σ_t w_t P_t,      w_t = tr(P_t G)/2ⁿ

x holds the qubits with X or Y, z those with Z or Y (Aaronson and Gottesman 2004, arXiv quant-ph/0406196).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from qgeo.circuit.elements import Matrix

Term = tuple[int, int, float]
"""A Pauli string and its weight: masks x and z, w."""

NEGLIGIBLE = 1e-12
"""A weight of so much of the generator's largest entry is rounding."""

_POWERS = np.array([1, -1j, -1, 1j])


def pauli_terms(generator: Matrix, qubits: tuple[int, ...]) -> tuple[Term, ...]:
    """The strings of a Hermitian generator on `qubits`, the first the least significant bit of its matrix.

    >>> pauli_terms(np.diag([0.0, 0.0, 0.0, 1.0]), (0, 2))  # |11⟩⟨11| = (1 − Z₀ − Z₂ + Z₀Z₂)/4
    ((0, 0, 0.25), (0, 1, -0.25), (0, 4, -0.25), (0, 5, 0.25))
    """
    index = np.arange(len(generator))
    both = np.bitwise_count(index[:, None] & index)
    moved = generator[index[:, None] ^ index, index]  # [x, k]: from amplitude k to k ^ x
    weights = (_POWERS[both % 4] * (moved @ (1 - 2.0 * (both % 2)))).real / len(index)  # [x, z]
    least = NEGLIGIBLE * np.abs(generator).max()
    return tuple(
        (_spread(x, qubits), _spread(z, qubits), float(weights[x, z]))
        for x, z in np.argwhere(np.abs(weights) > least).tolist()
    )


def commute(first: Term, second: Term) -> bool:
    """Whether two strings commute: they differ, both not I, on an even number of qubits."""
    return ((first[0] & second[1]).bit_count() + (first[1] & second[0]).bit_count()) % 2 == 0


def all_commute(terms: Sequence[Term]) -> bool:
    """Whether every two of the strings commute."""
    return all(commute(first, second) for first, second in combinations(terms, 2))


def support(terms: Sequence[Term]) -> int:
    """The qubits that the strings act on, as a mask."""
    mask = 0
    for x, z, _ in terms:
        mask |= x | z
    return mask


def _spread(mask: int, qubits: tuple[int, ...]) -> int:
    return sum(((mask >> slot) & 1) << qubit for slot, qubit in enumerate(qubits))

"""Generators of circuits that are products of exponentials: U = Π_k exp(−i t_k Σ_j c_kj P_kj), as plain data.

A generator is a tuple of Pauli strings with weights; strings are written as in Qiskit, the last qubit first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Generator = tuple[tuple[str, float], ...]

STRINGS_PER_LAYER, DOUBLES_PER_LAYER = 8, 4

_DOUBLE_EXCITATION = (
    ("XXXY", 1),
    ("XXYX", 1),
    ("XYXX", -1),
    ("YXXX", -1),
    ("YYYX", -1),
    ("YYXY", -1),
    ("YXYY", 1),
    ("XYYY", 1),
)
"""−i (a†_s a†_r a_q a_p − h.c.) under the Jordan–Wigner map, times 8: the letters on p < q < r < s."""


def random_strings(weight: int) -> Callable[[int, int], list[Generator]]:
    """Of strings on `weight` qubits drawn without replacement, letters with equal chances; eight a layer."""

    def drawn(n: int, layers: int) -> list[Generator]:
        draw = np.random.default_rng(7)
        return [((_random_string(n, weight, draw), 1.0),) for _ in range(STRINGS_PER_LAYER * layers)]

    return drawn


def _random_string(n: int, weight: int, draw: np.random.Generator) -> str:
    letters = ["I"] * n
    for qubit in draw.choice(n, weight, replace=False):
        letters[qubit] = "XYZ"[draw.integers(3)]
    return "".join(letters)


def double_excitations(n: int, layers: int) -> list[Generator]:
    """Of unitary coupled cluster: two of the first n/2 (occupied) and two other orbitals; four a layer."""
    draw, occupied = np.random.default_rng(7), n // 2
    found = []
    for _ in range(DOUBLES_PER_LAYER * layers):
        below = draw.choice(occupied, 2, replace=False)
        above = occupied + draw.choice(n - occupied, 2, replace=False)
        found.append(_double_excitation(n, sorted([*below, *above])))
    return found


def _double_excitation(n: int, orbitals: Sequence[int]) -> Generator:
    p, q, r, s = orbitals
    between = [*range(p + 1, q), *range(r + 1, s)]
    terms = []
    for letters, sign in _DOUBLE_EXCITATION:
        string = ["Z" if qubit in between else "I" for qubit in range(n)]
        for qubit, letter in zip(orbitals, letters, strict=True):
            string[qubit] = letter
        terms.append(("".join(reversed(string)), sign / 8))
    return tuple(terms)


def occupied_orbitals(circuit: str, n: int) -> range:
    """The qubits that begin in |1⟩."""
    return range(n // 2 if circuit == "ucc" else 0)


GENERATORS: dict[str, Callable[[int, int], list[Generator]]] = {
    "strings3": random_strings(3),
    "strings4": random_strings(4),
    "strings6": random_strings(6),
    "strings12": random_strings(12),
    "ucc": double_excitations,
}

TITLES = {
    "strings3": "strings of 3 qubits",
    "strings4": "strings of 4 qubits",
    "strings6": "strings of 6 qubits",
    "strings12": "strings of 12 qubits",
    "ucc": "UCC doubles",
}

"""Pauli strings as bit masks: labels, commutation, conjugation, matrices, and generators as sums of strings.

    P(x, z) = i^|x∧z| Xˣ Zᶻ,      (P ψ)_k = i^|x∧z| (−1)^|(k⊕x)∧z| ψ_{k⊕x}
    G = Σ_t w_t P_t,              w_t = tr(P_t G)/2ⁿ

x holds the qubits with X or Y, z those with Z or Y (Aaronson and Gottesman 2004, arXiv quant-ph/0406196).
The heads' observables, the compiled engine's rotations, the estimators' readings and the layers are these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qgeo.circuit.matrices import Matrix
from qgeo.circuit.monomial import NEGLIGIBLE, MonomialMatrix
from qgeo.errors import ConfigurationError

LETTERS = "IXZY"
"""The letter of a qubit, by its bit of x and twice its bit of z."""

MOST_REMEMBERED = 16
"""Rows of a generator whose strings are remembered, chosen: the same gate stands in a circuit hundreds of
times, a generator of more than four qubits mostly once."""

_POWERS = np.array([1, 1j, -1, -1j])  # of i


class Term(NamedTuple):
    """A Pauli string and its weight: masks x and z, w."""

    x: int
    z: int
    weight: float = 1.0


# --- letters and masks ----------------------------------------------------------------------------


def from_label(label: str) -> Term:
    """The string of a label, its rightmost letter on qubit 0.

    Raises:
        ConfigurationError: other letters than I X Y Z, or none.

    >>> from_label("YZX")
    Term(x=5, z=6, weight=1.0)
    """
    if not label or set(label) - set(LETTERS):
        raise ConfigurationError(f"expected Pauli labels of the letters I X Y Z, got {label!r}")
    codes = [LETTERS.index(letter) for letter in reversed(label)]
    return Term(*(sum((code >> bit & 1) << qubit for qubit, code in enumerate(codes)) for bit in (0, 1)))


def label(term: Term, num_qubits: int) -> str:
    """The label of a string on so many qubits, without its weight; the inverse of `from_label`."""
    return "".join(letter(term, qubit) for qubit in reversed(range(num_qubits)))


def letter(term: Term, qubit: int) -> str:
    return LETTERS[(term.x >> qubit & 1) + 2 * (term.z >> qubit & 1)]


def qubits_of(mask: int) -> list[int]:
    """The qubits of a mask, ascending."""
    return [qubit for qubit in range(mask.bit_length()) if mask >> qubit & 1]


def mask_of(qubits: Iterable[int]) -> int:
    """The mask of some qubits."""
    return sum(1 << qubit for qubit in qubits)


def spread(mask: int, qubits: Sequence[int]) -> int:
    """A mask over positions in `qubits` as a mask over qubits."""
    return sum((mask >> slot & 1) << qubit for slot, qubit in enumerate(qubits))


def gathered(mask: int, qubits: Sequence[int]) -> int:
    """A mask over qubits as one over positions in `qubits`: the inverse of `spread`."""
    return sum((mask >> qubit & 1) << slot for slot, qubit in enumerate(qubits))


def support(terms: Iterable[Term]) -> int:
    """The qubits that the strings act on, as a mask."""
    mask = 0
    for x, z, _ in terms:
        mask |= x | z
    return mask


def signs(index: NDArray[np.int64], z: int | NDArray[np.int64]) -> NDArray[np.float64]:
    """(−1)^|k∧z| of every index k: the diagonal of a string of Zs."""
    return np.asarray(1 - 2.0 * (np.bitwise_count(index & z) % 2))


# --- commutation and conjugation ------------------------------------------------------------------


def commute(first: Term, second: Term) -> bool:
    """Whether two strings commute: they differ, both not I, on an even number of qubits."""
    return ((first.x & second.z).bit_count() + (first.z & second.x).bit_count()) % 2 == 0


def all_commute(terms: Sequence[Term]) -> bool:
    """Whether every two of the strings commute."""
    return all(commute(first, second) for first, second in combinations(terms, 2))


def after_h(term: Term, qubit: int) -> Term:
    """C P C† for a Hadamard gate: X ↔ Z, Y → −Y."""
    is_x, is_z = term.x >> qubit & 1, term.z >> qubit & 1
    swapped = (is_x ^ is_z) << qubit
    return Term(term.x ^ swapped, term.z ^ swapped, -term.weight if is_x & is_z else term.weight)


def after_sdg(term: Term, qubit: int) -> Term:
    """C P C† for an S† gate: X → −Y, Y → X."""
    is_x, is_z = term.x >> qubit & 1, term.z >> qubit & 1
    return Term(term.x, term.z ^ (is_x << qubit), -term.weight if is_x > is_z else term.weight)


def after_cx(term: Term, control: int, target: int) -> Term:
    """C P C† for a CX gate: X_c → X_c X_t, Z_t → Z_c Z_t.

    >>> after_cx(from_label("IX"), 0, 1), after_cx(from_label("ZX"), 0, 1)  # X₀ → X₀X₁, X₀Z₁ → −Y₀Y₁
    (Term(x=3, z=0, weight=1.0), Term(x=3, z=3, weight=-1.0))
    """
    x, z = term.x >> control & 1, term.z >> target & 1
    negative = x & z & ~((term.x >> target) ^ (term.z >> control))
    return Term(term.x ^ (x << target), term.z ^ (z << control), -term.weight if negative else term.weight)


def after_cz(term: Term, first: int, second: int) -> Term:
    """C P C† for a CZ gate: a CX gate between Hadamard gates."""
    return after_h(after_cx(after_h(term, second), first, second), second)


def conjugated(term: Term, by: MonomialMatrix) -> Term | None:
    """W†PW as a string and its weight, or None where it is no Pauli string: W is no Clifford.

    Read off the amplitudes of the product, and checked.

    >>> cx = MonomialMatrix(np.array([0, 3, 2, 1]), np.ones(4, dtype=complex))  # control 0, target 1
    >>> conjugated(Term(0b01, 0, 0.5), cx), conjugated(Term(0, 0b10, 0.5), cx)  # X₀ → X₀X₁, Z₁ → Z₀Z₁
    (Term(x=3, z=0, weight=0.5), Term(x=0, z=3, weight=0.5))
    """
    num_qubits = len(by.source).bit_length() - 1
    product = by.inverse().after(string_matrix(term, num_qubits).after(by))
    relative = product.phase / product.phase[0]
    z = mask_of(qubit for qubit in range(num_qubits) if relative[1 << qubit].real < 0)
    string = Term(int(product.source[0]), z)
    plain = string_matrix(string, num_qubits)
    sign = product.phase[0] / plain.phase[0]
    is_string = np.array_equal(product.source, plain.source)
    if not is_string or not np.allclose(product.phase, sign * plain.phase, rtol=0, atol=NEGLIGIBLE):
        return None
    return string._replace(weight=float(term.weight * sign.real))


# --- matrices -------------------------------------------------------------------------------------


def string_matrix(term: Term, num_qubits: int) -> MonomialMatrix:
    """A string, without its weight, on 2ⁿ amplitudes."""
    source = np.arange(2**num_qubits) ^ term.x
    return MonomialMatrix(source, _POWERS[(term.x & term.z).bit_count() % 4] * signs(source, term.z))


def generator_of(terms: Iterable[Term], num_qubits: int) -> Matrix:
    """Σ_t w_t P_t, (2ⁿ, 2ⁿ); the inverse of `pauli_terms`."""
    zero = np.zeros((2**num_qubits,) * 2, dtype=complex)
    return sum((term.weight * string_matrix(term, num_qubits).dense() for term in terms), zero)


def pauli_terms(generator: Matrix, qubits: tuple[int, ...]) -> tuple[Term, ...]:
    """The strings of a Hermitian generator on `qubits`, the first the least significant bit of its matrix.

    A weight below 1e-12 of the generator's largest entry is rounding and is left out.

    >>> projector = np.diag([0.0, 0.0, 0.0, 1.0])  # |11⟩⟨11| = (1 − Z₀ − Z₂ + Z₀Z₂)/4
    >>> [tuple(term) for term in pauli_terms(projector, (0, 2))]
    [(0, 0, 0.25), (0, 1, -0.25), (0, 4, -0.25), (0, 5, 0.25)]
    """
    strings = _strings if len(generator) <= MOST_REMEMBERED else _strings.__wrapped__
    local = strings(np.ascontiguousarray(generator, dtype=complex).tobytes(), len(generator))
    return tuple(Term(spread(x, qubits), spread(z, qubits), weight) for x, z, weight in local)


@lru_cache(maxsize=1024)
def _strings(entries: bytes, size: int) -> tuple[Term, ...]:
    """The strings of a generator by its entries, on qubits 0, 1, …"""
    generator = np.frombuffer(entries, dtype=complex).reshape(size, size)
    index = np.arange(size)
    ys = np.bitwise_count(index[:, None] & index)  # [x, z]: how many Ys
    shifted = generator[index[:, None] ^ index, index]  # [x, k]: from amplitude k to k ^ x
    weights = (_POWERS[-ys.astype(int) % 4] * (shifted @ signs(index[:, None], index))).real / size
    least = NEGLIGIBLE * np.abs(generator).max()
    return tuple(Term(x, z, float(weights[x, z])) for x, z in np.argwhere(np.abs(weights) > least).tolist())

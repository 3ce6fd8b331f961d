"""Clifford operators by what they make of Pauli strings: images of a gate, the tableau of a circuit.

    C†X_qC,  C†Z_qC        2n Pauli strings with signs, which determine C up to its global phase
    R_P(a) C = C R_{C†PC}(a)

A gate g behind C replaces the strings of its k qubits by products of them: (gC)†P(gC) = C†(g†Pg)C. Nothing
has 2ⁿ numbers. Phases are powers of i: (Xᵃ Zᵇ)(Xᶜ Zᵈ) = (−1)^|b∧c| Xᵃ⊕ᶜ Zᵇ⊕ᵈ. Source: Aaronson and Gottesman
2004, arXiv quant-ph/0406196, who keep CPC† instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt

import numpy as np

from qgeo.circuit.matrices import Matrix
from qgeo.circuit.monomial import NEGLIGIBLE
from qgeo.circuit.paulis import Term, mask_of, qubits_of, string_matrix

WIDEST = 5
"""Most qubits of a matrix that is looked at: of a fixed gate that the compiled sweeps take."""

String = tuple[int, int, int]
"""i^power Xˣ Zᶻ, a Pauli string with its phase: the masks x and z, and the power modulo 4."""


# --- strings with their phases --------------------------------------------------------------------


def string_of(term: Term) -> String:
    """A Pauli string with the sign of its weight.

    >>> string_of(Term(1, 1)), string_of(Term(1, 1, -1.0))  # Y = i X Z
    ((1, 1, 1), (1, 1, 3))
    """
    return term.x, term.z, (term.x & term.z).bit_count() + 2 * (term.weight < 0) & 3


def term_of(string: String) -> Term:
    """A Hermitian string as a term of weight ±1: the inverse of `string_of`."""
    x, z, power = string
    return Term(x, z, 1.0 - (power - (x & z).bit_count() & 3))


def product(factors: Iterable[String], power: int = 0) -> String:
    """i^power times the strings, multiplied from left to right.

    >>> product([(0, 1, 0), (1, 0, 0)])  # Z X = −X Z
    (1, 1, 2)
    """
    x = z = 0
    for factor_x, factor_z, factor_power in factors:
        power += factor_power + 2 * (z & factor_x).bit_count()
        x ^= factor_x
        z ^= factor_z
    return x, z, power & 3


# --- the images of a gate -------------------------------------------------------------------------


def clifford_images(matrix: Matrix) -> tuple[Term, ...] | None:
    """g†X_0g … g†X_{k−1}g, then g†Z_0g … g†Z_{k−1}g, or None where g is no Clifford operator.

    Args:
        matrix: (2ᵏ, 2ᵏ), a unitary g on k qubits, the first the least significant bit.

    Returns:
        2k strings on masks over the k qubits, of weight 1.0 or −1.0. They are exact; g may differ from a
        Clifford operator by rounding, 1e-12 in an entry. An angle that is further from a multiple of π/2 is
        kept as it is given: taken for the multiple, it would move a state by that much. None also for
        k > 5.

    The results are memoised. Source: Aaronson and Gottesman 2004, arXiv quant-ph/0406196.

    >>> clifford_images(np.array([[1, 1], [1, -1]]) / np.sqrt(2))  # H: X → Z, Z → X
    (Term(x=0, z=1, weight=1.0), Term(x=1, z=0, weight=1.0))
    >>> clifford_images(np.diag([1, 1j]))  # S: S†XS = −Y
    (Term(x=1, z=1, weight=-1.0), Term(x=0, z=1, weight=1.0))
    >>> clifford_images(np.diag([1, np.exp(0.25j * np.pi)])) is None  # T
    True
    """
    if len(matrix) > 2**WIDEST:
        return None
    return _images(np.asarray(matrix, dtype=complex).tobytes())


@lru_cache(maxsize=1024)  # chosen: at most 16 MiB of keys, where all have five qubits
def _images(entries: bytes) -> tuple[Term, ...] | None:
    flat = np.frombuffer(entries, dtype=complex)
    matrix = flat.reshape(isqrt(len(flat)), -1)
    if not _has_one_modulus(matrix):
        return None
    images = []
    for letter in _letters(len(matrix).bit_length() - 1):
        image = _image(matrix, letter)
        if image is None:
            return None
        images.append(image)
    return tuple(images)


def _letters(num_qubits: int) -> list[Term]:
    """X_0 … X_{k−1}, Z_0 … Z_{k−1}."""
    bits = [1 << qubit for qubit in range(num_qubits)]
    return [*(Term(bit, 0) for bit in bits), *(Term(0, bit) for bit in bits)]


def _has_one_modulus(matrix: Matrix) -> bool:
    """Whether all entries but zeros have one modulus: columns are stabilizer states, and so are rows."""
    moduli = np.abs(matrix)
    return bool(((moduli < NEGLIGIBLE) | (moduli > moduli.max() - NEGLIGIBLE)).all())


def _image(matrix: Matrix, string: Term) -> Term | None:
    """g†Pg as ±P', read off its columns 0, 1, 2, 4, …; None unless P g = ± g P'."""
    num_qubits = len(matrix).bit_length() - 1
    columns = np.array([0, *(1 << qubit for qubit in range(num_qubits))])
    plain = string_matrix(string, num_qubits)
    left = plain.phase[:, None] * matrix[plain.source]  # P g
    conjugate = matrix.conj().T @ left[:, columns]
    x = int(np.abs(conjugate[:, 0]).argmax())
    entries = conjugate[columns ^ x, np.arange(len(columns))]  # of P' at (j ⊕ x, j)
    z = mask_of(qubit for qubit in range(num_qubits) if (entries[qubit + 1] / entries[0]).real < 0)
    image = string_matrix(Term(x, z), num_qubits)
    sign = 1.0 if (entries[0] / image.phase[x]).real > 0 else -1.0
    expected = sign * (matrix * image.phase)[:, image.source]  # g P', as x ⊕ is its own inverse
    return Term(x, z, sign) if np.allclose(left, expected, rtol=0, atol=NEGLIGIBLE) else None


# --- the tableau of a circuit ---------------------------------------------------------------------


@dataclass(eq=False)
class Tableau:
    """A Clifford operator C on n qubits, up to its global phase, by what it pulls X_q and Z_q back to.

        rows[q] = C†X_qC,      rows[n + q] = C†Z_qC

    >>> tableau = Tableau.identity(2)
    >>> tableau.append(clifford_images(np.array([[1, 1], [1, -1]]) / np.sqrt(2)), (0,))
    >>> tableau.append(clifford_images(np.eye(4)[[0, 3, 2, 1]]), (0, 1))  # CX, control 0
    >>> tableau.pulled_back(Term(0b11, 0b11, 0.5))  # Y₀Y₁/2 → −X₀Z₁/2 → −Z₀Z₁/2
    Term(x=0, z=3, weight=-0.5)
    """

    num_qubits: int
    rows: list[String]

    @classmethod
    def identity(cls, num_qubits: int) -> Tableau:
        return cls(num_qubits, [string_of(letter) for letter in _letters(num_qubits)])

    @property
    def is_identity(self) -> bool:
        """Whether C is the identity up to its global phase."""
        return self.rows == Tableau.identity(self.num_qubits).rows

    def append(self, images: tuple[Term, ...], qubits: Sequence[int]) -> None:
        """C ← g C for a gate g with these `clifford_images` on k qubits.

        At most 2k products of at most 2k strings.
        """
        places = [*qubits, *(self.num_qubits + qubit for qubit in qubits)]
        before = [self.rows[place] for place in places]
        for slot, power, factors in _changes(images):
            self.rows[places[slot]] = product([before[factor] for factor in factors], power)

    def after(self, first: Tableau) -> Tableau:
        """The product: `first`, then this one."""
        return Tableau(self.num_qubits, [first.conjugate(row) for row in self.rows])

    def conjugate(self, string: String) -> String:
        """C†PC of a string with its phase."""
        x, z, power = string
        places = [*qubits_of(x), *(self.num_qubits + qubit for qubit in qubits_of(z))]
        return product([self.rows[place] for place in places], power)

    def pulled_back(self, term: Term) -> Term:
        """C†PC, its weight that of the term times the sign: what a rotation behind C is in front of it."""
        x, z, sign = term_of(self.conjugate(string_of(term._replace(weight=1.0))))
        return Term(x, z, sign * term.weight)


@lru_cache(maxsize=1024)
def _changes(images: tuple[Term, ...]) -> tuple[tuple[int, int, tuple[int, ...]], ...]:
    """Which strings a gate replaces: each with the power of i and the strings whose product it becomes."""
    num_qubits = len(images) // 2
    changes = []
    for slot, image in enumerate(images):
        x, z, power = string_of(image)
        factors = (*qubits_of(x), *(num_qubits + qubit for qubit in qubits_of(z)))
        if (power, factors) != (0, (slot,)):
            changes.append((slot, power, factors))
    return tuple(changes)

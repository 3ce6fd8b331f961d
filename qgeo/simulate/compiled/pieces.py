"""What the compiled sweeps apply: rotations about sums of strings, and about dense generators.

    exp(−i a G/2),      (G ψ)_k = i^y g_k ψ_{k⊕x}      for commuting strings that all flip the bits x

A row of such a sum has one entry, however many strings there are: a rotation under controls, or an excitation
of electrons, costs what a rotation about one string does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qgeo.circuit.matrices import Matrix
from qgeo.circuit.monomial import MonomialMatrix
from qgeo.circuit.paulis import Term
from qgeo.simulate.compiled.layout import MOST_MASKS

FIXED = -1
"""The angle of an operation that has none."""


@dataclass(frozen=True)
class StringsRotation:
    """exp(−i a G/2) for commuting strings that all flip the bits `x`.

        (G ψ)_k = i^y g_v ψ_{k⊕x},     v the parities of k with the masks, y = 1 where `real`, else 0

    −iG has real entries where the strings have an odd number of Ys. `angle` FIXED stands for a = 1.
    """

    angle: int
    x: int
    real: bool
    masks: tuple[int, ...]
    entries: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class DenseRotation:
    """exp(−i a G/2) for any G on a few qubits, by its eigenvectors (D, D) and eigenvalues (D,).

    `flips`: all x with entries (i, i⊕x) that are not 0 at every angle, 0 among them.
    """

    angle: int
    qubits: tuple[int, ...]
    flips: tuple[int, ...]
    vectors: Matrix
    spectrum: NDArray[np.float64]


Piece = StringsRotation | DenseRotation | MonomialMatrix


def rotations_about(angle: int, terms: Sequence[Term]) -> list[StringsRotation]:
    """The product of exp(−i a w P/2) over commuting strings: those that flip the
    same bits are one rotation.

    >>> rotations_about(0, [Term(1, 0, 0.5), Term(1, 2, -0.5)])  # (1 − Z₁)/2 X₀: under a control
    [StringsRotation(angle=0, x=1, real=False, masks=(2,), entries=(0.0, 1.0))]
    """
    alike: dict[tuple[int, int], list[Term]] = {}
    for term in terms:
        alike.setdefault((term.x, (term.x & term.z).bit_count() % 2), []).append(term)
    return [
        _rotation_about(angle, x, bool(real), some)
        for (x, real), group in alike.items()
        for some in _spanned_by_few(group)
    ]


def _spanned_by_few(terms: Sequence[Term]) -> Iterator[list[Term]]:
    """The terms in parts whose masks z have at most MOST_MASKS independent ones."""
    part: list[Term] = []
    for term in terms:
        if len(_independent([*part, term])) > MOST_MASKS:
            yield part
            part = []
        part = [*part, term]
    yield part


def _independent(terms: Sequence[Term]) -> tuple[int, ...]:
    """Masks z of some terms of which all others are sums modulo 2."""
    reduced: list[int] = []
    chosen: list[int] = []
    for _, z, _ in terms:
        rest = z
        for row in reduced:
            rest = min(rest, rest ^ row)
        if rest:
            reduced.append(rest)
            chosen.append(z)
    return tuple(chosen)


def _rotation_about(angle: int, x: int, real: bool, terms: Sequence[Term]) -> StringsRotation:
    masks = _independent(terms)
    subsets = {0: 0}  # of masks, by the masks' sums
    for place, mask in enumerate(masks):
        subsets |= {total ^ mask: chosen | 1 << place for total, chosen in subsets.items()}
    weights = [(subsets[z], weight * _sign(x & z, real)) for _, z, weight in terms]
    entries = tuple(
        sum(weight * (1 - 2 * ((chosen & parities).bit_count() % 2)) for chosen, weight in weights)
        for parities in range(1 << len(masks))
    )
    return StringsRotation(angle, x, real, masks, entries)


def _sign(ys: int, real: bool) -> int:
    """Of an entry in row k: i^|y| without its i, and (−1)^|(k⊕x)∧z| = (−1)^|k∧z| (−1)^|y|."""
    count = ys.bit_count()
    return (-1 if count % 4 > 1 else 1) * (-1 if real else 1)

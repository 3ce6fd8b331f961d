"""Layers: which rotations of a circuit stand side by side, for its exact metrics and for its estimates alike.

    ψ = … C₃ C₂ C₁ |0⟩,      every column C a layer of commuting rotations, or fixed gates

Each item stands in the first column that it can move back to. A rotation passes what it commutes with,
string by string, and joins a layer that it commutes with as a whole; a fixed gate, whatever it does, passes
only what it shares no qubit with. A rotation whose own strings do not commute is a layer by itself. One that
only changes the phase stands nowhere: no measurement sees it (Stokes et al. 2020, arXiv 1909.02108, sec. 3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from qgeo.circuit.matrices import Matrix
from qgeo.circuit.paulis import Term, all_commute, commute, mask_of, pauli_terms, support


@dataclass(frozen=True, eq=False)
class Placeable:
    """What the layers need to know of an item.

    Attributes:
        qubits: that it occupies; terms, generator: the strings of its generator, or the generator on `qubits`
            that they are of; neither for a fixed gate.
        angles: of the program, by which it rotates.
    """

    qubits: tuple[int, ...]
    terms: tuple[Term, ...] | None = None
    generator: Matrix | None = None
    angles: tuple[int, ...] = ()

    @property
    def is_fixed(self) -> bool:
        return self.terms is None and self.generator is None

    def strings(self) -> tuple[Term, ...]:
        """The strings of its generator; the identity changes only the phase and is left out."""
        if self.terms is not None:
            terms = self.terms
        else:
            terms = () if self.generator is None else pauli_terms(self.generator, self.qubits)
        return tuple(term for term in terms if term.x | term.z)


@dataclass(frozen=True)
class Column:
    """Positions of items: of a layer's rotations, or of fixed gates in circuit order."""

    items: tuple[int, ...]
    is_layer: bool


@dataclass(eq=False)
class _Draft:
    """A column while it grows; `takes_more` unless it is a rotation that does not commute with itself."""

    is_layer: bool
    takes_more: bool = True
    items: list[int] = field(default_factory=list)
    strings: list[Term] = field(default_factory=list)
    qubits: int = 0

    def lets_pass(self, strings: tuple[Term, ...], qubits: int) -> bool:
        """Whether strings on `qubits` may move back past this column; a fixed gate has none."""
        if not qubits & self.qubits:
            return True
        if not (self.is_layer and strings):
            return False
        return all(commute(member, other) for member in self.strings for other in strings)

    def add(self, position: int, strings: tuple[Term, ...], qubits: int) -> None:
        self.items.append(position)
        self.strings += strings
        self.qubits |= qubits


def columns(items: Iterable[Placeable]) -> tuple[Column, ...]:
    """The columns of a circuit, first to last.

    >>> z0, x1 = Placeable((), terms=(Term(0, 1),)), Placeable((), terms=(Term(2, 0),))
    >>> [column.items for column in columns([z0, Placeable((1,)), x1, z0])]  # x1 stays behind the gate
    [(0, 3), (1,), (2,)]
    """
    drafts: list[_Draft] = []
    for position, item in enumerate(items):
        if item.is_fixed and item.qubits:  # without qubits: a phase
            mask = mask_of(item.qubits)
            _home(drafts, (), mask).add(position, (), mask)
        elif strings := item.strings():
            mask = support(strings)
            _home(drafts, strings, mask).add(position, strings, mask)
    return tuple(Column(tuple(draft.items), draft.is_layer) for draft in drafts)


def angle_layers(items: tuple[Placeable, ...]) -> tuple[tuple[int, ...], ...]:
    """The angles of every layer, in circuit order; an angle without effect is in none."""
    layers = (column.items for column in columns(items) if column.is_layer)
    return tuple(tuple(angle for position in layer for angle in items[position].angles) for layer in layers)


def _home(drafts: list[_Draft], strings: tuple[Term, ...], qubits: int) -> _Draft:
    """The first column that takes the item, reached from behind; a new one at the end if there is none."""
    is_layer, joins = bool(strings), all_commute(strings)
    home = None
    for draft in reversed(drafts):
        passes = draft.lets_pass(strings, qubits)
        if joins and draft.takes_more and draft.is_layer == is_layer and (passes or not is_layer):
            home = draft
        if not passes:
            break
    if home is None:
        home = _Draft(is_layer, takes_more=joins)
        drafts.append(home)
    return home

"""Elements → blocks: neighbours on few qubits become one matrix, permutations between them a monomial matrix.

Qubits are dealt into cells of equal width, so that a block is one efficient product: amplitudes are
(left, 2ᵏ, right) with few different shapes. Greedy, in circuit order: an element joins the last block it can
reach inside its cell, or opens one. Elements across cells: fixed ones that only move amplitudes (CX, CZ,
SWAP) gather in monomial matrices; others get a block of their own. Elements that depend on data stay in
blocks of their own kind and in narrower cells, because each context has its own matrix. A rotation about a
wide Pauli string comes as its ladder of gates on two qubits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from qgeo.circuit.blocks import Block, Factor, FixedFactor, Part, RotationFactor
from qgeo.circuit.elements import Fixed, Placed, Rotation, laddered
from qgeo.circuit.matrices import embedded
from qgeo.circuit.monomial import MonomialMatrix, identity, is_monomial, on_qubits

WIDE, NARROW = 5, 4
"""Most qubits of a cell that all contexts share: 5, where 32×32 matrices make efficient products, but 4 for
6 to 8 qubits, where two cells of 3 or 4 are as good and cheaper to build
(benchmarks/NOTES.md, "cell width")."""

PER_CONTEXT_WIDTH = 3
"""Most qubits of a cell with one matrix per context, chosen: derivatives are stored per context."""

MONOMIAL_QUBITS = 14
"""Widest circuit with monomial matrices of all 2ⁿ amplitudes; beyond it a fixed gate is a small matrix.
Chosen, not measured."""


@dataclass(frozen=True)
class BlockShape:
    """What a block takes: qubits, rotations, and whether each context has its own; a monomial matrix has no
    rotations."""

    num_qubits: int
    num_rotations: int
    per_context: bool


@dataclass(frozen=True, eq=False)
class _Piece:
    """A rotation or a fixed gate, as blocks take it. `per_context` is None for a fixed one."""

    element: Rotation | Fixed
    qubits: frozenset[int]
    per_context: bool | None
    is_monomial: bool


@dataclass(frozen=True)
class Cells:
    """Qubits 0 … n−1 in cells of equal width, at most `width` of them."""

    num_qubits: int
    width: int

    def hold(self, qubits: set[int] | frozenset[int]) -> bool:
        """Whether all of them lie in one cell."""
        size = -(-self.num_qubits // -(-self.num_qubits // self.width))
        return len({qubit // size for qubit in qubits}) == 1


@dataclass(eq=False)
class _Draft:
    """A block while it grows. `per_context` is None while it holds fixed elements only."""

    qubits: set[int]
    per_context: bool | None = None
    members: list[Rotation | Fixed] = field(default_factory=list)

    def accepts(self, item: _Piece, cells: dict[bool, Cells]) -> bool:
        kinds = {item.per_context, self.per_context} - {None}
        if len(kinds) > 1 or len(self.qubits) > cells[False].width:
            return False
        union = self.qubits | item.qubits
        return union == self.qubits or cells[True in kinds].hold(union)

    def add(self, item: _Piece) -> None:
        self.qubits |= item.qubits
        self.members.append(item.element)
        if item.per_context is not None:
            self.per_context = item.per_context

    def shape(self, num_qubits: int) -> BlockShape:
        del num_qubits
        rotations = sum(isinstance(element, Rotation) for element in self.members)
        return BlockShape(len(self.qubits), rotations, bool(self.per_context))

    def finished(self, num_qubits: int) -> Block:
        """The block, its elements embedded in its own qubits."""
        del num_qubits
        qubits = tuple(sorted(self.qubits))
        position = {qubit: slot for slot, qubit in enumerate(qubits)}
        factors: list[Factor] = []
        for element in self.members:
            _append(factors, element, tuple(position[qubit] for qubit in element.qubits), len(qubits))
        return Block(qubits, tuple(factors), bool(self.per_context))


@dataclass(eq=False)
class _MonomialDraft:
    """A monomial matrix while it grows: any fixed elements that only move amplitudes."""

    members: list[Fixed] = field(default_factory=list)

    def accepts(self, item: _Piece, cells: dict[bool, Cells]) -> bool:
        del cells
        return item.is_monomial

    def add(self, item: _Piece) -> None:
        assert isinstance(item.element, Fixed)
        self.members.append(item.element)

    def shape(self, num_qubits: int) -> BlockShape:
        return BlockShape(num_qubits, 0, False)

    def finished(self, num_qubits: int) -> MonomialMatrix:
        """The product of the gathered elements."""
        product = identity(num_qubits)
        for element in self.members:
            product = on_qubits(element.matrix, element.qubits, num_qubits).after(product)
        return product


@lru_cache(maxsize=16)  # a program and its `by_angle` have the same elements
def fuse(items: tuple[Placed, ...], num_qubits: int, width: int | None = None) -> tuple[Part, ...]:
    """Blocks whose product, first to last, is the product of the elements.

    Args:
        items: elements in circuit order, each on at least one qubit.
        width: most qubits of a shared cell, chosen by the number of qubits where None is given (an element
            wider than that gets a block of its own).
    """
    return tuple(draft.finished(num_qubits) for draft in _drafts(items, num_qubits, width))


def block_shapes(
    items: tuple[Placed, ...], num_qubits: int, width: int | None = None
) -> tuple[BlockShape, ...]:
    """The shapes of the blocks that `fuse` gives, at no cost of 2ⁿ."""
    return tuple(draft.shape(num_qubits) for draft in _drafts(items, num_qubits, width))


def _drafts(items: tuple[Placed, ...], num_qubits: int, width: int | None) -> list[_Draft | _MonomialDraft]:
    width = _measured_width(num_qubits) if width is None else width
    cells = {
        False: Cells(num_qubits, width),
        True: Cells(num_qubits, min(width, PER_CONTEXT_WIDTH)),
    }
    drafts: list[_Draft | _MonomialDraft] = []
    last_on_qubit: dict[int, int] = {}
    for item in _pieces(items):
        index = _home(item, drafts, last_on_qubit, cells)
        drafts[index].add(item)
        last_on_qubit |= dict.fromkeys(item.qubits, index)
    return drafts


def _pieces(items: Iterable[Placed]) -> Iterator[_Piece]:
    """The elements, strings as their ladders."""
    known: dict[bytes, bool] = {}  # the same gate stands in a circuit hundreds of times
    for item in items:
        for element in laddered(item.element):
            qubits = frozenset(element.qubits)
            if isinstance(element, Fixed):
                key = element.matrix.tobytes()
                if key not in known:
                    known[key] = is_monomial(element.matrix)
                yield _Piece(element, qubits, None, known[key])
            elif isinstance(element, Rotation):
                yield _Piece(element, qubits, item.per_context, False)


def _measured_width(num_qubits: int) -> int:
    return NARROW if WIDE < num_qubits <= 2 * NARROW else WIDE


def _home(
    item: _Piece,
    drafts: list[_Draft | _MonomialDraft],
    last_on_qubit: dict[int, int],
    cells: dict[bool, Cells],
) -> int:
    """The last draft that takes the item: late blocks leave less way for its tangent to go."""
    reachable = max((last_on_qubit.get(qubit, 0) for qubit in item.qubits), default=0)
    for index in reversed(range(reachable, len(drafts))):
        if drafts[index].accepts(item, cells):
            return index
    drafts.append(_new_draft(item, cells[False]))
    return len(drafts) - 1


def _new_draft(item: _Piece, cells: Cells) -> _Draft | _MonomialDraft:
    across = not cells.hold(item.qubits) and cells.num_qubits <= MONOMIAL_QUBITS
    return _MonomialDraft() if across and item.is_monomial else _Draft(set(item.qubits))


def _append(
    factors: list[Factor], element: Rotation | Fixed, positions: tuple[int, ...], num_qubits: int
) -> None:
    """Add a factor; two fixed ones in a row become one matrix."""
    if isinstance(element, Rotation):
        factors.append(RotationFactor(element.generator, positions, element.angle))
        return
    matrix = embedded(element.matrix, positions, num_qubits)
    last = factors[-1] if factors else None
    if isinstance(last, FixedFactor):
        factors[-1] = FixedFactor(matrix @ last.matrix)
    else:
        factors.append(FixedFactor(matrix))

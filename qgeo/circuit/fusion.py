"""Elements → blocks: neighbours that act on few qubits become one block.

Greedy, in circuit order: an element joins the last block it shares a qubit with, or a later one, if the
union stays within the width limit; otherwise it opens a new block. Elements that depend on data stay in
blocks of their own kind, narrower because each context gets its own matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from qgeo.circuit.elements import Element, Fixed, embedded
from qgeo.circuit.program import Block, FixedStep, RotationStep, Step

SHARED_WIDTH = 5
"""Qubits of a block that all contexts share: 32×32 matrices, large enough for an efficient GEMM."""

PER_CONTEXT_WIDTH = 3
"""Qubits of a block with one matrix per context: small, because its derivatives are stored per context."""


@dataclass(frozen=True, eq=False)
class Placed:
    """An element with the index of its angle (None for a fixed one) and whether that depends on data."""

    element: Element
    angle: int | None
    per_context: bool


@dataclass(eq=False)
class _Draft:
    """A block while it grows. `per_context` is None while it holds fixed elements only."""

    qubits: set[int]
    per_context: bool | None
    members: list[Placed] = field(default_factory=list)

    def accepts(self, item: Placed, width: int) -> bool:
        kind = None if item.angle is None else item.per_context
        kinds = {kind, self.per_context} - {None}
        if len(kinds) > 1:
            return False
        limit = min(width, PER_CONTEXT_WIDTH) if True in kinds else width
        union = self.qubits | set(item.element.qubits)
        neighbours = self.qubits & set(item.element.qubits) or max(union) - min(union) < len(union)
        return bool(neighbours) and len(union) <= max(limit, len(self.qubits), len(item.element.qubits))

    def add(self, item: Placed) -> None:
        self.qubits |= set(item.element.qubits)
        self.members.append(item)
        if item.angle is not None:
            self.per_context = item.per_context


def fuse(items: list[Placed], width: int = SHARED_WIDTH) -> tuple[Block, ...]:
    """Blocks whose product, first to last, is the product of the elements.

    Args:
        items: elements in circuit order, each on at least one qubit.
        width: most qubits of a shared block (an element wider than that gets a block of its own).
    """
    drafts: list[_Draft] = []
    last_on_qubit: dict[int, int] = {}
    for item in items:
        index = _home(item, drafts, last_on_qubit, width)
        drafts[index].add(item)
        last_on_qubit |= dict.fromkeys(item.element.qubits, index)
    return tuple(_finish(draft) for draft in drafts)


def _home(item: Placed, drafts: list[_Draft], last_on_qubit: dict[int, int], width: int) -> int:
    earliest = max((last_on_qubit.get(qubit, 0) for qubit in item.element.qubits), default=0)
    for index in range(earliest, len(drafts)):
        if drafts[index].accepts(item, width):
            return index
    drafts.append(_Draft(set(), None))
    return len(drafts) - 1


def _finish(draft: _Draft) -> Block:
    qubits = tuple(sorted(draft.qubits))
    position = {qubit: slot for slot, qubit in enumerate(qubits)}
    steps: list[Step] = []
    for item in draft.members:
        _append(steps, item, tuple(position[qubit] for qubit in item.element.qubits), len(qubits))
    return Block(qubits, tuple(steps), bool(draft.per_context))


def _append(steps: list[Step], item: Placed, positions: tuple[int, ...], num_qubits: int) -> None:
    """Add a step; two fixed ones in a row become one matrix."""
    if not isinstance(item.element, Fixed):
        assert item.angle is not None
        steps.append(RotationStep(item.element.generator, positions, item.angle))
        return
    matrix = embedded(item.element.matrix, positions, num_qubits)
    if steps and isinstance(steps[-1], FixedStep):
        matrix = matrix @ steps.pop().matrix  # type: ignore[union-attr]
    steps.append(FixedStep(matrix))

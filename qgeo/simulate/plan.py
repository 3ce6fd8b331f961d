"""Where tangents enter, and in which frame they meet: the plan of a tangent sweep, made once per program.

Moving R rows of tangents through a block on k qubits costs R·2ᵏ products per amplitude, a relabelling about
R·8. The middle is the frame with the least total.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Literal

from qgeo.circuit.program import Block, Program, Relabelling

Frame = Literal["end", "middle"]

_RELABELLING_COST = 8


@dataclass(frozen=True)
class Entry:
    """∂a/∂p of one rotation: its slot in the block, its angle, and which of the angle's columns p is."""

    rotation: int
    angle: int
    slot: int
    parameter: int  # position among the block's parameters


@dataclass(frozen=True)
class BlockPlan:
    """Which parameters enter at a block: the first `fresh` get rows of their own, the others add to `rows`.

    `plain` where each rotation's angle is one parameter, in order, with slope 1.
    """

    entries: tuple[Entry, ...]
    num_parameters: int
    num_rotations: int
    fresh: int
    rows: tuple[int, ...]
    plain: bool


@dataclass(frozen=True)
class Plan:
    """A sweep forward over blocks 0 … frame−1 and one back over the others.

    Attributes:
        forward: one plan per block; back: block and plan, from the frame to the last block that matters.
        rows_forward, rows_back: how many rows of tangents each sweep makes.
        moves_forward, moves_back: through how many blocks the first of them moves.
        parameter_of_row: position among the chosen parameters, for all rows.
    """

    forward: tuple[BlockPlan, ...]
    back: tuple[tuple[int, BlockPlan], ...]
    rows_forward: int
    rows_back: int
    moves_forward: int
    moves_back: int
    parameter_of_row: tuple[int, ...]


@lru_cache(maxsize=256)
def propagation_plan(program: Program, wanted: tuple[int, ...], where: Frame) -> Plan:
    """The plan for tangents by columns `wanted`, to meet at the circuit's end or in its middle."""
    blocks = program.blocks
    frame = len(blocks) if where == "end" else _middle(program, frozenset(wanted))
    forward_rows: dict[int, int] = {}
    back_rows: dict[int, int] = {}
    forward = tuple(_block_plan(program, blocks[i], wanted, forward_rows) for i in range(frame))
    behind = {
        i: _block_plan(program, blocks[i], wanted, back_rows) for i in reversed(range(frame, len(blocks)))
    }
    first = min((i for i, own in enumerate(forward) if own.entries), default=frame)
    last = max((i for i, own in behind.items() if own.entries), default=frame - 1)
    position = {column: i for i, column in enumerate(wanted)}
    return Plan(
        forward=forward,
        back=tuple((i, behind[i]) for i in range(frame, last + 1)),
        rows_forward=len(forward_rows),
        rows_back=len(back_rows),
        moves_forward=frame - first,
        moves_back=max(0, last - frame),
        parameter_of_row=tuple(position[column] for column in [*forward_rows, *back_rows]),
    )


def _middle(program: Program, wanted: frozenset[int]) -> int:
    """The frame with the least work; work forward and back adds up over blocks."""
    columns = [_columns(program, block) & wanted for block in program.blocks]
    cost = [
        _RELABELLING_COST if isinstance(block, Relabelling) else block.dimension for block in program.blocks
    ]
    forward = _work(columns, cost, entering_first=True)
    back = _work(columns[::-1], cost[::-1], entering_first=False)[::-1]
    total = [one + other for one, other in zip(forward, back, strict=True)]
    return total.index(min(total))


def _work(columns: list[frozenset[int]], cost: list[int], entering_first: bool) -> list[int]:
    """Work of a sweep that stops after 0, 1, … blocks."""
    start: frozenset[int] = frozenset()
    seen = list(accumulate(columns, lambda rows, new: rows | new, initial=start))
    moved = seen[1:] if entering_first else seen[:-1]
    return list(accumulate((len(rows) * price for rows, price in zip(moved, cost, strict=True)), initial=0))


def _columns(program: Program, block: Block | Relabelling) -> frozenset[int]:
    return frozenset(column for step in block.rotations for column in program.angles[step.angle].columns)


def _block_plan(
    program: Program, block: Block | Relabelling, wanted: Iterable[int], row_of: dict[int, int]
) -> BlockPlan:
    """The block's plan; its new parameters get the next rows of `row_of`."""
    chosen = frozenset(wanted)
    used = [
        (rotation, step.angle, slot, column)
        for rotation, step in enumerate(block.rotations)
        for slot, column in enumerate(program.angles[step.angle].columns)
        if column in chosen
    ]
    mine = list(dict.fromkeys(column for *_, column in used))
    fresh = [column for column in mine if column not in row_of]
    known = [column for column in mine if column in row_of]
    rows = tuple(row_of[column] for column in known)
    row_of |= {column: len(row_of) + i for i, column in enumerate(fresh)}
    position = {column: i for i, column in enumerate([*fresh, *known])}
    entries = tuple(Entry(rotation, angle, slot, position[column]) for rotation, angle, slot, column in used)
    return BlockPlan(
        entries, len(mine), len(block.rotations), len(fresh), rows, _is_plain(program, block, entries)
    )


def _is_plain(program: Program, block: Block | Relabelling, entries: tuple[Entry, ...]) -> bool:
    in_order = [(entry.rotation, entry.parameter) for entry in entries] == [
        (i, i) for i in range(len(block.rotations))
    ]
    return in_order and all(program.angles[entry.angle].derivatives == (1.0,) for entry in entries)

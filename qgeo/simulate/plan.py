"""Where tangents enter, and in which frame they meet: the plan of a tangent sweep, made once per program.

A position is a number of blocks already applied. Parameters of a block enter at a station: in the sweep
forward behind their block, as late as blocks on other qubits allow; in the sweep back in front of it, as
early as those allow. Moving R rows of tangents through a block on k qubits costs R·2ᵏ products per amplitude,
a monomial matrix about R·8. The middle is the frame with the least total.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, groupby
from typing import Literal

from qgeo.circuit.monomial import MonomialMatrix
from qgeo.circuit.program import Block, Program, rotations_of

Frame = Literal["end", "middle"]

_MONOMIAL_COST = 8


@dataclass(frozen=True)
class Entry:
    """∂a/∂p of one rotation: its slot in the block, its angle, and which of the angle's columns p is."""

    rotation: int
    angle: int
    slot: int
    parameter: int  # position among the block's parameters


@dataclass(frozen=True)
class Entrance:
    """The parameters of one block: the first `fresh` get rows of their own, the others add to `rows`.

    `plain` where each rotation's angle is one parameter, in order, with slope 1.
    """

    block: int
    entries: tuple[Entry, ...]
    num_parameters: int
    num_rotations: int
    fresh: int
    rows: tuple[int, ...]
    plain: bool


@dataclass(frozen=True)
class Station:
    """Where the tangents of some blocks enter, all at once."""

    position: int
    entrances: tuple[Entrance, ...]


@dataclass(frozen=True)
class Plan:
    """A sweep forward from position 0 to `frame` and one back to it from the last station.

    Attributes:
        forward: stations in ascending order; back: in descending order.
        rows_forward, rows_back: how many rows of tangents each sweep makes.
        parameter_of_row: position among the chosen parameters, for all rows.
    """

    frame: int
    forward: tuple[Station, ...]
    back: tuple[Station, ...]
    rows_forward: int
    rows_back: int
    parameter_of_row: tuple[int, ...]


@lru_cache(maxsize=256)
def propagation_plan(program: Program, wanted: tuple[int, ...], where: Frame) -> Plan:
    """The plan for tangents by columns `wanted`, to meet at the circuit's end or in its middle."""
    chosen = frozenset(wanted)
    owners = [i for i, block in enumerate(program.blocks) if _columns(program, block) & chosen]
    latest, earliest = _latest_positions(program), _earliest_positions(program)
    frame = len(program.blocks) if where == "end" else _middle(program, owners, latest, earliest, chosen)
    ahead = sorted((min(latest[i], frame), i) for i in owners if i < frame)
    behind = sorted(((max(earliest[i], frame), i) for i in owners if i >= frame), reverse=True)
    forward_rows: dict[int, int] = {}
    back_rows: dict[int, int] = {}
    forward = _stations(program, ahead, chosen, forward_rows)
    back = _stations(program, behind, chosen, back_rows)
    place = {column: i for i, column in enumerate(wanted)}
    in_order = tuple(place[column] for column in [*forward_rows, *back_rows])
    return Plan(frame, forward, back, len(forward_rows), len(back_rows), in_order)


def _stations(
    program: Program, placed: Iterable[tuple[int, int]], chosen: frozenset[int], row_of: dict[int, int]
) -> tuple[Station, ...]:
    """Stations of (position, block) pairs in the order given; new parameters get the next rows."""
    by_position = groupby(placed, key=lambda pair: pair[0])
    return tuple(
        Station(position, tuple(_entrance(program, block, chosen, row_of) for _, block in pairs))
        for position, pairs in by_position
    )


def _latest_positions(program: Program) -> list[int]:
    """For every block the last position behind it that only blocks on other qubits lie before."""
    blocks = program.blocks
    later = (
        next((j for j in range(i + 1, len(blocks)) if _meet(blocks[i], blocks[j])), len(blocks))
        for i in range(len(blocks))
    )
    return list(later)


def _earliest_positions(program: Program) -> list[int]:
    """For every block the first position before it that only blocks on other qubits lie behind."""
    blocks = program.blocks
    return [
        1 + next((j for j in reversed(range(i)) if _meet(blocks[i], blocks[j])), -1)
        for i in range(len(blocks))
    ]


def _meet(one: Block | MonomialMatrix, other: Block | MonomialMatrix) -> bool:
    if isinstance(one, MonomialMatrix) or isinstance(other, MonomialMatrix):
        return True
    return not set(one.qubits).isdisjoint(other.qubits)


def _middle(
    program: Program, owners: list[int], latest: list[int], earliest: list[int], chosen: frozenset[int]
) -> int:
    """The frame with the least work."""
    cost = [_cost(block) for block in program.blocks]
    entering, leaving = [0] * (len(cost) + 1), [0] * (len(cost) + 1)
    for i in owners:
        rows = len(_columns(program, program.blocks[i]) & chosen)
        entering[latest[i]] += rows
        leaving[earliest[i]] += rows
    forward = _work(entering, cost)
    back = _work(leaving[::-1], cost[::-1])[::-1]
    total = [one + other for one, other in zip(forward, back, strict=True)]
    return total.index(min(total))


def _work(entering: list[int], cost: list[int]) -> list[int]:
    """Work of a sweep up to every position, from the rows that enter there and the cost of the blocks."""
    moved = (rows * price for rows, price in zip(accumulate(entering[:-1]), cost, strict=True))
    return list(accumulate(moved, initial=0))


def _cost(block: Block | MonomialMatrix) -> int:
    return _MONOMIAL_COST if isinstance(block, MonomialMatrix) else block.dimension


def _columns(program: Program, block: Block | MonomialMatrix) -> frozenset[int]:
    return frozenset(column for step in rotations_of(block) for column in program.angles[step.angle].columns)


def _entrance(program: Program, index: int, chosen: frozenset[int], row_of: dict[int, int]) -> Entrance:
    """A block's parameters among the chosen ones; those new to `row_of` get its next rows."""
    rotations = rotations_of(program.blocks[index])
    used = [
        (rotation, step.angle, slot, column)
        for rotation, step in enumerate(rotations)
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
    plain = _is_plain(program, entries, len(rotations))
    return Entrance(index, entries, len(mine), len(rotations), len(fresh), rows, plain)


def _is_plain(program: Program, entries: tuple[Entry, ...], num_rotations: int) -> bool:
    in_order = [(entry.rotation, entry.parameter) for entry in entries] == [
        (i, i) for i in range(num_rotations)
    ]
    return in_order and all(program.angles[entry.angle].derivatives == (1.0,) for entry in entries)

"""Where tangents meet: one choice of the frame, and of the order of rows, for both engines.

A circuit is a sequence of stages (the dense engine's blocks, the compiled engine's steps); position i is the
place in front of stage i. A parameter's tangent is inserted next to the stages that hold it and moves to the
frame, a position where all tangents are compared: forward from stages in front of it, back from those behind.
Quantum Fisher information is the same in every frame, so that the middle is the frame with the least work,

    work = Σ over stages of cost × rows that move through the stage

A parameter with stages on both sides has a row on either side; the two add up to its tangent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

Frame = Literal["end", "middle"]


@dataclass(frozen=True)
class Stage:
    """What a row of tangents moves through at once.

    Attributes:
        entries: (angle, column) of every entry of ∂a/∂p whose tangent is inserted here.
        insertion: the position of the insertion on the way forward; on the way back `insertion_back`.
        cost: of moving one row through the stage.
    """

    entries: tuple[tuple[int, int], ...]
    insertion: int
    insertion_back: int
    cost: int = 1

    @property
    def columns(self) -> tuple[int, ...]:
        """The columns of its entries, each once."""
        return tuple(dict.fromkeys(column for _, column in self.entries))


@dataclass(frozen=True)
class Inserted:
    """What is inserted on one side of the frame.

    Attributes:
        at: (position, stage) in the order in which they are reached on the way to the frame.
        columns: of the rows, in the order in which they are inserted first.
    """

    at: tuple[tuple[int, int], ...]
    columns: tuple[int, ...]


@dataclass(frozen=True)
class Meeting:
    """The frame, and the insertions in front of it, ascending, and behind it, descending."""

    frame: int
    ahead: Inserted
    behind: Inserted

    @property
    def columns(self) -> tuple[int, ...]:
        """Of all rows, those from in front of the frame first."""
        return self.ahead.columns + self.behind.columns


def meeting(stages: Sequence[Stage], frame: Frame) -> Meeting:
    """How tangents of these stages meet at the circuit's end or in its middle.

    >>> one_each = [Stage(((i, i),), i + 1, i + 1) for i in range(4)]
    >>> met = meeting(one_each, "middle")
    >>> met.frame, met.ahead.columns, met.behind.columns
    (2, (0, 1), (3, 2))
    """
    place = len(stages) if frame == "end" else _middle(stages)
    holding = [i for i, stage in enumerate(stages) if stage.entries]
    ahead = sorted((min(stages[i].insertion, place), i) for i in holding if i < place)
    behind = [(max(stages[i].insertion_back, place), i) for i in holding if i >= place]
    return Meeting(place, _inserted(stages, ahead), _inserted(stages, sorted(behind, reverse=True)))


def _inserted(stages: Sequence[Stage], at: Iterable[tuple[int, int]]) -> Inserted:
    reached = tuple(at)
    columns = (column for _, i in reached for column in stages[i].columns)
    return Inserted(reached, tuple(dict.fromkeys(columns)))


def _middle(stages: Sequence[Stage]) -> int:
    """The frame with the least work among those that cut no angle in two."""
    total = _total_work(stages)
    return min(_frames_between_angles(stages), key=total.__getitem__)


def _total_work(stages: Sequence[Stage]) -> list[int]:
    """By frame."""
    cost = [stage.cost for stage in stages]
    forward, back = [0] * (len(stages) + 1), [0] * (len(stages) + 1)
    for stage in stages:
        forward[stage.insertion] += len(stage.columns)
        back[stage.insertion_back] += len(stage.columns)
    behind = _work(back[::-1], cost[::-1])[::-1]
    return [sum(pair) for pair in zip(_work(forward, cost), behind, strict=True)]


def _work(inserted: list[int], cost: list[int]) -> list[int]:
    """Work of a sweep up to every position, from the rows inserted there and the cost of the stages."""
    by_stage = (rows * price for rows, price in zip(accumulate(inserted[:-1]), cost, strict=True))
    return list(accumulate(by_stage, initial=0))


def _frames_between_angles(stages: Sequence[Stage]) -> list[int]:
    """Positions with every angle's stages on one side: an entry ∂a/∂p belongs to one row."""
    last = {angle: i for i, stage in enumerate(stages) for angle, _ in stage.entries}
    reaches = (max((last[angle] for angle, _ in stage.entries), default=-1) for stage in stages)
    reached = accumulate(reaches, max, initial=-1)  # the last stage of the angles in front of every position
    return [position for position, reach in enumerate(reached) if reach < position]

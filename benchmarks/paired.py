"""qgeo and its opponents at one case, in turns: A/B/C/A/B/C …, each a process of its own, wall time.

All compute the case once, and must agree to 10⁻⁶; then they are asked in turn for the median of the calls of
a fraction of a second. A ratio is opponent / qgeo in one round; a row has their median and range over rounds.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.case import Case
from benchmarks.cases import OWN, PEERS, Opponent, Table
from benchmarks.clock import Clock
from benchmarks.processes import ROOT, Unmeasured, Worker

TOLERANCE = 1e-6
SLOW_SECONDS = 4.0
"""One turn is enough for calls that take longer."""

LONGEST_SECONDS = 120.0
"""Of a worker's first answer, with imports and compilation, and of a turn."""

PYTHONS = {OWN: Path(sys.executable), PEERS: ROOT / PEERS / "bin" / "python"}


@dataclass(frozen=True)
class Effort:
    """How long a case is measured.

    Attributes:
        seconds: of calls in a turn; threads: of every process.
    """

    rounds: int
    seconds: float
    threads: int


@dataclass
class Side:
    """What is known of one process.

    Attributes:
        value: its result's `worker.fingerprint`; first: seconds of its first call, with preparation and
            compilation; turns: seconds of a call, by rounds; why_not: instead of all these, or of the ratio.
    """

    value: tuple[float, float] = (math.nan, math.nan)
    first: float = math.nan
    turns: list[float] = field(default_factory=list)
    why_not: str = ""

    @property
    def is_slow(self) -> bool:
        return bool(self.turns) and self.turns[-1] > SLOW_SECONDS

    def differs_from(self, other: Side) -> bool:
        """Beyond the tolerance, relative to the other's norm."""
        pairs = zip(self.value, other.value, strict=True)
        return any(not abs(own - their) <= TOLERANCE * other.value[0] for own, their in pairs)

    def ratios_to(self, other: Side) -> list[float]:
        return [own / their for own, their in zip(self.turns, other.turns, strict=False)]


@dataclass
class Row:
    case: Case
    ours: Side
    theirs: dict[str, Side]

    @property
    def disagreements(self) -> list[str]:
        return [
            f"{title} at {self.case.label}: {side.why_not}"
            for title, side in self.theirs.items()
            if side.why_not.startswith("disagrees")
        ]


def row(table: Table, case: Case, effort: Effort, clock: Clock) -> Row:
    """One case, measured."""
    sides = {"": Side()} | {opponent.title: Side() for opponent in table.opponents}
    with _workers(table, case, effort, sides, clock) as workers:
        for _ in range(effort.rounds):
            for title, worker in workers.items():
                _take_turn(worker, sides[title], effort, clock)
    return Row(case, sides.pop(""), sides)


@contextmanager
def _workers(
    table: Table, case: Case, effort: Effort, sides: dict[str, Side], clock: Clock
) -> Iterator[dict[str, Worker]]:
    """Those that computed the case and agree with ours, which has the title "", and comes first."""
    found: dict[str, Worker] = {}
    try:
        for opponent in (None, *table.opponents):
            title = opponent.title if opponent else ""
            try:
                found[title] = _begun(table, opponent, case, effort)
                _take_first(found[title], sides[title], sides[""], clock)
            except Unmeasured as reason:
                sides[title].why_not = str(reason)
                if title in found:
                    found.pop(title).end()
        yield found
    finally:
        for worker in found.values():
            worker.end()


def _begun(table: Table, opponent: Opponent | None, case: Case, effort: Effort) -> Worker:
    if opponent is None:
        own = ["benchmarks.ours", table.measurement, *case.arguments]
        return Worker(PYTHONS[OWN], own, effort.threads)
    if case in opponent.left_out:
        raise Unmeasured(opponent.left_out[case])
    name, measurement = f"benchmarks.opponents.{opponent.module}", opponent.measurement or table.measurement
    return Worker(PYTHONS[opponent.environment], [name, measurement, *case.arguments], effort.threads)


def _take_first(worker: Worker, side: Side, ours: Side, clock: Clock) -> None:
    """
    Raises:
        Unmeasured: it takes too long, died, or disagrees with ours.
    """
    found = worker.answer(_limit(clock))
    side.value, side.first = tuple(found["value"]), found["first"]
    if not ours.why_not and side.differs_from(ours):
        raise Unmeasured(f"disagrees with qgeo: {side.value} against {ours.value}")


def _take_turn(worker: Worker, side: Side, effort: Effort, clock: Clock) -> None:
    if side.is_slow or side.why_not:
        return
    try:
        side.turns.append(worker.turn(effort.seconds, _limit(clock)))
    except Unmeasured as reason:
        side.why_not = str(reason)


def _limit(clock: Clock) -> float:
    if clock.left <= 0:
        raise Unmeasured("no time left")
    return min(LONGEST_SECONDS, clock.left)


# --- in words -----------------------------------------------------------------------------------------------


def header(table: Table) -> list[str]:
    titles = [opponent.title for opponent in table.opponents]
    return [
        "case",
        *(f"{title}, ms (first)" for title in ("qgeo", *titles)),
        *(f"× {each}" for each in titles),
    ]


def cells(found: Row) -> list[str]:
    sides = [found.ours, *found.theirs.values()]
    ratios = [_ratio(side.ratios_to(found.ours)) for side in found.theirs.values()]
    return [found.case.label, *map(_times, sides), *ratios]


def _times(side: Side) -> str:
    if side.why_not or not side.turns:
        return side.why_not or "–"
    return f"{_figure(1e3 * median(side.turns))} ({1e3 * side.first:,.0f})"


def _ratio(ratios: list[float]) -> str:
    if not ratios:
        return "–"
    low, high = _figure(min(ratios)), _figure(max(ratios))
    return f"{_figure(median(ratios))} ({low} to {high})" if len(ratios) > 1 else _figure(ratios[0])


def _figure(number: float) -> str:
    """Three digits."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"

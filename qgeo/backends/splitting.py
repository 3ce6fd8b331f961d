"""Splitting: how the PUBs of one call become jobs that a device takes.

    PUB (rows × shots)  →  pieces (some of its rows, some of its shots)  →  jobs of one number of shots

Rows are divided first: a job is filled with rows, in the order of the PUBs, up to its limits. Shots are
divided only where a single row with all of its shots would be too much; every share of the shots then has
jobs of its own. What mitigation adds is counted: each row at every scale, the calibration in each job. The
results of all pieces together are those of the PUBs, each shot once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qgeo.backends.cost import OVERHEAD_SECONDS
from qgeo.errors import HardwareError

MOST_EXECUTIONS = 5_000_000
"""Of a job; the service takes ten million. The other half is for what a version of its client adds without
our knowing, as it does for twirled measurements (counted here)."""

MOST_SECONDS = 5_400.0
"""Of a job; the service ends one after three hours, charges what it ran and gives nothing. The other half is
for the estimate, which knows typical gates and the usual delay between shots only."""


@dataclass(frozen=True)
class Demand:
    """What a PUB asks for: rows of values, shots of each, and the seconds of a row's shot at every scale."""

    rows: int
    shots: int
    seconds: float


@dataclass(frozen=True)
class Beside:
    """What a job runs beside what was asked for: each row `scales` times, and `calibrations` circuits, which
    take `seconds` together for a shot of each."""

    scales: int = 1
    calibrations: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Limits:
    """Of a job on a device; twirled: whether its measurements are, which takes more shots than asked for."""

    executions: int = MOST_EXECUTIONS
    seconds: float = MOST_SECONDS
    twirled: bool = False

    def run_shots(self, shots: int) -> int:
        """The shots that the client makes of those of a row: of twirled ones a multiple of 64 or more.

        >>> Limits().run_shots(10), Limits(twirled=True).run_shots(10), Limits(twirled=True).run_shots(4000)
        (10, 64, 4000)
        """
        if not self.twirled:
            return shots
        each = max(64, -(-shots // 32))  # for each of at most 32 random choices of bits that are flipped
        return -(-shots // each) * each


@dataclass(frozen=True)
class Piece:
    """Rows and shots of a PUB that one job runs: so many from the first one on; its shots are the job's."""

    pub: int
    first_row: int
    rows: int
    first_shot: int


@dataclass(frozen=True)
class Part:
    """A job: its pieces, all with the same number of shots."""

    shots: int
    pieces: tuple[Piece, ...]

    @property
    def rows(self) -> int:
        return sum(piece.rows for piece in self.pieces)

    def circuits(self, beside: Beside) -> int:
        """Bindings that it runs."""
        return beside.scales * self.rows + beside.calibrations

    def seconds(self, demands: Sequence[Demand], beside: Beside, limits: Limits) -> float:
        """The estimate of `cost.py`."""
        of_rows = sum(piece.rows * demands[piece.pub].seconds for piece in self.pieces)
        return OVERHEAD_SECONDS + limits.run_shots(self.shots) * (of_rows + beside.seconds)


def split(demands: Sequence[Demand], beside: Beside, limits: Limits) -> list[Part]:
    """The jobs of a call, none beyond the limits.

    Raises:
        HardwareError: not even one shot of a row fits.

    >>> split([Demand(3, 4, 0.1)], Beside(), Limits(executions=8))  # doctest: +NORMALIZE_WHITESPACE
    [Part(shots=4, pieces=(Piece(pub=0, first_row=0, rows=2, first_shot=0),)),
     Part(shots=4, pieces=(Piece(pub=0, first_row=2, rows=1, first_shot=0),))]
    """
    parts: list[Part] = []
    for shots in sorted({demand.shots for demand in demands}):
        pubs = [place for place, demand in enumerate(demands) if demand.shots == shots]
        longest = max(demands[pub].seconds for pub in pubs)
        for first, share in _shares(shots, _most_shots(longest, beside, limits)):
            parts += [Part(share, pieces) for pieces in _filled(demands, pubs, first, share, beside, limits)]
    return parts


def whole(demands: Sequence[Demand], pubs: Sequence[int]) -> Part:
    """A job of whole PUBs with the same number of shots."""
    pieces = tuple(Piece(pub, 0, demands[pub].rows, 0) for pub in pubs)
    return Part(demands[pubs[0]].shots, pieces)


def _most_shots(seconds: float, beside: Beside, limits: Limits) -> int:
    """Of one row whose shot takes these seconds, in a job of its own."""
    by_executions = limits.executions // (beside.scales + beside.calibrations)
    by_seconds = int((limits.seconds - OVERHEAD_SECONDS) / (seconds + beside.seconds))
    most = min(by_executions, by_seconds)
    while most > 0 and limits.run_shots(most) > min(by_executions, by_seconds):
        most -= 1 + (most - 1) % 64
    if most < 1:
        shortest = OVERHEAD_SECONDS + limits.run_shots(1) * (seconds + beside.seconds)
        raise HardwareError(
            f"expected jobs of at most {limits.seconds:g} s, the shortest takes about {shortest:.3f} s; "
            "choose a longer --max-execution-time"
        )
    return most


def _shares(shots: int, most: int) -> Iterator[tuple[int, int]]:
    """(first shot, shots) of as few shares as possible, as equal as possible."""
    count = -(-shots // most)
    first = 0
    for number in range(count):
        share = shots // count + (number < shots % count)
        yield first, share
        first += share


def _filled(
    demands: Sequence[Demand], pubs: Sequence[int], first: int, share: int, beside: Beside, limits: Limits
) -> Iterator[tuple[Piece, ...]]:
    """The pieces of one job after the other, each filled with rows up to its limits."""
    pieces: list[Piece] = []
    shots = limits.run_shots(share)
    empty = (
        limits.executions // shots - beside.calibrations,
        (limits.seconds - OVERHEAD_SECONDS) / shots - beside.seconds,
    )
    bindings, seconds = empty  # that are left for a shot of each row
    for pub in pubs:
        done, of_row = 0, demands[pub].seconds
        while done < demands[pub].rows:
            fitting = max(0, min(bindings // beside.scales, int(seconds / of_row)))
            rows = min(demands[pub].rows - done, fitting if pieces else max(1, fitting))
            if not rows:
                yield tuple(pieces)
                pieces, (bindings, seconds) = [], empty
                continue
            pieces.append(Piece(pub, done, rows, first))
            bindings, seconds, done = bindings - rows * beside.scales, seconds - rows * of_row, done + rows
    if pieces:
        yield tuple(pieces)

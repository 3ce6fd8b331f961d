"""The coverage of error bars as tables: `python -m benchmarks.coverage_table`, a part of `make bench-shots`.

A cell: one method, one circuit, one number of shots; 200 estimates, every entry that a circuit sampled, each
beside what the estimator expects of it. Flagged entries are counted apart. Rewrites the last section of
estimators.md.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from benchmarks.coverage import SHOTS, WITHOUT_RARE, Repeated, cases, repeated
from qgeo.estimators.methods import METHODS

Floats = NDArray[np.float64]

TIMES = 200
FEW = {"spsa": (2, 5, 10), "stein": (2, 5, 10), "random-measurement": (2, 5, 10)}
"""Draws of the second table; the first has each method's default."""

HEADING = "## Coverage of 95% intervals"
LEAST_POOLED, LEAST_BOUND, MOST_WIDTH, MOST_FLAGGED = 0.93, 0.85, 2.0, 0.1


@dataclass(frozen=True, eq=False)
class Cell:
    """What came of one method, circuit and number of shots.

    Attributes:
        held: intervals of unflagged entries that held, of `counted`; flagged and flagged_held alike.
        worst: the smallest upper 99% Wilson bound of an entry's coverage.
        width: mean width of the intervals by that of normal ones from the true spread.
        zeros: standard errors that are 0; bias: the largest |z| of an entry's mean against its expectation.
    """

    method: str
    circuit: str
    shots: int
    held: int
    counted: int
    flagged: int
    flagged_held: int
    worst: float
    width: float
    zeros: int
    bias: float


def cell(method: str, circuit: str, shots: int, sample: Repeated) -> Cell:
    """Sum up repeated estimates."""
    entries = sample.sampled
    held, flagged = sample.covered[:, entries], sample.flagged[:, entries]
    counts, hits = (~flagged).sum(0), (held & ~flagged).sum(0)
    spread = sample.matrices.std(0, ddof=1)[entries]
    off = (sample.matrices.mean(0) - sample.expected)[entries]
    scores = np.abs(off) / np.where(spread > 0, spread, np.inf) * np.sqrt(len(held))
    widths = (sample.upper - sample.lower).mean(0)[entries]
    return Cell(
        method,
        circuit,
        shots,
        held=int(hits.sum()),
        counted=int(counts.sum()),
        flagged=int(flagged.sum()),
        flagged_held=int((held & flagged).sum()),
        worst=min(map(wilson_upper, hits.tolist(), counts.tolist())),
        width=float(widths.mean() / (2 * norm.ppf(0.975) * spread.mean())),
        zeros=int((sample.stderr[:, entries] == 0).sum()),
        bias=float(scores.max()),
    )


def wilson_upper(hits: int, count: int, level: float = 0.99) -> float:
    """The upper end of Wilson's interval for a share; 1 without any count."""
    if not count:
        return 1.0
    z, share = norm.ppf((1 + level) / 2), hits / count
    middle = share + z**2 / (2 * count)
    half = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return float((middle + half) / (1 + z**2 / count))


def measured(
    methods: Sequence[str], shots: Sequence[int], times: int, draws: int | None = None
) -> list[Cell]:
    """All cells of some methods; draws: None for each method's default."""
    options = {} if draws is None else {"draws": draws}
    found = []
    for method in methods:
        for case in cases():
            for number in shots:
                sample = repeated(method, case, number, times, **options)
                found.append(cell(_name(method, draws), case.name, number, sample))
                print(found[-1], file=sys.stderr, flush=True)
    return found


def _name(method: str, draws: int | None) -> str:
    return method if draws is None else f"{method}, {draws} draws"


# --- what is asked of them ------------------------------------------------------------------------


def misses(cells: Sequence[Cell]) -> list[str]:
    """What is not met, in sentences: pooled coverage and flags per method and shots, the rest per cell."""
    found = []
    for name, shots in dict.fromkeys((each.method, each.shots) for each in cells):
        row = [each for each in cells if (each.method, each.shots) == (name, shots)]
        if coverage(row) < LEAST_POOLED:
            found.append(f"{name} at {shots} shots: {coverage(row):.1%} covered")
        if shots >= 1000 and flags(row) > MOST_FLAGGED:
            found.append(f"{name} at {shots} shots: {flags(row):.1%} flagged")
    for each in cells:
        where = f"{each.method} at {each.shots} shots on {each.circuit}"
        if each.worst < LEAST_BOUND:
            found.append(f"{where}: an entry's coverage is at most {each.worst:.1%}")
        if each.zeros:
            found.append(f"{where}: {each.zeros} standard errors are 0")
        if each.circuit in WITHOUT_RARE and each.shots >= 1000 and each.flagged:
            found.append(f"{where}: {each.flagged} entries flagged")
        if each.circuit in WITHOUT_RARE and each.width > MOST_WIDTH:
            found.append(f"{where}: {each.width:.2f} times as wide as ideal")
    return found


def coverage(cells: Sequence[Cell]) -> float:
    """Share of unflagged intervals that held."""
    return sum(each.held for each in cells) / max(sum(each.counted for each in cells), 1)


def flags(cells: Sequence[Cell]) -> float:
    """Share of entries that were flagged."""
    flagged = sum(each.flagged for each in cells)
    return flagged / max(flagged + sum(each.counted for each in cells), 1)


# --- the page -------------------------------------------------------------------------------------


def section(whole: Sequence[Cell], few: Sequence[Cell]) -> list[str]:
    """Lines of Markdown."""
    unmet = [*misses(whole), *(line for line in misses(few) if "wide" not in line)]
    return [
        HEADING,
        "",
        f"{TIMES} estimates a cell, of each estimator's own expectation; every entry of the upper triangle",
        "that a circuit sampled. An entry is flagged where its documented bias may exceed its standard",
        "error, and is then counted apart. Worst: the smallest upper 99% Wilson bound of an entry's",
        "coverage. Width: mean width by that of normal intervals from the true spread, on the entangled and",
        "the generic circuit. Bias: the largest |z| of an entry's mean against its expectation.",
        "",
        f"Asked: {LEAST_POOLED:.0%} pooled, worst {LEAST_BOUND:.0%}, no standard error of 0; at 1,000 shots",
        f"at most {MOST_FLAGGED:.0%} flagged, none on the entangled and the generic circuit; width at most "
        f"{MOST_WIDTH:.0f}. " + ("Not met:" if unmet else "All met."),
        *(f"- {line}" for line in unmet),
        "",
        *_summary(whole),
        "",
        "Pooled coverage by circuit, in %; in brackets the share that was flagged.",
        "",
        *_grid(whole),
        "",
        "Few draws: Student's quantiles, and what one draw more could change.",
        "",
        *_summary(few),
    ]


def _summary(cells: Sequence[Cell]) -> list[str]:
    lines = [
        "| method | shots | pooled | worst | flagged | of them covered | width | bias |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, shots in dict.fromkeys((each.method, each.shots) for each in cells):
        row = [each for each in cells if (each.method, each.shots) == (name, shots)]
        flagged = sum(each.flagged for each in row)
        apart = f"{sum(each.flagged_held for each in row) / flagged:.1%}" if flagged else "–"
        width = np.mean([each.width for each in row if each.circuit in WITHOUT_RARE])
        lines.append(
            f"| {name} | {shots:,} | {coverage(row):.1%} | {min(each.worst for each in row):.1%} | "
            f"{flags(row):.1%} | {apart} | {width:.2f} | {max(each.bias for each in row):.1f} |"
        )
    return lines


def _grid(cells: Sequence[Cell]) -> list[str]:
    circuits = list(dict.fromkeys(each.circuit for each in cells))
    lines = [f"| method | shots | {' | '.join(circuits)} |", "|---" * (2 + len(circuits)) + "|"]
    for name, shots in dict.fromkeys((each.method, each.shots) for each in cells):
        row = [each for each in cells if (each.method, each.shots) == (name, shots)]
        lines.append(f"| {name} | {shots:,} | {' | '.join(map(_shown, row))} |")
    return lines


def _shown(each: Cell) -> str:
    share = f"{100 * coverage([each]):.1f}" if each.counted else "–"
    return f"{share} ({flags([each]):.0%})" if each.flagged else share


def coverage_section() -> list[str]:
    """Everything measured, as lines."""
    whole = measured(list(METHODS), SHOTS, TIMES)
    few: list[Cell] = []
    for name, draws in FEW.items():
        for number in draws:
            few += measured([name], (100,), TIMES, number)
    return section(whole, few)


def main() -> None:
    """The section alone, in the place of the old one."""
    page, started = Path(__file__).parent / "estimators.md", perf_counter()
    text, lines = page.read_text(encoding="utf-8"), coverage_section()
    page.write_text(text.split(HEADING)[0] + "\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    print(f"{perf_counter() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()

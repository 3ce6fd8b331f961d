"""Run every benchmark in one go, and write benchmarks/README.md with its figures.

    python -m benchmarks [--only PART] [--rounds 4] [--seconds 0.3] [--threads 2] [--minutes 24] [--into DIR]

Opponents and qgeo take turns (`paired.py`); then come measurements of qgeo alone, each in a process of its
own. What does not fit into the minutes is left out, and says so. With `--only`, parts whose title contains
the word run and README.md stays. The status is 1 where an opponent disagrees with qgeo: then README.md stays,
too. What was measured by hand, or compares with code that is gone, is copied (by_hand.md).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import families, roofline, scaling
from benchmarks.cases import ALONE, TABLES, Table
from benchmarks.clock import Clock
from benchmarks.growth import draw_growth
from benchmarks.heading import heading
from benchmarks.markdown import section
from benchmarks.paired import Effort, cells, header, row
from benchmarks.processes import measure

HERE = Path(__file__).parent

SCALING_SECONDS = 240.0
"""After which no width is begun, nor after a quarter of what is left: each takes longer than those before."""

GROWTH = """
![Seconds of a product by gates and by contexts](growth.svg)

One product F v at n = 12, matrix-free: by layers of 24 rotations and 11 CX (one context), and by contexts
(four layers). Both axes are logarithmic; the grey lines have slope 1. What was tried on the way, what was
expected of it and what was seen: [NOTES.md](NOTES.md)."""


@dataclass
class Run:
    """What parts of a run share.

    Attributes:
        folder: where figures go; disagreements: of opponents with qgeo, in sentences.
    """

    clock: Clock
    effort: Effort
    folder: Path
    disagreements: list[str]

    def measure(self, *arguments: str) -> object:
        """A module's JSON, or a string: why there is none."""
        if self.clock.left <= 0:
            return "no time left"
        return measure(["-m", *arguments], self.clock.left, self.effort.threads)


Part = tuple[str, Callable[[Run], list[str]]]
"""Title, and what measures it and gives the lines of its section."""


def main() -> int:
    options = _options()
    effort = Effort(options.rounds, options.seconds, options.threads)
    run = Run(Clock(60 * options.minutes), effort, options.into, [])
    chosen = [part for part in parts() if options.only.lower() in part[0].lower()]
    lines = heading(effort)
    for number, (title, measured) in enumerate(chosen, 1):
        run.clock.says(f"part {number} of {len(chosen)}, {title}")
        lines += measured(run)
    text = "\n".join(lines) + "\n"
    print(text)
    for disagreement in run.disagreements:
        print(disagreement, file=sys.stderr)
    if not options.only and not run.disagreements:
        (run.folder / "README.md").write_text(text + "\n" + _by_hand(), encoding="utf-8")
    run.clock.says("done")
    return int(bool(run.disagreements))


def parts() -> list[Part]:
    return [
        *((table.title, partial(_paired, table)) for table in TABLES),
        (families.TITLE, _families),
        (scaling.TITLE, _scaling),
        (roofline.TITLE, _roofline),
        ("Growth", _growth),
        *((title, partial(_alone, name)) for name, (title, _) in ALONE.items()),
    ]


def _paired(table: Table, run: Run) -> list[str]:
    rows = []
    for case in table.cases:
        run.clock.says(f"  {case.label}")
        rows.append(row(table, case, run.effort, run.clock))
        run.disagreements += rows[-1].disagreements
    return section(table.title, table.question, header(table), map(cells, rows))


def _families(run: Run) -> list[str]:
    found = run.measure("benchmarks.families")
    if not isinstance(found, list):
        return _missing(families.TITLE, found)
    figures = families.parsed(found)
    families.draw_families(figures, run.folder / "families.svg")
    return families.families_section(figures)


def _scaling(run: Run) -> list[str]:
    found = run.measure("benchmarks.scaling", str(min(SCALING_SECONDS, run.clock.left / 4)))
    if not isinstance(found, list):
        return _missing(scaling.TITLE, found)
    widths = scaling.parsed(found)
    scaling.draw_scaling(widths, run.folder / "scaling.svg")
    return scaling.scaling_section(widths)


def _roofline(run: Run) -> list[str]:
    found = run.measure("benchmarks.roofline")
    return roofline.roofline_section(found) if isinstance(found, dict) else _missing(roofline.TITLE, found)


def _alone(name: str, run: Run) -> list[str]:
    title, question = ALONE[name]
    found = run.measure("benchmarks.alone", name)
    if not isinstance(found, dict):
        return _missing(title, found)
    rows = ([what, f"{value:,.3g}"] for what, value in found.items())
    return section(title, question, ["figure", "value"], rows)


def _growth(run: Run) -> list[str]:
    found = run.measure("benchmarks.alone", "growth")
    if not isinstance(found, dict):
        return _missing("Growth", found)
    draw_growth(found, run.folder / "growth.svg")
    return ["\n## Growth", GROWTH]


def _missing(title: str, why: object) -> list[str]:
    return [f"\n## {title}\n", f"Not measured: {why}."]


def _by_hand() -> str:
    return (HERE / "by_hand.md").read_text(encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="PART", help="parts whose title contains this")
    parser.add_argument("--rounds", type=int, default=4, help="turns of every process at a case")
    parser.add_argument("--seconds", type=float, default=0.3, help="of calls in a turn")
    parser.add_argument("--threads", type=int, default=2, help="of every process")
    parser.add_argument("--minutes", type=float, default=24, help="after which nothing is begun")
    parser.add_argument("--into", type=Path, default=HERE, help="folder for README.md and figures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

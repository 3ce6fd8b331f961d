"""Run every table, paired with its opponents, and write benchmarks/README.md.

    python -m benchmarks [--rounds 2] [--only TITLE_PART]

A round measures qgeo and each opponent once, one process after another; the figure of a case is the median
over rounds of each process's own median. Ratios are opponent / qgeo, so that larger is better for qgeo. What
compares with code that is gone was measured by hand and is copied (by_hand.md).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cases import ALONE, TABLES, Table
from benchmarks.growth import draw_growth

HERE = Path(__file__).parent
_PACKAGES = (
    "torch",
    "numpy",
    "qiskit",
    "jax",
    "pennylane",
    "tensorcircuit-ng",
    "qiskit-algorithms",
    "qiskit-machine-learning",
)
_SLOW_SECONDS = 5.0

GROWTH = """
## Growth

![Seconds of a product by gates and by contexts](growth.svg)

One product F v at n = 12, matrix-free: by layers of 24 rotations and 11 CX (one context), and by contexts
(four layers). Both axes are logarithmic; the grey lines have slope 1. What was tried on the way, what was
expected of it and what was seen: [NOTES.md](NOTES.md).
"""


Measurement = dict[str, float]


def main() -> None:
    options = _options()
    part = options.only.lower()
    chosen = [table for table in TABLES if part in table.title.lower()]
    alone = [name for name, (title, _) in ALONE.items() if part in title.lower()]
    sections = [section for table in chosen for section in _section(table, options.rounds)]
    sections += [line for name in alone for line in _alone_section(name)]
    text = "\n".join([*_heading(options.rounds), *sections]) + "\n"
    if not part:
        draw_growth(measure(["-m", "benchmarks.alone", "growth"]), HERE / "growth.svg")
        text += GROWTH + "\n" + (HERE / "by_hand.md").read_text(encoding="utf-8")
        (HERE / "README.md").write_text(text, encoding="utf-8")
    print(text)


def measure(command: Sequence[str]) -> Measurement | str:
    """The JSON line that a measuring process prints last, or why there is none."""
    answer = subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=HERE.parent)
    if answer.returncode:
        return (answer.stderr.strip().splitlines() or ["no output"])[-1][:80]
    return json.loads(answer.stdout.strip().splitlines()[-1])


def _section(table: Table, rounds: int) -> list[str]:
    names = list(table.opponents)
    header = [
        "case",
        "qgeo ms (first)",
        *(f"{name} ms (first)" for name in names),
        *(f"× {name}" for name in names),
    ]
    rows = [_row(table, case, rounds) for case in table.cases]
    return [
        f"\n## {table.title}\n",
        f"{table.question}.\n",
        _line(header),
        _line(["---"] * len(header)),
        *map(_line, rows),
    ]


def _alone_section(name: str) -> list[str]:
    title, question = ALONE[name]
    print(title, file=sys.stderr, flush=True)
    found = measure(["-m", "benchmarks.alone", name])
    rows = found.items() if isinstance(found, dict) else [("failed", found)]
    lines = [_line([what, f"{value:,.3g}" if isinstance(value, float) else value]) for what, value in rows]
    return [f"\n## {title}\n", f"{question}.\n", _line(["figure", "value"]), _line(["---", "---"]), *lines]


def _row(table: Table, case: tuple[int, ...], rounds: int) -> list[str]:
    sizes = [str(size) for size in case]
    label = table.label.format(*case, P=2 * case[0] * case[1])
    print(f"{table.title}: {label}", file=sys.stderr, flush=True)
    ours, theirs = [], {name: [] for name in table.opponents}
    for _ in range(rounds):
        ours.append(measure(["-m", "benchmarks.ours", table.ours, *sizes]))
        for name, (script, *leading) in table.opponents.items():
            if (name, case) not in table.skip and not _is_slow(theirs[name]):
                theirs[name].append(measure([str(HERE / "opponents" / script), *leading, *sizes]))
    mine = _median(ours)
    columns = [
        _median(found) if found else table.skip.get((name, case), "–") for name, found in theirs.items()
    ]
    return [label, _cell(mine), *map(_cell, columns), *(_ratio(column, mine) for column in columns)]


def _is_slow(found: list[Any]) -> bool:
    """Whether one measurement is enough: it took long, or it failed."""
    return bool(found) and (isinstance(found[-1], str) or found[-1]["median"] > _SLOW_SECONDS)


def _median(found: list[Any]) -> Measurement | str:
    failed = [one for one in found if isinstance(one, str)]
    if failed:
        return failed[0]
    return {key: median(one[key] for one in found) for key in found[0]}


def _cell(one: Measurement | str) -> str:
    return one if isinstance(one, str) else f"{one['median'] * 1e3:.2f} ({one['first'] * 1e3:,.0f})"


def _ratio(theirs: Measurement | str, mine: Measurement | str) -> str:
    if isinstance(theirs, str) or isinstance(mine, str):
        return "–"
    agrees = "trace" not in theirs or abs(theirs["trace"] / mine["trace"] - 1) < 1e-4
    return f"{theirs['median'] / mine['median']:,.1f}" + ("" if agrees else " (traces differ)")


def _heading(rounds: int) -> list[str]:
    return [
        "# Benchmarks",
        "",
        "Written by `make bench`: qgeo and its opponents in one run on one machine, each measurement in a",
        f"process of its own, median over {rounds} round(s) of each process's median; float64. First: the",
        "first call, with compilation (of the circuit for qgeo, of the function for JAX). Ratios are",
        "opponent / qgeo, warm. Where both print the trace, a disagreement beyond 1e-4 is marked.",
        "",
        f"Machine: {os.cpu_count()} cores, {_processor()}, {platform.system()}.",
        f"Python {platform.python_version()}.",
        f"Versions: {', '.join(_versions())}. Date: {date.today():%Y-%m-%d}.",
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


def _versions() -> list[str]:
    found = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} absent")
    return found


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2, help="how often each process is run")
    parser.add_argument(
        "--only", default="", help="tables whose title contains this; README.md is then left alone"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()

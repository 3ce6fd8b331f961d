"""Seconds of a comparison by its phases: `python -m benchmarks.phases [--workers 1] [--config compare.toml]`.

    imports     until qgeo.compare can be called and its workers' modules are there
    tuning      all trials        training     final runs, each run again on Aer afterwards
    report      statistics, spectra, figures, the page

A line of JSON comes out. Each call is a process of its own, in a folder that is removed again.
"""

from __future__ import annotations

from time import perf_counter

_STARTED = perf_counter()

import argparse  # noqa: E402  (imports are what is measured first)
import json  # noqa: E402
from pathlib import Path  # noqa: E402
from tempfile import TemporaryDirectory  # noqa: E402

import qgeo.comparison.schedule  # noqa: E402, F401
from qgeo.comparison.comparison import compare  # noqa: E402
from qgeo.comparison.config import load_configuration  # noqa: E402

HERE = Path(__file__).parent


class Clock:
    """When each stage began; a comparison calls it as (stage, number of jobs), then (stage, 0) per job."""

    def __init__(self, started: float) -> None:
        self.marks: dict[str, float] = {"imports": started}

    def __call__(self, stage: str, jobs: int) -> None:
        if jobs:
            self.marks[stage] = perf_counter()

    def seconds(self, end: float) -> dict[str, float]:
        """Per phase, and in all."""
        names, times = list(self.marks), [*self.marks.values(), end]
        phases = {name: later - now for name, now, later in zip(names, times[:-1], times[1:], strict=True)}
        return {name: round(value, 2) for name, value in (phases | {"all": end - times[0]}).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Seconds of a comparison by its phases.")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--config", type=Path, default=HERE / "compare.toml")
    options = parser.parse_args()
    clock = Clock(_STARTED)
    with TemporaryDirectory() as folder:
        compare(
            load_configuration(options.config),
            out=Path(folder) / "run",
            workers=options.workers,
            on_progress=clock,
        )
    print(json.dumps(clock.seconds(perf_counter())))


if __name__ == "__main__":
    main()

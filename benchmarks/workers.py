"""What a second worker is worth, and what a run costs on its way: one process, local workers, a Dask cluster.

    python -m benchmarks.workers [--seeds N]

T₁ is one process, T₂ two; efficiency T₁/(2 T₂), start-up of workers, and of the scheduler, included. Records
are compared byte for byte. The overhead is that of 2,000 empty runs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

ARMS = "born+quantum,born+classical"
EMPTY_RUNS = 2_000
PORT = 8797


def nothing(_common: None, item: int) -> int:
    """An empty run."""
    return item


def main() -> None:
    parser = argparse.ArgumentParser(description="Efficiency of two workers, and overhead per run.")
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    with tempfile.TemporaryDirectory() as place:
        _efficiency(Path(place), seeds)
    _overheads()


def _efficiency(place: Path, seeds: int) -> None:
    whole = _seconds(place / "one", seeds, "--workers", "1")
    print(f"one process {whole:.1f} s")
    two = _seconds(place / "two", seeds, "--workers", "2")
    started = perf_counter()
    with _cluster() as address:
        _compare(place / "dask", seeds, "--scheduler", address)
        dask = perf_counter() - started
    for name, seconds in (("two local workers", two), ("two Dask workers", dask)):
        print(f"{name} {seconds:.1f} s, efficiency {whole / (2 * seconds):.2f}")
    records = {(place / name / "records.jsonl").read_bytes() for name in ("one", "two", "dask")}
    print("records equal" if len(records) == 1 else "records differ")


def _seconds(folder: Path, seeds: int, *options: str) -> float:
    started = perf_counter()
    _compare(folder, seeds, *options)
    return perf_counter() - started


def _compare(folder: Path, seeds: int, *options: str) -> None:
    command = ["compare", "--arms", ARMS, "--seeds", str(seeds), "--out", str(folder), *options]
    subprocess.run([sys.executable, "-m", "qgeo", *command], check=True, capture_output=True)


def _overheads() -> None:
    from qgeo.workers.cluster import cluster_pool
    from qgeo.workers.local import local_pool

    _overhead("two local workers", lambda: local_pool(2))
    with _cluster() as address:
        _overhead("two Dask workers", lambda: cluster_pool(address))


def _overhead(name: str, opened: Callable[[], AbstractContextManager[Any]]) -> None:
    from qgeo.workers.batches import results

    with opened() as pool:
        list(results(nothing, None, range(100), pool))  # workers have started
        started = perf_counter()
        list(results(nothing, None, range(EMPTY_RUNS), pool))
    print(f"{name}: {1e3 * (perf_counter() - started) / EMPTY_RUNS:.2f} ms a run")


@contextmanager
def _cluster() -> Iterator[str]:
    """A scheduler and two workers, as processes of their own."""
    address = f"tcp://127.0.0.1:{PORT}"
    commands = [("scheduler", "--port", str(PORT), "--dashboard-address", "127.0.0.1:0")]
    commands += [
        ("worker", address, "--nthreads", "1", "--no-nanny", "--dashboard-address", "127.0.0.1:0")
    ] * 2
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [subprocess.Popen([sys.executable, "-m", "dask", *command], **quiet) for command in commands]
    try:
        sleep(2)
        yield address
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()

"""A Dask scheduler and its workers as processes of their own, as a cluster has them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_MODULES = os.pathsep.join(map(str, (_ROOT, _ROOT / "tests")))
_PATIENCE = 60.0
_PATIENCE_OF_DASK = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s"}
"""It asks a worker that is gone for results that long; by default half a minute."""
_NO_DASHBOARD = ("--dashboard-address", "127.0.0.1:0")


@dataclass
class ClusterProcesses:
    """One scheduler, on a port that was free."""

    folder: Path
    scheduler: subprocess.Popen[bytes]
    address: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_workers(self, count: int, **environment: str) -> None:
        """More of them, once they are known to the scheduler."""
        options = ("--nthreads", "1", "--no-nanny", *_NO_DASHBOARD, "--death-timeout", "10")
        for _ in range(count):
            started = _started("worker", self.address, *options, folder=self.folder, **environment)
            self.workers.append(started)
        log = self.folder / "worker.log"
        _until(lambda: not count or log.read_text().count("Registered to") == len(self.workers))

    def end(self) -> None:
        """Kill what is still there."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@contextmanager
def cluster(folder: Path, workers: int, port: int = 0, **environment: str) -> Iterator[ClusterProcesses]:
    """A scheduler with so many workers, all in such an environment, gone in the end."""
    found = folder / "scheduler.json"
    for of_another in (found, folder / "worker.log"):
        of_another.unlink(missing_ok=True)
    where = ("--host", "127.0.0.1", "--port", str(port), "--scheduler-file", str(found))
    scheduler = _started("scheduler", *where, *_NO_DASHBOARD, folder=folder, **environment)
    _until(lambda: found.exists() and found.read_text())
    processes = ClusterProcesses(folder, scheduler, json.loads(found.read_text())["address"])
    try:
        processes.add_workers(workers, **environment)
        yield processes
    finally:
        processes.end()


def _started(*command: str, folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    with (folder / f"{command[0]}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *command],
            cwd=folder,
            env={
                **os.environ,
                **_PATIENCE_OF_DASK,
                "PYTHONPATH": _MODULES,
                "OMP_NUM_THREADS": "1",
                **environment,
            },
            stdout=log,
            stderr=log,
        )


def _until(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + _PATIENCE
    while not is_so():
        assert time.monotonic() < end, "no cluster"
        time.sleep(0.05)

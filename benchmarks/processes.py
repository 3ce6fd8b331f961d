"""Processes that measure: some answer once, workers (worker.py) whenever they are asked."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

ROOT = Path(__file__).parent.parent

NOT_INSTALLED = "not installed"


class Unmeasured(Exception):
    """Why there is no figure, in words for a cell of a table."""


def environment(threads: int | None) -> dict[str, str]:
    """Variables under which every library has so many threads, as far as it listens; None: as they are."""
    if threads is None:
        return {**os.environ, "PYTHONPATH": str(ROOT)}
    names = ("OMP", "MKL", "OPENBLAS", "NUMBA")
    own = {f"{name}_NUM_THREADS": str(threads) for name in names} | {"JAX_PLATFORMS": "cpu"}
    if threads == 1:
        own["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return {**os.environ, **own, "PYTHONPATH": str(ROOT)}


def measure(command: Sequence[str], limit: float | None = None, threads: int | None = None) -> Any:
    """The JSON line that a measuring process prints last, or a string: why there is none.

    Its standard error goes on to ours: progress.
    """
    with subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(threads),
        process_group=0,  # with processes of its own: they end with it
    ) as process:
        try:
            printed, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            return "no time left"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        return f"failed with status {process.returncode}"
    return json.loads(printed.strip().splitlines()[-1])


class Worker:
    """A worker and its answers; `python` is the interpreter of its environment."""

    def __init__(self, python: Path, arguments: Sequence[str], threads: int) -> None:
        if not python.exists():
            raise Unmeasured(NOT_INSTALLED)
        self._errors = TemporaryFile("w+")  # noqa: SIM115  (closed by `end`)
        self._process = subprocess.Popen(
            [str(python), "-m", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env=environment(threads),
        )

    def answer(self, limit: float) -> dict[str, Any]:
        """The next line, unless it takes longer than `limit` seconds."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], limit)
        if not ready:
            raise Unmeasured(f"over {limit:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            raise Unmeasured(self._last_words())
        found: dict[str, Any] = json.loads(line)
        return found

    def turn(self, budget: float, limit: float) -> float:
        """Median seconds of a call, of those that fit into `budget`."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{budget}\n")
        self._process.stdin.flush()
        return float(self.answer(limit)["seconds"])

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _last_words(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        words = (self._errors.read().strip().splitlines() or [f"status {self._process.returncode}"])[-1]
        missing = words.startswith("ModuleNotFoundError") and "benchmarks" not in words
        return NOT_INSTALLED if missing else words[:100].replace("|", "/")

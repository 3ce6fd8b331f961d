"""The opponent's process on a GPU: asked for a row, it prepares and times it; what it holds ends with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from statistics import median
from threading import Thread
from typing import Any

FORMS = ("gates", "blocks")
MOST_SECONDS = 60.0
"""Of an answer, compilation included; after it the process is ended, and the row says so."""

_SCRIPT = Path(__file__).parent / "opponents" / "jax_gpu.py"


@dataclass
class Timing:
    """Seconds of warm calls, of the first one, peak bytes, a number to compare; or why there are none."""

    call: Callable[[], Any] | None = None
    value: float = 0.0
    first: float = 0.0
    peak: int = 0
    seconds: list[float] = field(default_factory=list)
    why_not: str | None = None

    @property
    def median(self) -> float:
        return median(self.seconds)

    def plain(self) -> dict[str, Any]:
        """For the file."""
        kept = {name: getattr(self, name) for name in ("value", "first", "peak", "seconds", "why_not")}
        return kept | {"median": self.median if self.seconds else None}


class Opponent:
    """A process of `jax_gpu.py`, begun when it is asked."""

    def __init__(self, on_gpu: bool) -> None:
        memory = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "XLA_PYTHON_CLIENT_MEM_FRACTION": ".95"}
        self._environment = os.environ | (memory if on_gpu else {"JAX_PLATFORMS": "cpu"})
        self._process: subprocess.Popen[str] | None = None
        self._lines: Queue[str] = Queue()

    def prepare(self, request: dict[str, Any]) -> Timing:
        """The first call of a row."""
        answer = self._ask(request)
        if "error" in answer:
            return Timing(why_not=answer["error"])
        return Timing(value=answer["value"], first=answer["first"], peak=answer["peak"])

    def time(self, timing: Timing) -> None:
        """A turn of the row that was prepared last."""
        if timing.why_not is None:
            answer = self._ask({"again": True})
            timing.seconds += answer.get("seconds", [])
            timing.why_not = answer.get("error")

    def end(self) -> None:
        """Gives back its memory."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            if self._process is None:
                self._begin()
            assert self._process is not None
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return dict(json.loads(self._answer()))
        except Empty:
            self.end()
            return {"error": f"no answer within {MOST_SECONDS:.0f} s"}
        except (OSError, ValueError) as raised:
            self.end()
            return {"error": f"its process ended: {raised}"[:160]}

    def _begin(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(_SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment,
        )
        self._lines = Queue()
        Thread(target=_read, args=(self._process, self._lines), daemon=True).start()
        print(f"JAX: {self._answer().strip()}", flush=True)

    def _answer(self) -> str:
        """Its next line.

        Raises:
            Empty: it took too long; OSError: the process has ended.
        """
        line = self._lines.get(timeout=MOST_SECONDS)
        if not line:
            raise OSError("no more answers")
        return line


def _read(process: subprocess.Popen[str], lines: Queue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put("")

"""The time of a whole run: what is left of it, and lines that say how far it is."""

from __future__ import annotations

import sys
from time import monotonic


class Clock:
    """Seconds of a run from now on."""

    def __init__(self, seconds: float) -> None:
        self._began, self._seconds = monotonic(), seconds

    @property
    def left(self) -> float:
        return self._began + self._seconds - monotonic()

    def says(self, what: str) -> None:
        gone = self._seconds - self.left
        line = f"{_minutes(gone)} gone, {_minutes(max(self.left, 0))} left at most: {what}"
        print(line, file=sys.stderr, flush=True)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"

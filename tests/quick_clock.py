"""A clock for tests: nobody waits, and time goes on by what would have been waited for."""

from __future__ import annotations

from qgeo.backends.clock import Clock, Moment


class QuickClock(Clock):
    """`pauses` keeps what was waited for; `shift` sets the clock on the wall; `boot` a new start."""

    def __init__(self) -> None:
        self.seconds, self.shift, self.boot = 1000.0, 0.0, "first"
        self.pauses: list[float] = []

    def now(self) -> Moment:
        return Moment(1.7e9 + self.seconds + self.shift, self.seconds, self.boot)

    def uptime(self) -> float:
        return self.seconds

    def pause(self, seconds: float) -> None:
        if seconds > 0:
            self.pauses.append(seconds)
        self.seconds += seconds

"""Time as posting needs it: how long ago something was, whoever sets the clock meanwhile, and waiting.

The clock on the wall can be set; the seconds since the machine was started cannot, but start anew with it.
Both are kept, and what they agree on is believed: the smaller of the two differences.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Moment:
    """A point in time.

    utc: seconds since 1970 by the clock on the wall; uptime: seconds since the machine was started; boot:
    which start that was, "" where the system does not say.
    """

    utc: float
    uptime: float
    boot: str

    def seconds_since(self, earlier: Moment) -> float:
        """Seconds that have passed for certain: negative where the clock was set back.

        Only a clock that was set forward and a new start of the machine, both, make it too large.

        >>> Moment(utc=4e9, uptime=65.0, boot="a").seconds_since(Moment(utc=100.0, uptime=60.0, boot="a"))
        5.0
        """
        by_the_wall = self.utc - earlier.utc
        if not self.boot or self.boot != earlier.boot:
            return by_the_wall
        return min(by_the_wall, self.uptime - earlier.uptime)


class Clock:
    """The machine's time; tests have one that does not wait."""

    def now(self) -> Moment:
        return Moment(time.time(), self.uptime(), _boot())

    def uptime(self) -> float:
        """Seconds since the machine was started, sleep included where the system can tell."""
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime(time.CLOCK_BOOTTIME)
        return time.monotonic()

    def pause(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def _boot() -> str:
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:  # only Linux says it
        return ""

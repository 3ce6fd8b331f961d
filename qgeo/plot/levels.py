"""Lines that losses are held against: n-gram bars, and the floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qgeo.plot.style import FAINT, INK

FLOOR = "floor"


@dataclass(frozen=True)
class Level:
    """A thin line across a figure: an n-gram bar, or the floor; line: matplotlib's style of it."""

    name: str
    loss: float
    line: str = "-"

    @property
    def label(self) -> str:
        """The name, cut to what fits beside an axis."""
        return self.name[:20]


def thin(level: Level) -> dict[str, Any]:
    """How its line is drawn; the floor is a little stronger."""
    style = (INK, 1.0) if level.name == FLOOR else (FAINT, 0.6)
    return {"color": style[0], "linewidth": style[1], "linestyle": level.line, "zorder": 1}

"""Rows of a forest plot: a confirmatory one, one whose interval goes on, one that diverged."""

from __future__ import annotations

from qgeo.plot import ContrastRow
from qgeo.statistics.means import Interval

LONG = "born+quantum-block-diagonal-and-a-very-long-name-indeed"


def contrast(name, mean, half, role="confirmatory", style=0, margin=0.1):
    """The 90% interval is two thirds of the 95% one; half None: no interval."""
    ends = [(None, None) if half is None else (mean - h, mean + h) for h in (half, half and half / 1.5)]
    wide, narrow = (Interval(mean, low, high, 40) for low, high in ends)
    return ContrastRow(name, "against born+classical", wide, narrow, margin, style, role)


def contrasts():
    return [
        contrast("born+quantum", 0.05, 0.3),
        contrast(LONG, -0.2, 9.0, "exploratory", 1),
        contrast("d", None, None, "exploratory", 2),
    ]

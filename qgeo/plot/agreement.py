"""What was predicted against what was seen, on one scale: on the diagonal they are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qgeo.plot.style import FAINT, LINE_OF_LEGEND, WIDTH, Floats, drawn, pen


@dataclass(frozen=True, eq=False)
class Agreement:
    """Points of one kind.

    Attributes:
        predicted, seen: (points,); low, high: ends of the intervals of `seen`, None where it has none.
    """

    name: str
    predicted: Floats
    seen: Floats
    low: Floats | None = None
    high: Floats | None = None


@drawn
def agreement(groups: Sequence[Agreement], *, axis: str = "", unit: float | None = None) -> Axes:
    """Seen over predicted, with the diagonal on which they agree.

    Args:
        axis: what the numbers are; unit: a value that stands for no difference, drawn as lines.

    >>> axes = agreement([Agreement("all", np.array([0.9, 1.0]), np.array([0.91, 1.0]))])
    >>> axes.get_xlabel()
    'predicted'
    """
    height = 3.6 + LINE_OF_LEGEND * -(-len(groups) // 2)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    named = f" {axis}" if axis else ""
    axes = figure.add_subplot(xlabel=f"predicted{named}", ylabel=f"seen{named}")
    everything = np.concatenate([np.concatenate([each.predicted, each.seen]) for each in groups])
    low, high = float(everything.min()), float(everything.max())
    axes.plot([low, high], [low, high], color=FAINT, linewidth=0.8, zorder=1)
    if unit is not None:
        axes.axvline(unit, color=FAINT, linewidth=0.6, linestyle=(0, (2, 2)))
        axes.axhline(unit, color=FAINT, linewidth=0.6, linestyle=(0, (2, 2)))
    for place, each in enumerate(groups):
        _draw_points(axes, each, place)
    figure.legend(loc="outside upper left", ncols=2)
    return axes


def _draw_points(axes: Axes, group: Agreement, place: int) -> None:
    look = pen(place)
    colour = look["color"]
    if group.low is not None and group.high is not None:
        axes.vlines(group.predicted, group.low, group.high, color=colour, linewidth=0.9, alpha=0.7)
    axes.plot(
        group.predicted,
        group.seen,
        linestyle="none",
        marker=look["marker"],
        color=colour,
        alpha=0.85,
        label=group.name,
    )

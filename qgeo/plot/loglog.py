"""Quantities over orders of magnitude, where powers are straight lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from qgeo.plot.style import FAINT, LINE_OF_LEGEND, WIDTH, Floats, drawn, pen, power_of_ten

_BELOW = 0.4
"""Of a line: where its guide is drawn, a choice."""


@dataclass(frozen=True, eq=False)
class LogLine:
    """A line with its spread.

    Attributes:
        x: (points,); values: (values, points), all positive: their geometric mean is drawn, and a band of one
            geometric standard deviation on either side.
        style: its place among all, which fixes its pen.
    """

    name: str
    x: Floats
    values: Floats
    style: int = 0


@drawn
def loglog(lines: Sequence[LogLine], slopes: Sequence[int] = (), *, axis: str, quantity: str) -> Axes:
    """Geometric means on two logarithmic axes.

    Args:
        slopes: exponents of thin guides, each beside the line whose slope is closest.
        axis: what x is; quantity: what y is.

    >>> line = LogLine("square", np.array([1.0, 10.0]), np.array([[1.0, 100.0]]))
    >>> loglog([line], slopes=[2], axis="x", quantity="y").get_yscale()
    'log'
    """
    height = 3.1 + LINE_OF_LEGEND * -(-len(lines) // 2)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.add_subplot(xlabel=axis, ylabel=quantity, xscale="log", yscale="log")
    for line in lines:
        _draw_line(axes, line)
    for slope in slopes:
        _draw_guide(axes, lines, slope)
    for each in (axes.xaxis, axes.yaxis):
        each.set(major_formatter=power_of_ten(), minor_formatter=NullFormatter())
    axes.minorticks_off()
    figure.legend(loc="outside upper left", ncols=2, handlelength=3.2)
    return axes


def _draw_line(axes: Axes, line: LogLine) -> None:
    logs, look = np.log(line.values), pen(line.style)
    mean, spread = logs.mean(0), logs.std(0)
    low, high = np.exp(mean - spread), np.exp(mean + spread)
    axes.fill_between(line.x, low, high, color=look["color"], alpha=0.14, linewidth=0)
    axes.plot(line.x, np.exp(mean), **look, label=line.name)


def _draw_guide(axes: Axes, lines: Sequence[LogLine], slope: int) -> None:
    """x^slope, a little below the line whose slope is closest to it."""
    ends = [(line.x, np.exp(np.log(line.values).mean(0))) for line in lines]
    seen = [np.log(y[-1] / y[0]) / np.log(x[-1] / x[0]) for x, y in ends]
    x, y = ends[int(np.argmin([abs(each - slope) for each in seen]))]
    guide = _BELOW * y[0] * (x / x[0]) ** slope
    axes.plot(x, guide, color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    label, middle = f"slope {slope}", len(x) // 2
    axes.annotate(label, (x[middle], guide[middle]), (5, -9), textcoords="offset points", color=FAINT)

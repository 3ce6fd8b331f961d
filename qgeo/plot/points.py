"""Points of several groups: one quantity against another, a mark each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from qgeo.plot.style import LINE_OF_LEGEND, WIDTH, Floats, drawn, pen, power_of_ten


@dataclass(frozen=True, eq=False)
class Points:
    """A group: x, y (points,)."""

    name: str
    x: Floats
    y: Floats


@drawn
def points(
    groups: Sequence[Points], x_axis: str, y_axis: str, *, scale: Literal["linear", "log"] = "linear"
) -> Axes:
    """y over x, groups told apart by marker and colour.

    Args:
        x_axis, y_axis: what the numbers are, with units; scale: of both axes.

    >>> import numpy as np
    >>> axes = points([Points("runs", np.array([1.0, 2.0]), np.array([3.0, 4.0]))], "sharpness", "gap")
    >>> axes.get_lines()[0].get_xdata().tolist()
    [1.0, 2.0]
    """
    figure = Figure(figsize=(WIDTH, 3.2 + LINE_OF_LEGEND * -(-len(groups) // 3)), layout="constrained")
    axes = figure.add_subplot(xlabel=x_axis, ylabel=y_axis, xscale=scale, yscale=scale)
    if scale == "log":
        for axis in (axes.xaxis, axes.yaxis):
            axis.set(major_formatter=power_of_ten(), minor_formatter=NullFormatter())
    for place, group in enumerate(groups):
        look = pen(place) | {"linestyle": "none", "markersize": 3.5, "alpha": 0.6}
        axes.plot(group.x, group.y, **look, label=group.name)
    figure.legend(loc="outside upper left", ncols=3)
    return axes

"""How figures are drawn: one style, one pen per arm, no pyplot and no global state.

An arm keeps its colour, dashes and marker in every figure: each of the three alone tells neighbours apart, in
greyscale too (colours after Okabe and Ito 2008).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

P = ParamSpec("P")
Drawn = TypeVar("Drawn", Axes, list[Axes])
Floats = NDArray[np.float64]

INK, FAINT, RULE, PAPER = "#22262b", "#6a7078", "#d8dbdf", "#ffffff"
ARM_COLOURS = ("#0072b2", "#d55e00", "#00916a", "#b04a8a", "#b98300", "#3f9bd8", "#5b6068", "#8a5a3c")
ARM_DASHES = ("-", (0, (6, 1.6)), (0, (1.4, 1.2)), (0, (7, 1.6, 1.4, 1.6)), (0, (3, 1.6)))
ARM_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
WIDTH = 5.4
"""Of a figure, inches."""
LINE_OF_LEGEND = 0.2
"""Inches."""

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_STYLE: Any = (
    dict.fromkeys(("font.size", "axes.titlesize", "legend.fontsize"), 10)
    | dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK)
    | dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), FAINT)
    | dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width"), 0.7)
    | dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon", "text.parse_math"), False)
    | dict.fromkeys(("axes.facecolor", "figure.facecolor"), "none")
    | {"font.family": ["DejaVu Sans"], "lines.linewidth": 1.6, "lines.markersize": 4.5}
    | {"svg.fonttype": "none", "svg.hashsalt": "qgeo", "pdf.fonttype": 42}
    | {"figure.dpi": 72, "text.hinting": "no_hinting"}  # text as wide when laid out as when drawn
)


@contextmanager
def style() -> Iterator[None]:
    """Our settings, whatever the caller's matplotlib settings are, which come back afterwards."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def drawn(draw: Callable[P, Drawn]) -> Callable[P, Drawn]:
    """Draw under our style and freeze the layout."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Drawn:
        with style():
            axes = draw(*args, **kwargs)
            figure = figure_of(axes)
            if figure.get_layout_engine() is not None:
                figure.draw_without_rendering()
                figure.set_layout_engine(None)
            return axes

    return styled


def figure_of(axes: Axes | list[Axes]) -> Figure:
    """The figure that a plot is drawn in."""
    figure = (axes[0] if isinstance(axes, list) else axes).get_figure(root=True)
    assert figure is not None  # every function here makes one
    return figure


def pen(index: int) -> dict[str, Any]:
    """Colour, dashes and marker of the arm at this place in a comparison; the first 280 differ."""
    names = {"color": ARM_COLOURS, "linestyle": ARM_DASHES, "marker": ARM_MARKERS}
    return {name: choices[index % len(choices)] for name, choices in names.items()}


def graded(*colours: str) -> LinearSegmentedColormap:
    """From one colour to the next, evenly."""
    return LinearSegmentedColormap.from_list("graded", list(colours))


def power_of_ten() -> FuncFormatter:
    """Of a logarithmic axis: 10⁻⁶ as text, without markup."""
    return FuncFormatter(lambda value, _: "10" + f"{np.log10(value):.0f}".translate(_SUPERSCRIPTS))


@drawn
def swatch(index: int) -> Axes:
    """The line and marker of the arm at this place, for a table."""
    figure = Figure(figsize=(0.44, 0.16))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(-1, 1), ylim=(-1, 1))
    axes.set_axis_off()
    axes.plot([-1, 0, 1], [0, 0, 0], **pen(index), markevery=[1])
    return axes

"""Steps of metrics beside each other: their angles, how far they move a head, how much the loss can rise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy.typing import ArrayLike

from qgeo.geometry.angles import angles_between
from qgeo.plot.style import (
    ARM_COLOURS,
    FAINT,
    INK,
    LINE_OF_LEGEND,
    PAPER,
    WIDTH,
    Floats,
    drawn,
    graded,
    pen,
    power_of_ten,
)

if TYPE_CHECKING:  # what they are made with takes torch, which a plot does not
    from qgeo.optim.kl_curve import KLCurve
    from qgeo.optim.sharpness import SharpnessCurve


@drawn
def angles(steps: Mapping[str, ArrayLike], metric: ArrayLike | None = None) -> Axes:
    """Angles between steps in degrees: 0 where two go one way, 90 where they share nothing.

    Args:
        steps: by name, (P,) each; metric: (P, P), Euclidean by default.

    Raises:
        ShapeError: as `angles_between`.

    >>> drawing = angles({"gradient": [1.0, 0.0], "natural": [1.0, 1.0]})
    >>> [text.get_text() for text in drawing.texts]
    ['0', '45', '45', '0']
    """
    degrees, names = angles_between(np.array([*steps.values()]), metric), [*steps]
    size = len(names)
    figure = Figure(figsize=(1.9 + 0.5 * size, 1.5 + 0.45 * size), layout="constrained")
    axes = figure.add_subplot(xlim=(0, size), ylim=(size, 0))
    axes.pcolormesh(degrees, cmap=graded(PAPER, ARM_COLOURS[0]), vmin=0, vmax=180, snap=True)
    for (row, column), angle in np.ndenumerate(degrees):
        colour = PAPER if angle > 110 else INK
        axes.text(column + 0.5, row + 0.5, f"{angle:.0f}", ha="center", va="center", color=colour)
    axes.set_xticks(np.arange(size) + 0.5, names, rotation=90)
    axes.set_yticks(np.arange(size) + 0.5, names)
    axes.tick_params(length=0)
    axes.set_title("angle (°)", loc="left")
    return axes


@drawn
def kl_curves(curves: Mapping[str, KLCurve]) -> Axes:
    """Realised against predicted KL divergence of steps: on the line as long as ½ s²δᵀF_Cδ holds.

    Args:
        curves: by name, as `qgeo.optim.kl_curve.kl_curve` gives them.
    """
    axes = _square("predicted KL, ½ s²δᵀFδ (nats per token)", "realised KL", len(curves))
    for place, (name, curve) in enumerate(curves.items()):
        axes.plot(curve.predicted, curve.realised, **pen(place), label=name)
    return _with_diagonal(axes, "as predicted")


@drawn
def sharpness(curves: Mapping[str, SharpnessCurve]) -> Axes:
    """KL-sharpness against ε: realised with markers, to second order a thin line in the same colour.

    Args:
        curves: by name, as `qgeo.optim.sharpness.sharpness_curve` gives them.
    """
    axes = _square("ε, KL divergence (nats per token)", "rise of the loss", len(curves))
    for place, (name, curve) in enumerate(curves.items()):
        look = pen(place)
        axes.plot(curve.epsilons, curve.realised, **look, label=name)
        axes.plot(curve.epsilons, curve.second_order, color=look["color"], linewidth=0.7)
    return _with_diagonal(axes, "a head that is the data")


def _square(xlabel: str, ylabel: str, count: int) -> Axes:
    """Logarithmic axes with room for a legend."""
    height = 3.0 + LINE_OF_LEGEND * -(-(count + 1) // 2)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel, xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set(major_formatter=power_of_ten(), minor_formatter=NullFormatter())
    return axes


def _with_diagonal(axes: Axes, name: str) -> Axes:
    """The line y = x over what is drawn, and the legend."""
    ends: Floats = np.array(axes.get_xlim())
    axes.plot(ends, ends, color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)), label=name, zorder=1)
    axes.set_xlim(*ends)
    axes.figure.legend(loc="outside upper left", ncols=2, handlelength=3.2)
    return axes

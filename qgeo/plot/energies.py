"""Energies on the way of a minimization: how far above the ground state, and how far from plain descent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter

from qgeo.plot.style import FAINT, WIDTH, Floats, drawn, pen, power_of_ten


@drawn
def energies(x: Floats, energy: Floats, *, axis: str = "step", ground: float | None = None) -> Axes:
    """Energy at every point; above the ground energy, on a logarithmic axis, where that is known.

    Args:
        x: (points,), in units that `axis` names; energy: (points,), in the observable's units.
    """
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    counts = EngFormatter(sep="")
    if ground is None:
        axes = figure.add_subplot(xlabel=axis, ylabel="energy (units of the observable)")
        axes.xaxis.set_major_formatter(counts)
        axes.plot(x, energy, **pen(0) | {"marker": ""})
        return axes
    above = np.maximum(energy - ground, 1e-16)  # rounding has no place on a logarithmic axis
    axes = figure.add_subplot(xlabel=axis, ylabel="E − E₀ (units of the observable)", yscale="log")
    axes.xaxis.set_major_formatter(counts)
    axes.yaxis.set_major_formatter(power_of_ten())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.plot(x, above, **pen(0) | {"marker": ""})
    axes.axhline(1e-6, color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)))
    axes.annotate(
        "10⁻⁶", (1.0, 1e-6), xycoords=("axes fraction", "data"), ha="right", va="bottom", color=FAINT
    )
    return axes


@drawn
def step_angles(x: Floats, angles: Sequence[float | None]) -> Axes:
    """Angle between the steps taken and plain descent, degrees: 0 where the metric turns nothing, 90 at most.

    Args:
        angles: of every point; None where there is none.
    """
    figure = Figure(figsize=(WIDTH, 2.4), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="angle to plain descent (°)", ylim=(0, 90))
    axes.set_yticks(range(0, 91, 30))
    known = [(at, angle) for at, angle in zip(x, angles, strict=True) if angle is not None]
    axes.plot(*np.array(known).reshape(-1, 2).T, **pen(1) | {"marker": ""})
    return axes

"""Losses against steps, time, circuits, shots or noise: a mean with its 95% band per arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import fill
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter

from qgeo.plot.levels import Level, thin
from qgeo.plot.style import FAINT, LINE_OF_LEGEND, WIDTH, Floats, drawn, pen
from qgeo.statistics.means import curve_band

_SHORT_AXIS = 50.0  # ratio of its ends, chosen: up to here its names have room


@dataclass(frozen=True, eq=False)
class Curve:
    """Validation losses of one arm.

    Attributes:
        x: (points,); losses: (values, points), NaN after a divergence, a value being that of a replicate or,
            where there are none, of a seed.
        style: the arm's place among all, which fixes its pen.
    """

    name: str
    x: Floats
    losses: Floats
    style: int = 0


@drawn
def curves(
    of_arms: Sequence[Curve],
    levels: Sequence[Level] = (),
    *,
    axis: str = "training step",
    scale: Literal["linear", "log"] = "linear",
    height: str = "validation loss (nats per token)",
) -> Axes:
    """Validation loss of each arm, nats per token: the mean with its 95% Student-t band.

    Args:
        levels: lines across, named at the right edge.
        axis: what x is, with its unit; scale: of x; height: what else than the loss the curves are of.
    """
    columns = _legend_columns(of_arms)
    lines_of_text = sum(_label(curve).count("\n") + 1 for curve in of_arms) / columns
    figure = Figure(figsize=(WIDTH, 3.1 + LINE_OF_LEGEND * lines_of_text), layout="constrained")
    axes = figure.add_subplot(xlabel=axis, ylabel=height)
    lines = [_draw_curve(axes, _beyond_zero(curve) if scale == "log" else curve) for curve in of_arms]
    axes.set_ylim(*_loss_range(of_arms, levels))
    gap, place = 0.06 * float(np.ptp(axes.get_ylim())), -np.inf
    for level in sorted(levels, key=lambda level: level.loss):
        place = max(level.loss, place + gap)  # names are pushed upwards where lines are too close
        axes.axhline(level.loss, **thin(level))
        axes.text(1.015, place, level.label, transform=axes.get_yaxis_transform(), va="center", color=FAINT)
    figure.legend(handles=lines, loc="outside upper left", ncols=columns, handlelength=3.2)
    if scale == "log":
        _logarithmic(axes)
    return axes


def _beyond_zero(curve: Curve) -> Curve:
    """Without the start, which a logarithmic axis has no place for."""
    kept = ~(curve.x <= 0)
    return replace(curve, x=curve.x[kept], losses=curve.losses[:, kept])


def _logarithmic(axes: Axes) -> None:
    """Powers of ten are named, on a short axis what is two and five times as much, too."""
    axes.set(xscale="log")
    low, high = axes.get_xlim()
    within = (1.0, 2.0, 5.0) if high < _SHORT_AXIS * low else (1.0,)
    axes.xaxis.set(major_locator=LogLocator(subs=within), minor_formatter=NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))


def _plain(value: float) -> str:
    """
    >>> _plain(0.003), _plain(5000.0), _plain(2e6)
    ('0.003', '5000', '2M')
    """
    return EngFormatter(sep="")(value) if value >= 10_000 else f"{value:g}"


def _legend_columns(curves: Sequence[Curve]) -> int:
    """Two where the longest labels of both columns fit beside each other."""
    lengths, half = [len(_label(curve)) for curve in curves], (len(curves) + 1) // 2
    return 2 if half and max(lengths[:half]) + max(lengths[half:], default=0) <= 50 else 1


def _label(curve: Curve) -> str:
    lost = int((~np.isfinite(curve.losses)).any(1).sum())
    return fill(f"{curve.name} ({lost} of {len(curve.losses)} diverged)" if lost else curve.name, 52)


def _draw_curve(axes: Axes, curve: Curve) -> Line2D:
    """Mean, band and, where a run diverged, a cross at the last point that all runs reached."""
    band, look = curve_band(curve.losses), pen(curve.style)
    every = max(1, len(curve.x) // 6)
    marks = (curve.style * every // 3 % every, every)
    axes.fill_between(curve.x, band.low, band.high, color=look["color"], alpha=0.14, linewidth=0)
    (line,) = axes.plot(curve.x, band.mean, **look, markevery=marks, label=_label(curve))
    if not np.isfinite(curve.losses).all():
        reached = np.flatnonzero(np.isfinite(band.mean))[-1:]
        axes.plot(curve.x[reached], band.mean[reached], "x", color=look["color"], markersize=9, mew=1.8)
    return line


def _loss_range(curves: Sequence[Curve], levels: Sequence[Level]) -> tuple[float, float]:
    """All means and levels, except what rises far above the highest level."""
    lines = np.array([level.loss for level in levels])
    everything = np.concatenate([lines, *(curve_band(curve.losses).mean for curve in curves)])
    everything = everything[np.isfinite(everything)]
    low, high = (everything.min(), everything.max()) if everything.size else (0.0, 1.0)
    if lines.size:
        high = min(high, lines.max() + max(lines.max() - low, 0.1))
    pad = 0.05 * max(high - low, 0.01)
    return float(low - pad), float(high + pad)

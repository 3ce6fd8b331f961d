"""Figures of a comparison: data in, matplotlib figure out.

    loss_over_steps, _seconds, _cost     mean with its 95% band, one curve per arm
    loss_over_noise                      trained heads under depolarizing noise
    final_losses, paired_differences     dot and 95% interval per arm, small dots for its values
    spectra                              eigenvalues of F_Q and F_C, one panel per quantum arm

A value is that of a replicate or, where there are none, of a seed. Verdicts: `forest.py`; style, pens and
files: `drawing.py`. Losses in nats per token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from qgeo.comparison.page.drawing import ARM_DASHES, FAINT, INK, WIDTH, drawn, pen
from qgeo.statistics.means import Interval, curve_band

Floats = NDArray[np.float64]

FLOOR = "floor"
_LINE = 0.18  # inches of a line of text beside the axes, a little more than it takes
_SHORT_AXIS = 50.0  # ratio of its ends, chosen: up to here its names have room

_MATRICES: dict[str, Any] = {
    "quantum Fisher": {"linestyle": "-", "marker": "o"},
    "classical Fisher": {"linestyle": ARM_DASHES[1], "marker": "s"},
}


@dataclass(frozen=True, eq=False)
class Curve:
    """Validation losses of one arm: x (points,), losses (values, points) with NaN after a divergence; `style`
    is the arm's place."""

    name: str
    x: Floats
    losses: Floats
    style: int = 0


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


@dataclass(frozen=True)
class Row:
    """One arm's interval and its values, None where a run diverged; `style` is the arm's place."""

    name: str
    interval: Interval
    values: tuple[float | None, ...]
    style: int


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of F_Q and F_C of one quantum arm, largest first."""

    name: str
    quantum: Floats
    classical: Floats
    style: int


@drawn
def loss_over_steps(curves: Sequence[Curve], levels: Sequence[Level] = ()) -> Figure:
    """Validation loss against training steps."""
    return _loss_figure(curves, levels, "training step")


@drawn
def loss_over_seconds(curves: Sequence[Curve], levels: Sequence[Level] = ()) -> Figure:
    """Validation loss against mean training seconds; a logarithmic axis where arms differ tenfold."""
    figure = _loss_figure(curves, levels, "training time (seconds)")
    ends = [curve.x[np.isfinite(curve.x)].max(initial=0) for curve in curves]
    if min(ends, default=0) > 0 and max(ends) > 10 * min(ends):
        _logarithmic(figure)
    return figure


@drawn
def loss_over_cost(curves: Sequence[Curve], levels: Sequence[Level], axis: str) -> Figure:
    """Validation loss against circuits or shots, on a logarithmic axis."""
    figure = _loss_figure(curves, levels, axis)
    _logarithmic(figure)
    return figure


@drawn
def loss_over_noise(curves: Sequence[Curve], levels: Sequence[Level] = ()) -> Figure:
    """Loss of trained heads against the depolarizing probability per gate, on a logarithmic axis."""
    figure = _loss_figure(curves, levels, "depolarizing probability of a two-qubit gate")
    _logarithmic(figure)
    return figure


@drawn
def final_losses(rows: Sequence[Row], levels: Sequence[Level] = ()) -> Figure:
    """Loss after the last step: dot and interval per arm. Levels far from all arms are named below."""
    figure, axes = _row_figure(rows)
    low, high = _extent(rows)
    reach = max(1.2 * (high - low), 0.02)
    near = [level for level in levels if low - reach <= level.loss <= high + reach]
    ends = [low, high, *(level.loss for level in near)]
    pad = 0.06 * max(max(ends) - min(ends), 0.01)
    axes.set_xlim(min(ends) - pad, max(ends) + pad)
    above = _name_above(axes, near)
    far = [f"{'←' if level.loss < low else '→'} {level.label} {level.loss:.3f}" for level in levels]
    far = [text for text, level in zip(far, levels, strict=True) if level not in near]
    beyond = "\n" + fill("beyond the axis: " + "   ".join(far), 64) if far else ""
    figure.set_figheight(figure.get_figheight() + _LINE * (above + beyond.count("\n")))
    figure.supxlabel(f"test loss after the last step (nats per token){beyond}", fontsize="medium")
    return figure


@drawn
def paired_differences(rows: Sequence[Row], reference: str) -> Figure:
    """Loss minus the reference arm's on the same replicate or seed."""
    figure, axes = _row_figure(rows)
    axes.axvline(0, color=FAINT, linewidth=0.8, zorder=1)
    edge = 1.12 * max(*map(abs, _extent(rows)), 1e-9)
    axes.set_xlim(-edge, edge)
    figure.supxlabel(fill(f"loss minus that of {reference} (nats per token)", 64), fontsize="medium")
    return figure


@drawn
def spectra(panels: Sequence[Spectrum]) -> Figure:
    """Eigenvalues of F_Q and F_C on a logarithmic axis; those below 1e-10 of the largest are not drawn."""
    columns = min(2, max(1, len(panels)))
    lines = -(-len(panels) // columns) or 1
    figure = Figure(figsize=(WIDTH, 2.2 * lines + 0.8), layout="constrained")
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _draw_spectrum(axes, panel)
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    for axes in grid[:, 0]:
        axes.set(ylabel="eigenvalue")
    for axes in grid.flat[max(len(panels) - columns, 0) : len(panels)]:
        axes.set(xlabel="place, largest first")
    handles = [Line2D([], [], color=INK, label=label, **look) for label, look in _MATRICES.items()]
    figure.legend(handles=handles, loc="outside upper left", ncols=2, handlelength=3.2)
    return figure


@drawn
def swatch(index: int) -> Figure:
    """The line and marker of the arm at this place, for a table."""
    figure = Figure(figsize=(0.44, 0.16))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(-1, 1), ylim=(-1, 1))
    axes.set_axis_off()
    axes.plot([-1, 0, 1], [0, 0, 0], **pen(index), markevery=[1])
    return figure


def _loss_figure(curves: Sequence[Curve], levels: Sequence[Level], axis: str) -> Figure:
    columns = _legend_columns(curves)
    lines_of_text = sum(_label(curve).count("\n") + 1 for curve in curves) / columns
    figure = Figure(figsize=(WIDTH, 3.1 + 0.2 * lines_of_text), layout="constrained")
    axes = figure.add_subplot(xlabel=axis, ylabel="validation loss (nats per token)")
    lines = [_draw_curve(axes, curve) for curve in curves]
    axes.set_ylim(*_loss_range(curves, levels))
    gap, place = 0.06 * float(np.ptp(axes.get_ylim())), -np.inf
    for level in sorted(levels, key=lambda level: level.loss):
        place = max(level.loss, place + gap)  # names are pushed upwards where lines are too close
        axes.axhline(level.loss, **_thin(level))
        axes.text(1.015, place, level.label, transform=axes.get_yaxis_transform(), va="center", color=FAINT)
    figure.legend(handles=lines, loc="outside upper left", ncols=columns, handlelength=3.2)
    return figure


def _logarithmic(figure: Figure) -> None:
    """Powers of ten are named, on a short axis what is two and five times as much, too."""
    axes = figure.axes[0]
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


def _row_figure(rows: Sequence[Row]) -> tuple[Figure, Axes]:
    """One line per arm: its interval, and below it the values; an arm without a mean says why."""
    figure = Figure(figsize=(WIDTH, 1.15 + 0.4 * len(rows)), layout="constrained")
    axes = figure.add_subplot(ylim=(len(rows) - 0.4, -0.6))
    axes.spines["left"].set_visible(False)
    axes.xaxis.set(major_locator=MaxNLocator(5))
    axes.set_yticks(range(len(rows)), [_row_name(row) for row in rows])
    axes.tick_params(axis="y", length=0)
    for place, row in enumerate(rows):
        interval, look = row.interval, pen(row.style) | {"linestyle": "-"}
        values = [value for value in row.values if value is not None]
        axes.plot(values, [place + 0.28] * len(values), ".", color=look["color"], alpha=0.6, markersize=3.5)
        if interval.mean is not None:
            low, high = interval.ci_low, interval.ci_high
            ends = [interval.mean if end is None else end for end in (low, interval.mean, high)]
            axes.plot(ends, [place] * 3, **look, linewidth=2.2, markersize=6.5, markevery=[1])
    return figure, axes


def _name_above(axes: Axes, levels: Sequence[Level]) -> int:
    """Vertical lines with their names above the axes, each in the lowest line of text that has room; how many
    lines of text these are."""
    letter = 0.03 * float(np.ptp(axes.get_xlim()))
    taken: list[float] = []
    for level in sorted(levels, key=lambda level: level.loss):
        half = letter * (len(level.label) + 1) / 2
        free = [line for line, end in enumerate(taken) if end < level.loss - half]
        line = min(free, default=len(taken))
        taken[line : line + 1] = [level.loss + half]
        axes.axvline(level.loss, **_thin(level))
        across, lift = axes.get_xaxis_transform(), (0, 3 + 12 * line)
        axes.annotate(level.label, (level.loss, 1), lift, across, "offset points", ha="center", color=FAINT)
    return len(taken)


def _row_name(row: Row) -> str:
    lost = sum(value is None for value in row.values)
    reason = f"\n{lost} of {row.interval.n} diverged" if row.interval.mean is None else ""
    return fill(row.name, 30) + reason


def _extent(rows: Sequence[Row]) -> tuple[float, float]:
    ends = [end for row in rows for end in (row.interval.ci_low, row.interval.ci_high, *row.values)]
    numbers = [end for end in ends if end is not None] or [0.0]
    return min(numbers), max(numbers)


def _draw_spectrum(axes: Axes, panel: Spectrum) -> None:
    for values, look in zip((panel.quantum, panel.classical), _MATRICES.values(), strict=True):
        shown = values[values > 1e-10 * max(values.max(initial=0), 1e-300)]
        style = look | {"color": pen(panel.style)["color"], "markevery": max(1, len(shown) // 8)}
        axes.plot(np.arange(1, len(shown) + 1), shown, **style)
    superscripts = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    power = FuncFormatter(lambda value, _: "10" + f"{np.log10(value):.0f}".translate(superscripts))
    axes.set_title(panel.name, loc="left")
    axes.set(yscale="log")
    axes.yaxis.set(major_formatter=power, minor_formatter=NullFormatter())
    axes.xaxis.set(major_locator=MaxNLocator(4, integer=True))
    axes.tick_params(labelbottom=True, which="major")


def _thin(level: Level) -> dict[str, Any]:
    style = (INK, 1.0) if level.name == FLOOR else (FAINT, 0.6)
    return {"color": style[0], "linewidth": style[1], "linestyle": level.line, "zorder": 1}

"""A row per arm: a large mark with its 95% interval, small dots for what it is the mean of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qgeo.plot.levels import Level, thin
from qgeo.plot.style import FAINT, WIDTH, drawn, figure_of, pen
from qgeo.statistics.means import Interval

_LINE = 0.18  # inches of a line of text beside the axes, a little more than it takes


@dataclass(frozen=True)
class Row:
    """One arm's interval and its values, None where a run diverged; `style` is the arm's place."""

    name: str
    interval: Interval
    values: tuple[float | None, ...]
    style: int


@drawn
def losses(rows: Sequence[Row], levels: Sequence[Level] = ()) -> Axes:
    """Loss after the last step: dot and interval per arm. Levels far from all arms are named below."""
    axes = _row_axes(rows)
    figure = figure_of(axes)
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
    return axes


@drawn
def differences(rows: Sequence[Row], reference: str) -> Axes:
    """Loss minus the reference arm's on the same replicate or seed."""
    axes = _row_axes(rows)
    figure = figure_of(axes)
    axes.axvline(0, color=FAINT, linewidth=0.8, zorder=1)
    edge = 1.12 * max(*map(abs, _extent(rows)), 1e-9)
    axes.set_xlim(-edge, edge)
    figure.supxlabel(fill(f"loss minus that of {reference} (nats per token)", 64), fontsize="medium")
    return axes


def _row_axes(rows: Sequence[Row]) -> Axes:
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
    return axes


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
        axes.axvline(level.loss, **thin(level))
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

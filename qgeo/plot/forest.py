"""The verdicts as a forest plot: a row per contrast, its estimate, its intervals, the margin of equivalence.

thick line    90% interval: inside the shaded margin the two arms are equivalent (TOST at 5%)
thin line     95% interval, unadjusted
open mark     exploratory: no verdict

cross         what theory predicts, where it does
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qgeo.plot.style import FAINT, INK, PAPER, RULE, WIDTH, drawn, pen
from qgeo.statistics.means import Interval

_LETTERS = 30  # of a name in a line beside the axis
_MARGINS_SHOWN = 1.4  # the axis goes on a little beyond the margin on both sides


@dataclass(frozen=True)
class ContrastRow:
    """An arm against a reference, as a verdict has it.

    Attributes:
        name: of the arm; under: what stands below it, the reference or the step of a race.
        wide, narrow: 95% and 90% interval of the estimate; margin: on either side of nothing.
        style: the arm's place; role: whether it may have a verdict.
        nothing: the estimate of arms that do not differ; predicted: by theory.
    """

    name: str
    under: str
    wide: Interval
    narrow: Interval
    margin: float
    style: int
    role: Literal["confirmatory", "exploratory"]
    nothing: float = 0.0
    predicted: float | None = None


@drawn
def forest(rows: Sequence[ContrastRow], axis: str) -> Axes:
    """One row per contrast, at least one, all of one kind.

    The axis holds all estimates and the intervals of confirmatory rows; an arrow stands where an interval
    goes on beyond it.
    """
    figure = Figure(figsize=(WIDTH, 1.0 + 0.55 * len(rows)), layout="constrained")
    axes = figure.add_subplot(ylim=(len(rows) - 0.5, -0.5), xlim=_extent(rows))
    axes.spines["left"].set_visible(False)
    axes.xaxis.set(major_locator=MaxNLocator(5))
    axes.set_yticks(range(len(rows)), [_name(row) for row in rows])
    axes.tick_params(axis="y", length=0, pad=8)  # arrows end beside the names
    axes.axvline(rows[0].nothing, color=FAINT, linewidth=0.8, zorder=1)
    for place, row in enumerate(rows):
        left = row.nothing - row.margin
        axes.barh(place, 2 * row.margin, 1.0, left, color=RULE, alpha=0.55, linewidth=0, zorder=0)
        _draw_row(axes, place, row)
    figure.supxlabel(fill(axis, 64), fontsize="medium")
    return axes


def _extent(rows: Sequence[ContrastRow]) -> tuple[float, float]:
    leading = [row for row in rows if row.role == "confirmatory"] or rows
    ends = [end for row in leading for end in (row.wide.ci_low, row.wide.ci_high)]
    ends += [number for row in rows for number in (row.wide.mean, row.predicted)]
    ends += [row.nothing + side * _MARGINS_SHOWN * row.margin for row in rows for side in (-1, 1)]
    numbers = [end for end in ends if end is not None]
    pad = 0.06 * (max(numbers) - min(numbers))
    return min(numbers) - pad, max(numbers) + pad


def _name(row: ContrastRow) -> str:
    reason = "\na run diverged" if row.wide.mean is None else ""
    return f"{fill(row.name, _LETTERS)}\n{fill(row.under, _LETTERS)}{reason}"


def _draw_row(axes: Axes, place: int, row: ContrastRow) -> None:
    if row.predicted is not None:
        axes.plot([row.predicted], [place + 0.24], "x", color=INK, markersize=5, zorder=3)
    if row.wide.mean is None:
        return
    look = pen(row.style) | {"linestyle": "-", "zorder": 2}
    for interval, width in ((row.wide, 1.1), (row.narrow, 3.4)):
        _draw_interval(axes, place, interval, look | {"marker": "", "linewidth": width})
    face = PAPER if row.role == "exploratory" else look["color"]
    axes.plot([row.wide.mean], [place], **look, markerfacecolor=face, markersize=6.5)


def _draw_interval(axes: Axes, place: int, interval: Interval, look: dict[str, Any]) -> None:
    if interval.ci_low is None or interval.ci_high is None:
        return
    low, high = axes.get_xlim()
    ends = [max(interval.ci_low, low), min(interval.ci_high, high)]
    axes.plot(ends, [place] * 2, **look, solid_capstyle="butt")
    for end, arrow in _arrows(interval.ci_low, interval.ci_high, low, high):
        axes.plot([end], [place], **look | {"marker": arrow, "markersize": 6}, clip_on=False)


def _arrows(ci_low: float, ci_high: float, low: float, high: float) -> Iterator[tuple[float, str]]:
    if ci_low < low:
        yield low, "<"
    if ci_high > high:
        yield high, ">"

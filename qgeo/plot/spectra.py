"""Eigenvalues of information matrices, and the filter between two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter
from numpy.typing import ArrayLike

from qgeo.geometry.effective_dimension import effective_dimension
from qgeo.geometry.filter import spectral_filter
from qgeo.geometry.spectra import eigenvalues, participation_ratio, rank
from qgeo.plot.style import (
    ARM_DASHES,
    FAINT,
    INK,
    LINE_OF_LEGEND,
    RULE,
    WIDTH,
    Floats,
    drawn,
    pen,
    power_of_ten,
)

SMALLEST = 1e-10
"""Of the largest eigenvalue: what is smaller is rounding, and not drawn."""

_MATRICES: dict[str, Any] = {
    "quantum Fisher": {"linestyle": "-", "marker": "o"},
    "classical Fisher": {"linestyle": ARM_DASHES[1], "marker": "s"},
}


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of F_Q and F_C of one quantum arm, largest first; `style` is the arm's place."""

    name: str
    quantum: Floats
    classical: Floats
    style: int


@dataclass(frozen=True, eq=False)
class Filter:
    """Shares μ of F_Q that a readout keeps, largest first (`geometry/filter.py`); `style`: of the arm."""

    name: str
    kept: Floats
    style: int = 0


@drawn
def spectrum(matrices: Mapping[str, ArrayLike]) -> Axes:
    """Eigenvalues of information matrices on a logarithmic axis, in the order of their size; rank and
    participation ratio beside the names.

    Args:
        matrices: by name, symmetric (P, P).

    Raises:
        ShapeError: one is no matrix.

    >>> spectrum({"F_Q": np.diag([1.0, 4.0])}).get_lines()[0].get_ydata().tolist()
    [4.0, 1.0]
    """
    figure = Figure(figsize=(WIDTH, 2.7 + LINE_OF_LEGEND * len(matrices)), layout="constrained")
    axes = figure.add_subplot(xlabel="place, largest first", ylabel="eigenvalue")
    for place, (name, matrix) in enumerate(matrices.items()):
        label = f"{name}: rank {rank(matrix)}, participation ratio {participation_ratio(matrix):.3g}"
        _draw_eigenvalues(axes, np.asarray(eigenvalues(np.asarray(matrix))), pen(place) | {"label": label})
    _power_axis(axes)
    figure.legend(loc="outside upper left", handlelength=3.2)
    return axes


@drawn
def dimensions(fishers: Mapping[str, ArrayLike], observations: ArrayLike, *, gamma: float = 1.0) -> Axes:
    """Effective dimension over P against the number of observations: the share of a model they tell apart.

    Args:
        fishers: by name, (T, P, P) at T random θ; observations: (N,) numbers n; gamma: γ.

    Raises:
        ShapeError, ConfigurationError: as `effective_dimension`.

    >>> drawing = dimensions({"model": [np.diag([1.0, 1.0])]}, [1000, 10000])
    >>> bool((np.diff(drawing.lines[0].get_ydata()) < 0).all())  # towards 1, from above
    True
    """
    figure = Figure(figsize=(WIDTH, 2.8 + LINE_OF_LEGEND * -(-len(fishers) // 2)), layout="constrained")
    axes = figure.add_subplot(xlabel="observations n", ylabel="effective dimension / P", xscale="log")
    numbers = np.atleast_1d(np.asarray(observations, dtype=float))
    for place, (name, stack) in enumerate(fishers.items()):
        shares = effective_dimension(stack, numbers, gamma=gamma) / np.asarray(stack).shape[-1]
        axes.plot(numbers, shares, **pen(place), label=name)
    axes.xaxis.set(major_formatter=power_of_ten(), minor_formatter=NullFormatter())
    figure.legend(loc="outside upper left", ncols=2, handlelength=3.2)
    return axes


@drawn
def spectra(panels: Sequence[Spectrum]) -> list[Axes]:
    """Eigenvalues of F_Q and F_C, a panel per arm, on one logarithmic axis."""
    columns = min(2, max(1, len(panels)))
    lines = -(-len(panels) // columns) or 1
    figure = Figure(figsize=(WIDTH, 2.2 * lines + 0.8), layout="constrained")
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _draw_panel(axes, panel)
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    for axes in grid[:, 0]:
        axes.set(ylabel="eigenvalue")
    for axes in grid.flat[max(len(panels) - columns, 0) : len(panels)]:
        axes.set(xlabel="place, largest first")
    handles = [Line2D([], [], color=INK, label=label, **look) for label, look in _MATRICES.items()]
    figure.legend(handles=handles, loc="outside upper left", ncols=2, handlelength=3.2)
    return list(grid.flat[: len(panels)])


@drawn
def filters(of_arms: Sequence[Filter]) -> Axes:
    """The share μ of each direction's information that the readout keeps, largest first.

    1: phases do not move along it; 0: only phases do.
    """
    height = 2.8 + LINE_OF_LEGEND * -(-len(of_arms) // 2)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.add_subplot(
        xlabel="direction (share of all)", ylabel="μ, share of F_Q kept", ylim=(-0.03, 1.06)
    )
    for each in of_arms:
        places = (np.arange(len(each.kept)) + 0.5) / len(each.kept)
        every = max(1, len(places) // 8)
        axes.plot(places, each.kept, **pen(each.style), markevery=every, label=each.name)
    figure.legend(loc="outside upper left", ncols=2, handlelength=3.2)
    return axes


@drawn
def loewner(lower: ArrayLike, upper: ArrayLike) -> Axes:
    """Whether `lower` ⪯ `upper`: the eigenvalues μ of lower·v = μ·upper·v, all at most 1 exactly if it is so.

    Args:
        lower, upper: symmetric (P, P), as F_C and F_Q; directions in which `upper` vanishes are left out.

    Raises:
        ShapeError: they are no two such matrices, or `lower` does not vanish where `upper` does.
    """
    kept = spectral_filter(lower, upper).kept
    figure = Figure(figsize=(WIDTH, 2.8), layout="constrained")
    axes = figure.add_subplot(xlabel="direction, largest first", ylabel="μ", xlim=(0.3, len(kept) + 0.7))
    axes.axhspan(0, 1, color=RULE, alpha=0.4, linewidth=0, zorder=0)
    axes.axhline(1, color=FAINT, linewidth=0.8, zorder=1)
    within = kept <= 1 + SMALLEST
    places = np.arange(1, len(kept) + 1)
    for chosen, style, name in ((within, 0, "within the order"), (~within, 1, "beyond it")):
        if chosen.any():
            look = pen(style) | {"linestyle": "none"}
            axes.plot(places[chosen], kept[chosen], **look, label=f"{name}: {int(chosen.sum())}")
    axes.set_ylim(-0.04, 1.08 * max(1.0, float(kept.max(initial=1.0))))
    axes.xaxis.set(major_locator=MaxNLocator(6, integer=True))
    figure.legend(loc="outside upper left", ncols=2)
    return axes


def _draw_panel(axes: Axes, panel: Spectrum) -> None:
    for values, look in zip((panel.quantum, panel.classical), _MATRICES.values(), strict=True):
        _draw_eigenvalues(axes, values, look | {"color": pen(panel.style)["color"]})
    axes.set_title(panel.name, loc="left")
    _power_axis(axes)
    axes.tick_params(labelbottom=True, which="major")


def _draw_eigenvalues(axes: Axes, values: Floats, look: dict[str, Any]) -> None:
    shown = values[values > SMALLEST * max(values.max(initial=0), 1e-300)]
    axes.plot(np.arange(1, len(shown) + 1), shown, **look, markevery=max(1, len(shown) // 8))


def _power_axis(axes: Axes) -> None:
    axes.set(yscale="log")
    axes.yaxis.set(major_formatter=power_of_ten(), minor_formatter=NullFormatter())
    axes.xaxis.set(major_locator=MaxNLocator(4, integer=True))

"""An information matrix, and its null space, with the names of its parameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from qgeo.errors import ShapeError
from qgeo.geometry.spectra import null_space
from qgeo.plot.style import ARM_COLOURS, PAPER, drawn, graded

MOST_NAMES = 40
"""Parameters whose names have room beside the matrix."""

_MAP = graded(ARM_COLOURS[1], PAPER, ARM_COLOURS[0])
"""Orange below zero, blue above, told apart by readers of any colour vision; white is 0."""


@drawn
def matrix(information: ArrayLike, names: Sequence[str] | None = None, *, label: str = "entry") -> Axes:
    """Entries in colour, blue above zero and orange below, symmetric about 0.

    Args:
        information: (P, P), as `quantum_fisher` returns it. names: of the parameters, in its order; numbers
            where there are none, or more than 40.
        label: of the colours, with their unit.

    Raises:
        ShapeError: no square matrix of finite numbers, or another number of names.

    >>> matrix(np.eye(2), ["a", "b"]).get_xticklabels()[1].get_text()
    'b'
    """
    entries = _checked(information, names)
    size = len(entries)
    figure = Figure(figsize=(min(1.8 + 0.28 * size, 7.0), min(1.4 + 0.28 * size, 6.4)), layout="constrained")
    axes = figure.add_subplot()
    largest = float(np.abs(entries).max(initial=0.0)) or 1.0
    cells = axes.pcolormesh(entries, cmap=_MAP, vmin=-largest, vmax=largest, snap=True)
    axes.set(aspect="equal", xlim=(0, size), ylim=(size, 0))
    if names is not None and size <= MOST_NAMES:
        axes.set_xticks(np.arange(size) + 0.5, names, rotation=90)
        axes.set_yticks(np.arange(size) + 0.5, names)
    axes.tick_params(length=0)
    _scale(axes, cells, label)
    return axes


@drawn
def null_directions(information: ArrayLike, names: Sequence[str]) -> Axes:
    """The directions that nothing depends on, a row each, over the parameters that they move.

    Args:
        information: (P, P), as `quantum_fisher` returns it; names: of the parameters, in its order.

    Raises:
        ShapeError: as `matrix`.

    >>> drawing = null_directions([[1, 1, 0], [1, 1, 0], [0, 0, 2]], ["a", "b", "c"])
    >>> [label.get_text() for label in drawing.get_xticklabels()]
    ['a', 'b']
    """
    directions = null_space(_checked(information, names))
    moved = np.flatnonzero(directions.any(0))
    height, width = len(directions), len(moved)
    figure = Figure(
        figsize=(min(2.0 + 0.28 * width, 7.0), min(1.6 + 0.28 * height, 6.4)), layout="constrained"
    )
    axes = figure.add_subplot(xlim=(0, max(width, 1)), ylim=(max(height, 1), 0), ylabel="null direction")
    if not height:
        axes.text(0.5, 0.5, "none: F has full rank", ha="center", va="center")
        axes.set(xticks=[], yticks=[])
        return axes
    shown, largest = directions[:, moved], float(np.abs(directions).max())
    cells = axes.pcolormesh(shown, cmap=_MAP, vmin=-largest, vmax=largest, snap=True)
    axes.set_xticks(np.arange(width) + 0.5, [names[int(column)] for column in moved], rotation=90)
    axes.set_yticks(np.arange(height) + 0.5, [str(row + 1) for row in range(height)])
    axes.tick_params(length=0)
    _scale(axes, cells, "share")
    return axes


def _scale(axes: Axes, cells: QuadMesh, label: str) -> None:
    scale = axes.figure.colorbar(cells, ax=axes, label=label, shrink=0.8)
    for colours in scale.ax.collections:
        colours.set_rasterized(False)  # a page that holds the figure has no pictures


def _checked(
    information: ArrayLike, names: Sequence[str] | None
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    entries = np.asarray(information, dtype=np.float64)
    if entries.ndim != 2 or entries.shape[0] != entries.shape[1] or not np.isfinite(entries).all():
        raise ShapeError(f"expected a square matrix of finite numbers, got shape {entries.shape}")
    if names is not None and len(names) != len(entries):
        raise ShapeError(f"expected {len(entries)} names, one a row, got {len(names)}")
    return entries

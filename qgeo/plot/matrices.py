"""An information matrix with the names of its parameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from qgeo.errors import ShapeError
from qgeo.plot.style import ARM_COLOURS, PAPER, drawn

MOST_NAMES = 40
"""Parameters whose names have room beside the matrix."""

_MAP = LinearSegmentedColormap.from_list("signed", [ARM_COLOURS[1], PAPER, ARM_COLOURS[0]])
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
    scale = figure.colorbar(cells, ax=axes, label=label, shrink=0.8)
    for colours in scale.ax.collections:
        colours.set_rasterized(False)  # a page that holds the figure has no pictures
    return axes


def _checked(
    information: ArrayLike, names: Sequence[str] | None
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    entries = np.asarray(information, dtype=np.float64)
    if entries.ndim != 2 or entries.shape[0] != entries.shape[1] or not np.isfinite(entries).all():
        raise ShapeError(f"expected a square matrix of finite numbers, got shape {entries.shape}")
    if names is not None and len(names) != len(entries):
        raise ShapeError(f"expected {len(entries)} names, one a row, got {len(names)}")
    return entries

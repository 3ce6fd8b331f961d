"""What the spectrum of an information matrix says, for people: rank, null directions by name, a drawing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qgeo.geometry.spectra import condition_number, eigenvalues, null_directions, rank
from qgeo.terminal.console import tables

_BARS = "▁▂▃▄▅▆▇█"
_WIDEST_DRAWING = 72
"""Bars; of more eigenvalues each stands for the mean of its neighbours."""
_MOST_DIRECTIONS = 8
_MOST_TERMS = 6
"""Printed; --json has all of them."""
_SHOWN_EIGENVALUES = 12


def spectrum_report(names: list[str], matrix: NDArray[np.float64]) -> dict[str, Any]:
    """For `--json`: eigenvalues, rank, condition number (None of rank 0), null directions by name."""
    condition = condition_number(matrix) if len(matrix) else np.inf
    return {
        "eigenvalues": eigenvalues(matrix).tolist(),
        "rank": rank(matrix),
        "condition_number": condition if np.isfinite(condition) else None,
        "null_directions": null_directions(matrix, names),
    }


def print_spectrum(report: dict[str, Any]) -> None:
    """Eigenvalues in numbers and as bars; rank and condition; which directions nothing depends on."""
    console, values = tables(), report["eigenvalues"]
    shown = " ".join(f"{value:.6g}" for value in values[:_SHOWN_EIGENVALUES])
    more = " …" if len(values) > _SHOWN_EIGENVALUES else ""
    console.print(f"eigenvalues: {shown}{more}; trace {sum(values):.6f}", soft_wrap=True)
    console.print(f"             {bars(np.array(values))}", soft_wrap=True)
    condition = report["condition_number"]
    of_rank = "" if condition is None else f"; largest over smallest of these {condition:.4g}"
    console.print(f"rank {report['rank']} of {len(values)}{of_rank}")
    directions = report["null_directions"]
    if directions:
        named = ", ".join(map(_sum_of, directions[:_MOST_DIRECTIONS]))
        more = (
            f", and {len(directions) - _MOST_DIRECTIONS} more" if len(directions) > _MOST_DIRECTIONS else ""
        )
        console.print(f"without effect here: {named}{more}", soft_wrap=True)


def bars(values: NDArray[np.float64]) -> str:
    """Eigenvalues as bars from zero to the largest.

    >>> bars(np.array([8.0, 4.0, 0.0]))
    '█▄▁'
    """
    groups = np.array_split(values, min(len(values), _WIDEST_DRAWING))
    means = np.array([group.mean() for group in groups])
    heights = means / max(means.max(), np.finfo(float).tiny) * len(_BARS)
    return "".join(_BARS[max(0, int(np.ceil(height)) - 1)] for height in heights)


def _sum_of(direction: dict[str, float]) -> str:
    """As in `a − 0.5·b`: the largest first, with a plus."""
    if len(direction) > _MOST_TERMS:
        return f"a combination of {len(direction)} parameters"
    terms = sorted(direction.items(), key=lambda term: -round(abs(term[1]), 6))
    turned = [(name, value * np.sign(terms[0][1])) for name, value in terms]
    return " ".join(map(_term, turned)).removeprefix("+ ")


def _term(term: tuple[str, float]) -> str:
    name, value = term
    size = "" if np.isclose(abs(value), 1) else f"{abs(value):.3g}·"
    return f"{'−' if value < 0 else '+'} {size}{name}"

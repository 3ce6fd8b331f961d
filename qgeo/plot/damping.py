"""What damping does to a tuned arm: validation loss over the dampings that it was tried with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qgeo.plot.style import LINE_OF_LEGEND, WIDTH, Floats, drawn, pen


@dataclass(frozen=True, eq=False)
class DampingCurve:
    """Trials of one arm.

    Attributes:
        dampings: relative, λ = d · tr F/P, rising; losses: at each the least over the KL that it was tried
            with, NaN where all of these diverged.
        style: the arm's place.
    """

    name: str
    dampings: Floats
    losses: Floats
    style: int = 0


@drawn
def damping_curves(of_arms: Sequence[DampingCurve]) -> Axes:
    """Validation loss against relative damping, each at its best KL: how much an arm needs
    damping to be tuned.

    A flat curve is a metric that damps itself.
    """
    height = 2.8 + LINE_OF_LEGEND * -(-len(of_arms) // 2)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.add_subplot(
        xlabel="relative damping d, λ = d · tr F / P", ylabel="validation loss (nats per token)", xscale="log"
    )
    for curve in of_arms:
        axes.plot(curve.dampings, curve.losses, **pen(curve.style), label=curve.name)
    tried = np.unique(np.concatenate([curve.dampings for curve in of_arms])) if of_arms else np.array([1.0])
    axes.set_xticks(tried, [f"{damping:g}" for damping in tried])
    axes.minorticks_off()
    figure.legend(loc="outside upper left", ncols=2, handlelength=3.2)
    return axes

"""The growth figure: milliseconds of one matrix-free product by gates and by contexts."""

from __future__ import annotations

from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure


def draw_growth(found: dict[str, float], path: Path) -> None:
    """Two log-log panels with guides of slope 1, from figures named "layers L" and "contexts B"."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for panel, what in zip(panels, ("layers", "contexts"), strict=True):
        points = [(int(name.split()[1]), value) for name, value in found.items() if name.startswith(what)]
        sizes, milliseconds = zip(*points, strict=True)
        guide = [milliseconds[-1] * size / sizes[-1] for size in sizes]
        panel.loglog(sizes, guide, color="0.7")
        panel.loglog(sizes, milliseconds, "o-", color="C0")
        panel.set_xlabel(what)
    panels[0].set_ylabel("one product, ms")
    with rc_context({"svg.hashsalt": "growth"}):
        figure.savefig(path, metadata={"Date": None})

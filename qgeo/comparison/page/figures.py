"""The figures of a comparison's page, each with the numbers that it shows, which become a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from qgeo import plot
from qgeo.comparison.page import drawing, series
from qgeo.comparison.page.series import Run
from qgeo.comparison.run_folder import RUN_FILES
from qgeo.plot.style import figure_of

Table = Sequence[Mapping[str, Any]]
"""Rows of one kind, by column."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure and its numbers."""

    figure: Figure
    table: Table

    @property
    def csv(self) -> str:
        """The numbers in full precision, empty where there is none."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.table[0]) if self.table else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.table)
        return text.getvalue()


def draw_figures(run: Run) -> dict[str, Drawing]:
    """Figures by file name; those without anything to show are left out."""
    beside = series.levels_beside_validation(run.results)
    over_time = series.curves(run, over_seconds=True)
    losses = {
        "loss-over-steps": (series.curves(run), "training step", "linear"),
        "loss-over-seconds": (over_time, "training time (seconds)", _scale(over_time)),
        "loss-over-circuits": (series.circuit_curves(run), "circuits since the start", "log"),
        "loss-over-shots": (series.shot_curves(run), "shots since the start", "log"),
        "loss-over-noise": (series.noise_curves(run), "depolarizing probability of a two-qubit gate", "log"),
    }
    drawn = {
        name: Drawing(figure_of(plot.curves(of_arms, beside, axis=axis, scale=scale)), _curve_table(of_arms))
        for name, (of_arms, axis, scale) in losses.items()
        if of_arms
    }
    rows = series.final_rows(run)
    drawn["final-losses"] = Drawing(
        figure_of(plot.losses(rows, series.levels(run.results))), _row_table(rows)
    )
    return drawn | _contrast_drawings(run) | _matrix_drawings(run)


def svg_documents(drawn: Mapping[str, Drawing]) -> dict[str, str]:
    """The text of every figure's SVG file, by the figure's name."""
    return {name: drawing.svg_document(each.figure) for name, each in drawn.items()}


def figure_files(drawn: Mapping[str, Drawing], documents: Mapping[str, str], folder: Path) -> list[Path]:
    """Write NAME.svg, from its document, NAME.pdf and NAME.csv for each; each file appears by a rename."""
    RUN_FILES.make_folder(folder)
    paths = []
    for name, each in drawn.items():
        files = {
            "svg": documents[name].encode(),
            "pdf": drawing.saved(each.figure, "pdf"),
            "csv": each.csv.encode(),
        }
        for form, content in files.items():
            RUN_FILES.write_bytes(folder / f"{name}.{form}", content)
            paths.append(folder / f"{name}.{form}")
    return paths


def _contrast_drawings(run: Run) -> dict[str, Drawing]:
    drawn = {}
    races = "drop by a step of the arm in that by one of its reference"
    kinds = {
        "verdict-intervals": (series.contrasts(run), endpoint_axis(run.protocol)),
        "race-intervals": (series.race_contrasts(run), races),
    }
    for name, (contrasts, axis) in kinds.items():
        if contrasts:
            drawn[name] = Drawing(figure_of(plot.forest(contrasts, axis)), _contrast_table(contrasts))
    if rows := series.difference_rows(run):
        axes = plot.differences(rows, run.results["reference"])
        drawn["paired-differences"] = Drawing(figure_of(axes), _row_table(rows))
    return drawn


def _matrix_drawings(run: Run) -> dict[str, Drawing]:
    drawn = {}
    if damped := series.damping_curves(run):
        drawn["damping"] = Drawing(figure_of(plot.damping_curves(damped)), _damping_table(damped))
    if panels := series.panels(run):
        drawn["spectra"] = Drawing(figure_of(plot.spectra(panels)), _spectrum_table(panels))
    if kept := series.filters(run):
        drawn["filter"] = Drawing(figure_of(plot.filters(kept)), _filter_table(kept))
    return drawn


def endpoint_axis(protocol: Mapping[str, Any]) -> str:
    """What the forest plot's axis is called."""
    name = protocol["primary_endpoint"]
    if protocol["endpoint_scale"] is None:
        return f"{name} minus the reference’s, in units of {protocol['endpoint_unit']:.3g} nats per token"
    return f"{name} minus the reference’s"


def _scale(curves: Sequence[plot.Curve]) -> Any:
    """A logarithmic axis where arms take times that differ tenfold."""
    ends = [curve.x[np.isfinite(curve.x)].max(initial=0) for curve in curves]
    return "log" if min(ends, default=0) > 0 and max(ends) > 10 * min(ends) else "linear"


def _curve_table(curves: Sequence[plot.Curve]) -> Table:
    return [
        {"arm": curve.name, "index": index, "x": x, "loss": None if np.isnan(loss) else loss}
        for curve in curves
        for index, losses in enumerate(curve.losses.tolist())
        for x, loss in zip(curve.x.tolist(), losses, strict=True)
    ]


def _row_table(rows: Sequence[plot.Row]) -> Table:
    return [
        {"arm": row.name, "index": index, "value": value, "mean": row.interval.mean}
        | {"ci_low": row.interval.ci_low, "ci_high": row.interval.ci_high}
        for row in rows
        for index, value in enumerate(row.values)
    ]


def _contrast_table(rows: Sequence[plot.ContrastRow]) -> Table:
    return [
        {"arm": row.name, "under": row.under, "role": row.role, "estimate": row.wide.mean}
        | {"ci95_low": row.wide.ci_low, "ci95_high": row.wide.ci_high}
        | {"ci90_low": row.narrow.ci_low, "ci90_high": row.narrow.ci_high}
        | {"margin": row.margin, "predicted": row.predicted}
        for row in rows
    ]


def _damping_table(curves: Sequence[plot.DampingCurve]) -> Table:
    return [
        {"arm": curve.name, "damping": damping, "loss": None if np.isnan(loss) else loss}
        for curve in curves
        for damping, loss in zip(curve.dampings.tolist(), curve.losses.tolist(), strict=True)
    ]


def _spectrum_table(panels: Sequence[plot.Spectrum]) -> Table:
    return [
        {"arm": panel.name, "place": place, "quantum": quantum, "classical": classical}
        for panel in panels
        for place, (quantum, classical) in enumerate(
            zip(panel.quantum.tolist(), panel.classical.tolist(), strict=True), 1
        )
    ]


def _filter_table(kept: Sequence[plot.Filter]) -> Table:
    return [
        {"arm": each.name, "place": place, "mu": mu}
        for each in kept
        for place, mu in enumerate(each.kept.tolist(), 1)
    ]

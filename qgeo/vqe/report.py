"""report.html of a minimization: its energies, what they cost, where it ended; a page without requests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from qgeo.comparison.page import drawing
from qgeo.comparison.page.report import page_environment
from qgeo.comparison.run_folder import RUN_FILES
from qgeo.plot.energies import energies, step_angles
from qgeo.plot.style import figure_of
from qgeo.vqe.minimization import Record

_CAPTIONS = {
    "energies": "Energy over steps",
    "energies-over-circuits": "Energy over circuits",
    "angles": "Angle between the steps and plain descent",
}


def write_report(path: Path, result: dict[str, Any], records: Sequence[Record]) -> None:
    """Figures as SVG and PDF, then report.html, each complete or not at all.

    Raises:
        RunFolderError: the folder cannot be written.
    """
    inline = {}
    for name, axes in _drawn(result, records).items():
        document = drawing.svg_document(figure_of(axes))
        RUN_FILES.write_text(path / f"{name}.svg", document)
        RUN_FILES.write_bytes(path / f"{name}.pdf", drawing.saved(figure_of(axes), "pdf"))
        inline[name] = Markup(drawing.inline_svg(document, name, f"{_CAPTIONS[name]}; see energies.csv"))
    RUN_FILES.write_text(path / "report.html", _page(result, records, inline))


def _drawn(result: dict[str, Any], records: Sequence[Record]) -> dict[str, Any]:
    points = np.array([(each.step, each.circuits, each.exact) for each in records])
    steps, circuits, energy = points.T
    ground = result["ground_energy"]
    figures = {
        "energies": energies(steps, energy, ground=ground),
        "energies-over-circuits": energies(circuits, energy, axis=_circuits(result), ground=ground),
    }
    if any(each.angle is not None for each in records):
        figures["angles"] = step_angles(steps, [each.angle for each in records])
    return figures


def _circuits(result: dict[str, Any]) -> str:
    return "circuits, ungrouped" if result["stderr"] is None else "circuits"


def _page(result: dict[str, Any], records: Sequence[Record], figures: dict[str, Markup]) -> str:
    environment = page_environment(Path(__file__).parent)
    shown = [records[place] for place in np.unique(np.linspace(0, len(records) - 1, 12).round().astype(int))]
    template = environment.get_template("energy.html.j2")
    return template.render(result, figures=figures, captions=_CAPTIONS, shown=shown)

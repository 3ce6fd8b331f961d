"""Several runs on one page: what each says, its verdicts in one forest plot, losses of arms that they share.

runs  →  PAGE.html     complete or not at all
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from qgeo.comparison.page import drawing, series
from qgeo.comparison.page.entries import is_confirmatory
from qgeo.comparison.page.figures import endpoint_axis
from qgeo.comparison.page.report import page_environment
from qgeo.comparison.page.series import Run, read_run
from qgeo.comparison.run_folder import write_atomically
from qgeo.errors import ConfigurationError
from qgeo.plot import ContrastRow, forest
from qgeo.plot.style import figure_of


@dataclass(frozen=True, eq=False)
class Column:
    """A run on the page: what it is called there, and what it holds."""

    label: str
    run: Run

    @property
    def losses(self) -> dict[str, dict[str, Any]]:
        """Final loss of each arm."""
        return {arm["name"]: arm["final_loss"] for arm in self.run.arms}

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        """Those that are confirmatory."""
        return [dict(entry) for entry in self.run.results["verdicts"] if is_confirmatory(entry)]


def write_side_by_side(folders: Sequence[Path], page: Path) -> Path:
    """Write one page on several finished runs.

    Raises:
        ConfigurationError: the page exists. RunFolderError: a run is not finished, or damaged.
    """
    if page.exists():
        raise ConfigurationError(
            f"expected a new file for the page, got {page}, which exists; choose another"
        )
    columns = [Column(str(folder), read_run(folder)) for folder in folders]
    write_atomically(page, render(columns))
    return page


def render(columns: Sequence[Column]) -> str:
    """The page."""
    names = dict.fromkeys(name for column in columns for name in column.losses)
    forests = {
        axis: Markup(
            drawing.inline_svg(drawing.svg_document(figure_of(forest(rows, axis))), f"forest-{place}", axis)
        )
        for place, (axis, rows) in enumerate(_forests(columns).items())
    }
    template = page_environment().get_template("side_by_side.html.j2")
    return template.render(columns=columns, names=list(names), forests=forests)


def _forests(columns: Sequence[Column]) -> dict[str, list[ContrastRow]]:
    """Rows by axis: runs whose endpoints differ are in different plots."""
    rows: dict[str, list[ContrastRow]] = {}
    for place, column in enumerate(columns):
        run = column.run
        for row in series.contrasts(run):
            if row.role == "confirmatory":
                of_run = replace(row, under=column.label, style=place)
                rows.setdefault(_axis(run), []).append(of_run)
        for row in series.race_contrasts(run):
            if row.role == "confirmatory":
                under = f"{row.under}, {column.label}"
                rows.setdefault(_RACE, []).append(replace(row, under=under, style=place))
    return rows


_RACE = "race: drop by a step of the arm in that by one of its reference"


def _axis(run: Run) -> str:
    return endpoint_axis(run.protocol)

"""`qgeo report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders of finished comparisons.", metavar="RUN...")
    ],
    out: Annotated[
        Path, typer.Option(help="The page on several runs, a new file; of one run it is its report.html.")
    ] = Path("side-by-side.html"),
) -> None:
    """Write the report of a finished comparison anew, or one page on several of them.

    One RUN: its figures and report.html, from results.json and its records, which stay as they are.
    Several: their answers, verdicts and losses side by side.
    """
    from qgeo.terminal.comparison import rebuild_report, report_side_by_side
    from qgeo.terminal.progress import saying

    with saying("drawing"):
        page = rebuild_report(runs[0]) if len(runs) == 1 else report_side_by_side(runs, out)
    typer.echo(f"report: {page}")

"""report.html of a study: claim, theorem, method, answer, checks, limits, figures, in the comparison's look.

    results.json, drawings → figures/*.svg, *.pdf, report.html

Self-contained as a comparison's report is; rows.jsonl beside it holds every number that is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from qgeo.comparison.page import drawing
from qgeo.comparison.page.report import indices, page_environment
from qgeo.comparison.run_folder import write_atomically
from qgeo.plot.style import figure_of
from qgeo.studies.study import Drawing, Row, Study

PAGE = "report.html"


def write_page(path: Path, study: Study, summary: Row, drawings: Sequence[Drawing]) -> None:
    """Figures, then the page, each complete or not at all.

    Raises:
        RunFolderError: the folder cannot be written.
    """
    inline = {each.name: _figure(path, each) for each in drawings}
    template = _environment().get_template("study.html.j2")
    page = template.render(summary, study=study, figures=inline, drawings=drawings)
    write_atomically(path / PAGE, page)


def _figure(path: Path, each: Drawing) -> Markup:
    """The figure's files, and the element for the page."""
    figure = figure_of(each.axes)
    document = drawing.svg_document(figure)
    write_atomically(path / "figures" / f"{each.name}.svg", document)
    (path / "figures" / f"{each.name}.pdf").write_bytes(drawing.saved(figure, "pdf"))
    return Markup(drawing.inline_svg(document, each.name, f"{each.caption} The numbers are in rows.jsonl."))


def _environment() -> Environment:
    environment = page_environment(Path(__file__).parent)
    environment.filters["prose"] = prose
    return environment


def prose(text: str) -> Markup:
    """Paragraphs parted by blank lines; one that is indented is a formula.

    >>> prose("It holds:\\n\\n    F_C ⪯ F_Q")
    Markup('<p>It holds:</p>\\n<pre tabindex="0">F_C ⪯ F_Q</pre>')
    """
    return Markup("\n").join(_paragraph(part) for part in text.strip("\n").split("\n\n") if part.strip())


def _paragraph(part: str) -> Markup:
    if part.startswith("    "):
        lines = "\n".join(line.removeprefix("    ") for line in part.splitlines())
        return Markup('<pre tabindex="0">{}</pre>').format(lines)
    return Markup("<p>{}</p>").format(indices(" ".join(part.split())))

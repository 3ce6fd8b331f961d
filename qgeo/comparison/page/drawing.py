"""How figures are drawn and kept: one style, one pen per arm, inline SVG and files, the same bytes each time.

An arm keeps its colour, dashes and marker in every figure: each of the three alone tells neighbours apart, in
greyscale too (colours after Okabe and Ito 2008). There is no pyplot and no global state.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from html import escape
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib
from matplotlib.figure import Figure

from qgeo.comparison.run_folder import RUN_FILES

P = ParamSpec("P")

INK, FAINT, RULE, PAPER = "#22262b", "#6a7078", "#d8dbdf", "#ffffff"
ARM_COLOURS = ("#0072b2", "#d55e00", "#00916a", "#b04a8a", "#b98300", "#3f9bd8", "#5b6068", "#8a5a3c")
ARM_DASHES = ("-", (0, (6, 1.6)), (0, (1.4, 1.2)), (0, (7, 1.6, 1.4, 1.6)), (0, (3, 1.6)))
ARM_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
WIDTH = 5.4
"""Of a figure, inches."""
INLINE_COLOURS = {
    INK: "currentColor",
    FAINT: f"var(--faint, {FAINT})",
    RULE: f"var(--rule, {RULE})",
    PAPER: f"var(--paper, {PAPER})",
} | {colour: f"var(--arm-{index}, {colour})" for index, colour in enumerate(ARM_COLOURS)}
"""What a drawn colour becomes inside a page, so that the page's light and dark schemes decide."""

_STYLE: Any = (
    dict.fromkeys(("font.size", "axes.titlesize", "legend.fontsize"), 10)
    | dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK)
    | dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), FAINT)
    | dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width"), 0.7)
    | dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon", "text.parse_math"), False)
    | dict.fromkeys(("axes.facecolor", "figure.facecolor"), "none")
    | {"font.family": ["DejaVu Sans"], "lines.linewidth": 1.6, "lines.markersize": 4.5}
    | {"svg.fonttype": "none", "svg.hashsalt": "qgeo", "pdf.fonttype": 42}
    | {"figure.dpi": 72, "text.hinting": "no_hinting"}  # text as wide when laid out as when drawn
)


@contextmanager
def _style() -> Iterator[None]:
    """Our settings, whatever the caller's matplotlib settings are, which come back afterwards."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def drawn(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw under our style and freeze the layout."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with _style():
            figure = draw(*args, **kwargs)
            if figure.get_layout_engine() is not None:
                figure.draw_without_rendering()
                figure.set_layout_engine(None)
            return figure

    return styled


def pen(index: int) -> dict[str, Any]:
    """Colour, dashes and marker of the arm at this place in a comparison; the first 280 differ."""
    names = {"color": ARM_COLOURS, "linestyle": ARM_DASHES, "marker": ARM_MARKERS}
    return {name: choices[index % len(choices)] for name, choices in names.items()}


def svg_document(figure: Figure) -> str:
    """The figure as the text of an SVG file, which `inline_svg` makes an element of."""
    return _saved(figure, "svg").decode("utf-8")


def inline_svg(document: str, name: str, label: str) -> str:
    """The <svg> element of a page from a figure's SVG file.

    Args:
        document: from `svg_document`.
        name: prefix of every id, unique in the page. label: what a screen reader says, "" to be passed over.

    Text and axes take the colour and font of the surrounding text, arms the page's --arm-0 … --arm-7. The
    element refers to nothing outside itself.
    """
    opening, body = re.split(r"<defs>\s*<style.*?</style>\s*</defs>", document, maxsplit=1)
    box = opening.partition('viewBox="')[2].partition('"')[0]
    body = re.sub(r"; font-family: [^;\"]*", "", body)
    for written, inline in {
        'id="': f'id="{name}-',
        "url(#": f"url(#{name}-",
        'xlink:href="#': f'href="#{name}-',
        **INLINE_COLOURS,
    }.items():
        body = body.replace(written, inline)
    role = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return f'<svg {role} viewBox="{box}" stroke-linejoin="round">{body.strip()}'


def figure_files(figures: Mapping[str, Figure], documents: Mapping[str, str], folder: Path) -> list[Path]:
    """Write NAME.svg, from its document, and NAME.pdf for each figure; each file appears by a rename."""
    RUN_FILES.make_folder(folder)
    paths = []
    for name, figure in figures.items():
        files = {"svg": documents[name].encode("utf-8"), "pdf": _saved(figure, "pdf")}
        for form, content in files.items():
            RUN_FILES.write_bytes(folder / f"{name}.{form}", content)
            paths.append(folder / f"{name}.{form}")
    return paths


def _saved(figure: Figure, form: str) -> bytes:
    """The figure as a file without dates and versions."""
    absent = {"svg": ("Date", "Creator", "Format", "Type"), "pdf": ("CreationDate", "Creator", "Producer")}
    buffer = io.BytesIO()
    with _style():
        figure.savefig(buffer, format=form, metadata=dict.fromkeys(absent[form]))
    return buffer.getvalue()

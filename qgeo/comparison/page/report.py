"""report.html: one self-contained page that says what a run folder found, and its figures as files.

    results.json + records.jsonl + timings.jsonl + config.toml  →  figures/*.svg, *.pdf, *.csv, report.html

The page asks for nothing from elsewhere: no script, font, image or link; a content security policy says so
too. Every string is escaped, and control characters of a corpus are shown, not obeyed. The text is in
`report.html.j2` and the sections that it includes, the look in `report.css`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import count
from math import isfinite, log2
from pathlib import Path
from statistics import median

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from qgeo.comparison.page import drawing, tables
from qgeo.comparison.page.entries import (
    confirmatory_first,
    counted,
    is_confirmatory,
    is_race,
    made_of,
    runs_per_unit,
)
from qgeo.comparison.page.figures import draw_figures, figure_files, svg_documents
from qgeo.comparison.page.series import Run, read_run
from qgeo.comparison.page.words import WORDS
from qgeo.comparison.run_folder import RunFolder, write_atomically
from qgeo.comparison.shadow_race import FIRST_ORDER_KL
from qgeo.comparison.training import OTHER_CONTEXTS
from qgeo.optim.realised_kl import TOLERANCE
from qgeo.plot.style import figure_of, swatch
from qgeo.tasks.text import OTHER

FEWEST_SEEDS = 10
"""Below it the page of a run without replicates says that no conclusion should be drawn."""

MOST_SETTINGS = 4
"""Of an arm's chosen settings, that are written out."""

_CAPTIONS = {
    "loss-over-steps": "Validation loss over training steps",
    "loss-over-seconds": "Validation loss over training time",
    "loss-over-circuits": "Validation loss over circuits",
    "loss-over-shots": "Validation loss over shots",
    "loss-over-noise": "Trained heads under depolarizing noise",
    "verdict-intervals": "Arms against their references, at the primary endpoint",
    "race-intervals": "The race: ratios of drops by steps of equal KL divergence",
    "final-losses": "Test loss after the last step, per arm",
    "paired-differences": "Difference from the reference arm, paired",
    "damping": "Validation loss over damping, at each arm’s best KL divergence",
    "filter": "The readout as a filter: what it keeps of the quantum Fisher information, by direction",
    "spectra": "Eigenvalues of the quantum and the classical Fisher information",
}
_CONTENTS = {
    "compared": "What was compared",
    "verdicts": "Verdicts",
    "arms": "Arms",
    "figures": "Figures",
    "bars": "Bars and floor",
    "agreement": "Agreement with Aer",
    "samples": "What the heads write",
    "protocol": "Protocol",
    "words": "Words",
    "repeat": "To repeat it",
}
"""Sections by their id, as the contents list has them."""

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_LINE_BREAKS = {"\n": "↵\n", "\r": "␍", "\t": "⇥\t"}


def write_report(folder: Path) -> Path:
    """Write figures/ and then report.html, which appears complete or not at all.

    Args:
        folder: a run folder with results.json, records.jsonl, timings.jsonl and config.toml.

    Raises:
        RunFolderError: a file is missing or damaged.
    """
    run = read_run(folder)
    drawn = draw_figures(run)
    documents = svg_documents(drawn)
    figure_files(drawn, documents, folder / "figures")
    write_atomically(RunFolder(folder).report, render(run, documents))
    return RunFolder(folder).report


def render(run: Run, documents: Mapping[str, str]) -> str:
    """The page, around the SVG files of its figures."""
    inline = {
        name: Markup(drawing.inline_svg(document, name, f"{_CAPTIONS[name]}; the numbers are in the tables."))
        for name, document in documents.items()
    }
    swatches = [drawing.svg_document(figure_of(swatch(place))) for place in range(len(run.arms))]
    marks = count()
    return (
        page_environment()
        .get_template("report.html.j2")
        .render(
            run.results,
            config=run.config,
            figures=inline,
            captions=_CAPTIONS,
            contents=_CONTENTS,
            words=WORDS,
            swatch=lambda place: Markup(drawing.inline_svg(swatches[place], f"mark-{next(marks)}", "")),
            ordered_verdicts=confirmatory_first(run.results["verdicts"]),
            place_of={arm["name"]: place for place, arm in enumerate(run.arms)},
            size=runs_per_unit(run.protocol),
            seconds=tables.seconds(run),
            circuit_counts=tables.circuit_counts(run),
            tuning=tables.tuning_rows(run),
            steps=tables.step_rows(run),
            fewest_seeds=FEWEST_SEEDS,
            most_settings=MOST_SETTINGS,
            other_contexts=OTHER_CONTEXTS,
            kl_tolerance=TOLERANCE,
            first_order_kl=FIRST_ORDER_KL,
            other=OTHER,
        )
    )


def page_environment(*places: Path) -> Environment:
    """Templates of some folders and this one, which escape everything, with what they format numbers by."""
    environment = Environment(
        loader=FileSystemLoader([*places, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "signed": lambda value: number(value, signed=True),
        "grouped": grouped,
        "scientific": scientific,
        "whitespace": visible_whitespace,
        "median": median,
        "minus": lambda text: re.sub(r"(?<![\w.])-(?=\d)", "−", text),
        "indices": indices,
        "breakable": lambda name: escape(name).replace("+", Markup("+<wbr>")).replace("@", Markup("<wbr>@")),
        "printable": printable,
        "bits": lambda nats: nats * log2(np.e),
        "counted": counted,
        "made_of": made_of,
        "ranged": ranged,
    }
    environment.tests |= {"confirmatory": is_confirmatory, "race": is_race}
    return environment


def number(value: float | None, digits: int = 4, *, signed: bool = False) -> str:
    """A number with a true minus sign; an en dash where there is none.

    >>> number(-0.5, 2), number(0.5, 2, signed=True), number(None)
    ('−0.50', '+0.50', '–')
    """
    if value is None or not isfinite(value):
        return "–"
    return f"{value:{'+' if signed else ''}.{digits}f}".replace("-", "−")


def grouped(value: float) -> str:
    """An integer with narrow spaces between groups of three; up to 9999 without."""
    return f"{value:,.0f}".replace(",", "\u202f") if abs(value) > 9999 else f"{value:.0f}"


def ranged(numbers: Sequence[int]) -> str:
    """Neighbours as a range.

    >>> ranged([0, 1, 2, 3]), ranged([0, 1]), ranged([3, 7])
    ('0 to 3', '0, 1', '3, 7')
    """
    first, last = numbers[0], numbers[-1]
    if len(numbers) > 2 and list(numbers) == list(range(first, last + 1)):
        return f"{first} to {last}"
    return ", ".join(map(str, numbers))


def scientific(value: float) -> str:
    """Two digits and a power of ten.

    >>> scientific(3.14e-12), scientific(0)
    ('3.1 × 10⁻¹²', '0')
    """
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def indices(text: str) -> Markup:
    """Escaped text with single letters after an underscore as subscripts.

    >>> str(indices("F_Q > 0"))
    'F<sub>Q</sub> &gt; 0'
    """
    return Markup(re.sub(r"_([A-Za-z])\b", r"<sub>\1</sub>", str(escape(text))))


def printable(text: str) -> str:
    """Text whose control, format and surrogate characters are pictures of themselves, except line ends."""
    return "".join(
        c if c == "\n" or not unicodedata.category(c).startswith("C") else _picture(c) for c in text
    )


def visible_whitespace(text: str) -> Markup:
    """Escaped text in which spaces, line ends and tabs have faint marks.

    >>> str(visible_whitespace("a <b>"))
    'a<i>·</i>&lt;b&gt;'
    """
    pieces = []
    for character in text:
        if character == " ":
            pieces.append(Markup("<i>·</i>"))
        elif character in _LINE_BREAKS:
            pieces.append(Markup("<i>{}</i>").format(_LINE_BREAKS[character]))
        else:
            pieces.append(escape(printable(character)))
    return Markup("").join(pieces)


def _picture(character: str) -> str:
    code = ord(character)
    return chr(0x2400 + code) if code < 0x20 else f"⟨U+{code:04X}⟩"

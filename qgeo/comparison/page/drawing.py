"""Figures as files and as parts of a page: SVG and PDF, inline SVG, the same bytes each time."""

from __future__ import annotations

import io
import re
from html import escape

from matplotlib.figure import Figure

from qgeo.plot.style import ARM_COLOURS, FAINT, INK, PAPER, RULE, style

INLINE_COLOURS = {
    INK: "currentColor",
    FAINT: f"var(--faint, {FAINT})",
    RULE: f"var(--rule, {RULE})",
    PAPER: f"var(--paper, {PAPER})",
} | {colour: f"var(--arm-{index}, {colour})" for index, colour in enumerate(ARM_COLOURS)}
"""What a drawn colour becomes inside a page, so that the page's light and dark schemes decide."""


def svg_document(figure: Figure) -> str:
    """The figure as the text of an SVG file, which `inline_svg` makes an element of."""
    return saved(figure, "svg").decode("utf-8")


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


def saved(figure: Figure, form: str) -> bytes:
    """The figure as a file without dates and versions."""
    absent = {"svg": ("Date", "Creator", "Format", "Type"), "pdf": ("CreationDate", "Creator", "Producer")}
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=form, metadata=dict.fromkeys(absent[form]))
    return buffer.getvalue()

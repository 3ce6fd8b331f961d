"""Docstrings as they stand in the code, made into what Sphinx reads.

Ours are plain text for people in an editor: single backticks for code, formulas and tables as indented or
aligned lines, |ψ⟩ and F* with no meaning but their own. reStructuredText gives these signs meanings; so text
is escaped, and what is indented or aligned becomes a literal block. Sections (`Args:` …) go on to Napoleon,
examples (`>>>`) to doctest blocks.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

from sphinx.ext.napoleon import Config, GoogleDocstring

_NAPOLEON = Config(napoleon_use_rtype=False)
_SECTION = re.compile(r"(Args|Returns|Raises|Yields|Attributes):$")
_HEADS = {"Attributes:": "Args:"}
"""Attributes of data classes are what they are made with; Napoleon would document them twice."""
_ALIGNED = re.compile(r"\S {3,}\S")
_CODE = re.compile(r"(``?)([^`]+?)\1")
_SIGNS = re.compile(r"([*|\\_`])")


def to_rst(lines: list[str]) -> list[str]:
    """A docstring's lines, without common indentation, as reStructuredText with Google's sections.

    >>> to_rst(["a* of `b`"])
    ['a\\\\* of ``b``', '']
    """
    return [line for paragraph in _paragraphs(lines) for line in [*_paragraph(paragraph), ""]]


def _paragraphs(lines: list[str]) -> Iterator[list[str]]:
    """Runs of lines without an empty one; outside sections a change of depth ends a run, too."""
    rest = list(lines)
    while rest:
        if not rest[0].strip():
            rest.pop(0)
            continue
        paragraph = [*_first(rest)]
        del rest[: len(paragraph)]
        yield paragraph


def _first(lines: list[str]) -> Iterator[str]:
    full = takewhile(str.strip, lines)
    if _SECTION.match(lines[0]) or lines[0].startswith((">>>", "- ")):
        return full
    is_deep = lines[0].startswith(" ")
    return takewhile(lambda line: line.startswith(" ") == is_deep, full)


def _paragraph(lines: list[str]) -> list[str]:
    if lines[0].startswith(">>>"):
        return lines
    if _SECTION.match(lines[0]):
        return [_HEADS.get(lines[0], lines[0]), *_text(_indented(lines[1:]))]
    if lines[0].startswith(" ") or any(map(_ALIGNED.search, lines)):
        return ["::", "", *(f"    {line}" for line in lines)]
    return _text(lines)


def _indented(items: list[str]) -> list[str]:
    """Of a docstring that begins with a section, where indentation was taken for that of the whole."""
    return items if items[0].startswith(" ") else [f"    {item}" for item in items]


def _text(lines: list[str]) -> list[str]:
    """Prose with code as code, which may go over the end of a line, and every other sign as itself."""
    text = "\n".join(lines)
    pieces, end = [], 0
    for code in _CODE.finditer(text):
        pieces += [_escaped(text[end : code.start()]), _literal(text, code)]
        end = code.end()
    return "".join([*pieces, _escaped(text[end:])]).split("\n")


def _escaped(text: str) -> str:
    return _SIGNS.sub(r"\\\1", text)


def _literal(text: str, code: re.Match[str]) -> str:
    """``code``, set off by escaped spaces where letters touch it."""
    before = "" if code.start() == 0 or text[code.start() - 1] in " \n([{-/—–" else "\\ "
    after = "" if code.end() == len(text) or text[code.end()] in " \n.,;:!?)]}-/—–'" else "\\ "
    return f"{before}``{' '.join(code[2].split())}``{after}"


def _process(_app: Any, what: str, _name: str, described: Any, _options: Any, lines: list[str]) -> None:
    """Sections are Napoleon's, where there may be any: of an attribute it would take the text up to a colon
    as a type. A routine of somebody else's that a class of ours holds stays without a text."""
    if inspect.isroutine(described) and not str(described.__module__).startswith("qgeo"):
        lines.clear()
    elif what in ("attribute", "data", "property"):
        lines[:] = to_rst(lines)
    else:
        lines[:] = str(GoogleDocstring(to_rst(lines), _NAPOLEON, what=what)).splitlines()


def setup(app: Any) -> dict[str, Any]:
    """For every docstring that autodoc reads."""
    app.connect("autodoc-process-docstring", _process)
    return {"parallel_read_safe": True}

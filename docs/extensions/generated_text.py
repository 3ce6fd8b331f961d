"""Puts texts that are made from the program into pages that say `<!-- made by make docs: NAME -->`.

On a code host such a page has its introduction alone, and says where the rest is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from docs.extensions import api_pages, command_reference, configuration_reference, error_sentences

TEXTS: dict[str, Callable[[], str]] = {
    "api": api_pages.list_of_pages,
    "commands": command_reference.markdown,
    "configuration": configuration_reference.markdown,
    "errors": error_sentences.markdown,
}
_PLACE = re.compile(r"<!-- made by make docs: (\w+) -->")


def filled_in(text: str, texts: dict[str, Callable[[], str]] = TEXTS) -> str:
    """A page with every place filled.

    >>> filled_in("<!-- made by make docs: it -->", {"it": lambda: "this"})
    'this'
    """
    return _PLACE.sub(lambda place: texts[place[1]](), text)


def _read(_app: Any, _page: str, source: list[str]) -> None:
    source[0] = filled_in(source[0])


def setup(app: Any) -> dict[str, Any]:
    """When a page is read."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}

"""Blocks without a language are text: Sphinx would colour command lines and formulas as Python."""

from __future__ import annotations

from typing import Any


def _mark(_app: Any, document: Any) -> None:
    from docutils import nodes

    for block in document.findall(nodes.literal_block):
        block.setdefault("language", "text")


def setup(app: Any) -> dict[str, Any]:
    """When a page has been read; examples of docstrings are blocks of another kind and keep their colours."""
    app.connect("doctree-read", _mark)
    return {"parallel_read_safe": True}

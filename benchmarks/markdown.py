"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def section(title: str, remark: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a heading, a sentence and a table."""
    return [f"\n## {title}\n", f"{remark}.\n", *table(header, rows)]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [_line(header), _line(["---"] * len(header)), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"

"""The command lines that stand on pages: the examples of the command reference."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(?:\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_CONTINUED = re.compile(r" *\\\n *")


@dataclass(frozen=True)
class Example:
    """A line that begins with qgeo, without its comment, and the page it stands on, from the root."""

    line: str
    page: str

    @property
    def words(self) -> list[str]:
        """Of the line, behind `qgeo`."""
        return self.line.split()[1:]


def examples_of(text: str, page: str) -> list[Example]:
    """Those in fenced blocks of a page; lines that go on behind a backslash are joined.

    >>> examples_of("```\\nqgeo doctor   # all of it\\n```\\n", "a.md")
    [Example(line='qgeo doctor', page='a.md')]
    """
    lines = [line for block in _BLOCK.findall(text) for line in _CONTINUED.sub(" ", block).splitlines()]
    plain = (re.sub(r" +# .*$", "", line.removeprefix("yours$ ")).rstrip() for line in lines)
    return [Example(line, page) for line in plain if line.startswith("qgeo ")]


def examples(root: Path = ROOT) -> list[Example]:
    """All lines of README.md and docs/, each once."""
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    found: dict[str, Example] = {}
    for path in pages:
        for example in examples_of(path.read_text(encoding="utf-8"), path.relative_to(root).as_posix()):
            found.setdefault(example.line, example)
    return list(found.values())


def by_command(given: list[Example], commands: set[tuple[str, ...]]) -> dict[tuple[str, ...], list[Example]]:
    """Examples of each command, the longest name that a line begins with."""
    sorted_out = defaultdict(list)
    for example in given:
        names = (tuple(example.words[:length]) for length in (2, 1))
        if command := next((name for name in names if name in commands), None):
            sorted_out[command].append(example)
    return dict(sorted_out)

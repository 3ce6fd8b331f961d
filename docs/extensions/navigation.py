"""What stands in the site's sidebar, in order: hidden lists of pages behind the first page, README.md.

Pages that are not named here are an error of the build ("document isn't included in any toctree").
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_ELSEWHERE = {"benchmarks/by_hand"}  # a part of benchmarks/README.md
_LINK = re.compile(r"\[([^\]\n]+)\]\(([^)#:\s]+)\)")

SECTIONS: dict[str, tuple[str, ...]] = {
    "Getting started": (
        "docs/start/simulators",
        "docs/start/hardware",
        "docs/start/tutorials",
        "docs/concepts",
        "docs/contents",
    ),
    "How to": (
        "docs/compare",
        "docs/own_circuit",
        "docs/heads",
        "docs/energies",
        "docs/imaginary_time",
        "docs/shots",
        "docs/hardware",
        "docs/cluster",
        "docs/simulation",
        "docs/gpu",
        "docs/interop",
        "docs/configuration",
        "docs/extending",
        "docs/troubleshooting",
    ),
    "Tutorials": ("tutorials/README", "tutorials/[0-9]*"),
    "Reference": (
        "docs/reference/api",
        "docs/reference/commands",
        "docs/reference/configuration",
        "CONVENTIONS",
    ),
    "Results": ("RESULTS", "results/*/README", "circuits/*"),
    "Benchmarks": ("benchmarks/README", "benchmarks/*"),
    "Project": (
        "CONTRIBUTING",
        "CHANGELOG",
        "*",
        "tests/*",
        "tests/hardware/README",
        "qgeo/tasks/texts/README",
    ),
}
"""Where a pattern stands: all pages there that no other place names."""
_NAMED = {"README"} | {page for pages in SECTIONS.values() for page in pages}


def toctree(caption: str, pages: tuple[str, ...]) -> str:
    """A hidden list of pages in MyST."""
    entries = "\n".join(f"/{page}" for entry in pages for page in _pages_of(entry))
    return f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```"


def _pages_of(entry: str) -> list[str]:
    if "*" not in entry:
        return [entry]
    paths = [path for path in ROOT.glob(f"{entry}.*") if path.suffix in (".md", ".ipynb")]
    return sorted({path.relative_to(ROOT).with_suffix("").as_posix() for path in paths} - _NAMED - _ELSEWHERE)


def with_navigation(text: str) -> str:
    """The first page with all lists behind it."""
    return "\n\n".join([text, *(toctree(caption, pages) for caption, pages in SECTIONS.items())]) + "\n"


def without_folders(text: str, place: Path) -> str:
    """A page in which links to folders, which a code host lists, are text; `place` is where the page lies."""

    def plain(link: re.Match[str]) -> str:
        return link[1] if (place / link[2]).is_dir() else link[0]

    return _LINK.sub(plain, text)


def _read(app: Any, page: str, source: list[str]) -> None:
    source[0] = without_folders(source[0], Path(app.env.doc2path(page)).parent)
    if page == app.config.root_doc:
        source[0] = with_navigation(source[0])


def setup(app: Any) -> dict[str, Any]:
    """The first page's text gets the lists when it is read."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}

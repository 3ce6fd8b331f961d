"""What stands in the site's sidebar, in order: hidden lists of pages behind the first page, README.md.

Pages that are not named here are an error of the build ("document isn't included in any toctree").
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
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
    "Project": ("CONTRIBUTING", "CHANGELOG", "tests/*", "tests/hardware/README", "qgeo/tasks/texts/README"),
}


def toctree(caption: str, pages: tuple[str, ...]) -> str:
    """A hidden list of pages in MyST; patterns take what was not named before."""
    entries = "\n".join(f"/{page}" for page in pages if "*" not in page or _pages_of(page))
    return f"```{{toctree}}\n:hidden:\n:glob:\n:caption: {caption}\n\n{entries}\n```"


def _pages_of(pattern: str) -> list[Path]:
    return [path for path in ROOT.glob(f"{pattern}.*") if path.suffix in (".md", ".ipynb")]


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

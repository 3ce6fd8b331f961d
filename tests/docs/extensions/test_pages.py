"""What the site does to pages: formulas, pictures, regions that scroll, links, sidebar, places to fill."""

from __future__ import annotations

import doctest
import re
from importlib import import_module
from pathlib import Path

import nbformat
import pytest

from docs.extensions.accessible import reachable
from docs.extensions.generated_text import TEXTS, filled_in
from docs.extensions.navigation import ROOT, SECTIONS, with_navigation, without_folders

mathml = pytest.importorskip("docs.extensions.mathml", reason="needs docutils, of the extra docs")


@pytest.mark.parametrize("name", ["accessible", "generated_text", "mathml", "navigation"])
def test_examples_of_the_extensions(name: str) -> None:
    assert doctest.testmod(import_module(f"docs.extensions.{name}")).failed == 0


@pytest.mark.parametrize(
    ("tex", "inside"),
    [
        (r"\tfrac12x", "<mn>1</mn>"),
        (r"\big(x\big)", 'minsize="1.2em"'),
        (r"\ket{\psi}", "⟩"),
        (r"F_C \preceq F_Q", "⪯"),
    ],
)
def test_what_docutils_lacks_is_rewritten(tex: str, inside: str) -> None:
    # Seen to fail: without the rewriting.
    assert inside in mathml.to_mathml(tex, is_block=False)


def formulas() -> list[str]:
    notebooks = [nbformat.read(path, as_version=4) for path in sorted((ROOT / "tutorials").glob("*.ipynb"))]
    cells = [cell.source for book in notebooks for cell in book.cells if cell.cell_type == "markdown"]
    pages = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))]
    text = "\n\n".join([re.sub(r"```.*?```|`[^`]*`", "", each, flags=re.DOTALL) for each in (*cells, *pages)])
    return [one or two for one, two in re.findall(r"\$\$(.+?)\$\$|(?<![\\$])\$([^$\n]+)\$", text, re.DOTALL)]


def test_every_formula_of_pages_and_tutorials_can_be_drawn() -> None:
    # Seen to fail: with \big, as tutorial 1 has it, not rewritten.
    assert len(formulas()) > 100
    assert all("<math" in mathml.to_mathml(each, is_block=False) for each in formulas())


def test_what_scrolls_has_a_tab_stop() -> None:
    # Seen to fail: without tables.
    page = '<div class="table-wrapper docutils"><table></table></div><pre class="a"><div class="math">'
    assert reachable(page).count('tabindex="0"') == 3


def test_what_the_theme_and_sphinx_leave_is_mended() -> None:
    # Seen to fail: without the lines of signatures; with empty heads of tables as they are.
    page = (
        '<dt>f(<dl>\n<dd><em>a</em>,</dd>\n<dd><em>b</em>,</dd>\n</dl>\n)</dt><th class="head"><p></p></th>'
    )
    lines = '<span class="sig-line"><em>a</em>,</span><span class="sig-line"><em>b</em>,</span>'
    assert reachable(page) == f"<dt>f({lines}\n)</dt><td></td>"
    assert 'aria-level="2"' in reachable('<p class="caption" role="heading">')


def test_links_to_folders_are_text_on_the_site(tmp_path: Path) -> None:
    # Seen to fail: with links to files taken, too.
    (tmp_path / "folder").mkdir()
    (tmp_path / "page.md").touch()
    text = without_folders("[a](folder) and [b](page.md) and [c](https://d.e)", tmp_path)
    assert text == "a and [b](page.md) and [c](https://d.e)"


def test_every_page_is_in_the_sidebar() -> None:
    # Seen to fail: a page of docs/ that SECTIONS does not name.
    listed = {page for pages in SECTIONS.values() for page in pages}
    written = {path.relative_to(ROOT).with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert written <= listed
    assert all((ROOT / f"{page}.md").is_file() for page in listed if "*" not in page)
    assert ":caption: Tutorials" in with_navigation("")


def test_every_place_on_a_page_has_a_text() -> None:
    # Seen to fail: a name on a page that is none of TEXTS.
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md")]
    assert {*re.findall(r"<!-- made by make docs: (\w+) -->", "".join(pages))} == {*TEXTS}
    assert filled_in("a", {}) == "a"

"""What keyboards and screen readers need: regions that scroll can be reached, pictures say what they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_SCROLLING = re.compile(r"<(?:pre|div class=\"(?:table-wrapper|math|output)\b)(?=[ >\"])")
_DONE = "<!-- reachable -->\n"
_NAMED = (
    ("</strong> -- ", "</strong> – "),
    ('<p class="caption" role="heading">', '<p class="caption" role="heading" aria-level="2">'),
    ('\n<div id="search-results">', '\n<h1>Search</h1>\n<div id="search-results">'),
    ('<aside class="sidebar-drawer">', '<aside class="sidebar-drawer" aria-label="All pages">'),
    ('<aside class="toc-drawer', '<aside aria-label="On this page" class="toc-drawer'),
)
"""What the theme leaves without a level or a name, and Sphinx with two signs for a dash."""
_SIGNATURE = re.compile(r"<dl>\s*<dd>(.*?)</dd>\s*</dl>", re.DOTALL)
_EMPTY_HEAD = re.compile(r"<th class=\"head[^\"]*\"><p></p></th>")


def reachable(html: str) -> str:
    """A page in which code, wide tables, formulas and outputs can be reached by the Tab key, landmarks can be
    told apart, no list is without terms and no head of a table without text.

    >>> reachable("<pre>1</pre>")
    '<pre tabindex="0">1</pre>'
    """
    for plain, named in _NAMED:
        html = html.replace(plain, named)
    html = _EMPTY_HEAD.sub("<td></td>", _SIGNATURE.sub(_as_lines, html))
    return _SCROLLING.sub(_with_tab_stop, html)


def _as_lines(signature: re.Match[str]) -> str:
    """Parameters a line each, which Sphinx makes definitions without terms."""
    lines = re.split(r"</dd>\s*<dd>", signature[1])
    return "".join(f'<span class="sig-line">{line}</span>' for line in lines)


def _with_tab_stop(match: re.Match[str]) -> str:
    tag, space, rest = match[0].partition(" ")
    return f'{tag} tabindex="0"{space}{rest}'


def alternative(heading: str) -> str:
    """What stands for a figure without a description: where in the text it is.

    >>> alternative("What measuring loses")
    'Figure of the section “What measuring loses”; the text around it says what it shows.'
    """
    return f"Figure of the section “{heading}”; the text around it says what it shows."


def _describe(_app: Any, document: Any, _page: str) -> None:
    from docutils import nodes

    for image in document.findall(nodes.image):
        if not image.get("alt"):
            image["alt"] = alternative(_heading(image, nodes))


def _heading(node: Any, nodes: Any) -> str:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, nodes.section):
            return str(node[0].astext())
    return ""


def _finish(app: Any, failure: Exception | None) -> None:
    """Over written pages, as a theme's own parts are in no earlier form; each is rewritten once."""
    for path in [] if failure else sorted(Path(app.outdir).rglob("*.html")):
        html = path.read_text(encoding="utf-8")
        if _DONE not in html:
            path.write_text(reachable(html) + _DONE, encoding="utf-8")


def setup(app: Any) -> dict[str, Any]:
    """After every page is resolved, and again when all are written."""
    app.connect("doctree-resolved", _describe)
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True}

"""Checks a built site: every link and picture leads somewhere in it, and nothing is loaded from the network.

    python -m docs.site_check build/site

Links to other sites are counted, not followed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("source", "src"), ("iframe", "src")}
_FOLLOWED = {("a", "href"), *_LOADED}
_ASKED_FOR = {"stylesheet", "icon", "preload", "search"}  # kinds of <link> that a browser may fetch


@dataclass
class Page(HTMLParser):
    """Links of a page as (tag, target), and the anchors that it has."""

    path: Path
    links: list[tuple[str, str]] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    without_text: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag leads to, and what leads to it."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "img" and not given.get("alt"):
            self.without_text.append(given.get("src", ""))
        for name in given.keys() & {each for kind, each in _FOLLOWED if kind == tag}:
            if tag != "link" or _ASKED_FOR & {*given.get("rel", "").split()}:
                self.links.append((tag, given[name]))


def problems(site: Path) -> Iterator[str]:
    """A line for each broken link, picture without a description, and thing from the network."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    for page in pages.values():
        place = page.path.relative_to(site)
        yield from (f"{place}: no description of {image}" for image in page.without_text)
        for tag, target in page.links:
            if wrong := _wrong(page, tag, target, pages):
                yield f"{place}: {wrong}: {target[:120]}"


def _wrong(page: Page, tag: str, target: str, pages: dict[Path, Page]) -> str:
    """What is wrong with a link; "" where nothing is."""
    address = urlsplit(target)
    if address.scheme or address.netloc:
        is_fetched = tag != "a" and address.scheme != "data"
        return "loaded from the network" if is_fetched else ""
    path = (page.path.parent / unquote(address.path)).resolve() if address.path else page.path.resolve()
    if not path.is_file():
        return "leads nowhere"
    is_known = path not in pages or unquote(address.fragment) in pages[path].anchors
    return "" if not address.fragment or is_known else "no such anchor"


def main(site: Path) -> int:
    """Print all problems; 1 if there are any."""
    found = [*problems(site)]
    for line in found:
        print(line)
    print(f"{len([*site.rglob('*.html')])} pages, {len(found)} problems", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

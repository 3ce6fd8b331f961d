"""An HTML page as tests read it."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "wbr", "img", "hr", "input"}


class Page(HTMLParser):
    """Elements with attributes, text, and whether every element was closed in order."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.words = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.words.append(" " if tag in {"span", "td", "th", "dd"} else "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def unreachable(self):
        """What may scroll sideways and a keyboard cannot reach."""
        scrolling = [
            (tag, attributes)
            for tag, attributes in self.elements
            if attributes.get("class") == "scroll" or (tag == "pre" and attributes.get("class") != "sample")
        ]
        return [each for each in scrolling if "tabindex" not in each[1]]

    @property
    def text(self):
        return " ".join("".join(self.words).split())

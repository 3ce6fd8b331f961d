"""How a text is split: by paragraphs, near-duplicates together, once and for all.

Paragraphs are separated by blank lines. Clusters of near-duplicates (`near_duplicates.py`) are laid in
the order of the SHA-256 of their first paragraph, white space made single spaces, and this row is cut at
.8 and .9 of its characters: a cluster goes where its middle lies. No seed, no place in the text: the same
text always has the same split, and more text moves only what is near a cut. Within a part, paragraphs
keep the order of the text.

What is learned of a paragraph ends with the blank line behind it, two line ends. Windows are cut inside
paragraphs: none has its context in another one, so that paragraphs of two parts never meet.

A text of fewer than `FEWEST_CLUSTERS` clusters, or one whose clusters are so uneven that a part would get
less than half its share, is split into three contiguous runs instead; then near-duplicates may lie on
both sides of a cut.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from itertools import accumulate
from typing import Literal, NamedTuple

from qgeo.tasks.near_duplicates import clusters
from qgeo.tasks.windows import SPLIT, split

FEWEST_CLUSTERS = 20
"""So few clusters make no fair tenth."""

SEPARATOR = "\n\n"
"""What ends a paragraph."""

_BLANK_LINES = re.compile(r"\n\s*\n")

SplitRule = Literal["paragraphs", "contiguous"]
Parts = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


class TextSplit(NamedTuple):
    """Training, validation and test part of a text, each in pieces that no window leaves.

    Attributes:
        rule: whether the pieces are paragraphs, or three contiguous runs of the text.
        parts: the pieces of each part, in the order of the text.
    """

    rule: SplitRule
    parts: Parts


def paragraphs(text: str) -> list[str]:
    r"""The paragraphs of a text with LF line ends, without the blank lines between them.

    >>> paragraphs("one\nand more\n\n \n  two\n")
    ['one\nand more', '  two']
    """
    return [body.strip("\n") for body in _BLANK_LINES.split(text) if body.strip()]


@lru_cache(maxsize=2)
def split_text(text: str) -> TextSplit:
    r"""The split of a folded text, by the rule above.

    >>> rule, (train, validation, test) = split_text("\n\n".join(f"{7**n}" for n in range(20, 60)))
    >>> rule, len(train), len(validation), len(test), train[0]
    ('paragraphs', 32, 4, 4, '79792266297612001\n\n')
    """
    pieces = [body + SEPARATOR for body in paragraphs(text)]
    labels = clusters(pieces)
    if len(set(labels)) >= FEWEST_CLUSTERS:
        parts = _parts(pieces, labels)
        if _is_even(parts):
            return TextSplit("paragraphs", parts)
    train, validation, test = split(text)
    return TextSplit("contiguous", ((train,), (validation,), (test,)))


def _parts(pieces: list[str], labels: list[int]) -> Parts:
    part = _part_of_cluster(pieces, labels)
    train, validation, test = (
        tuple(piece for piece, label in zip(pieces, labels, strict=True) if part[label] == number)
        for number in range(3)
    )
    return train, validation, test


def _part_of_cluster(pieces: list[str], labels: list[int]) -> dict[int, int]:
    """0, 1 or 2 for each cluster: training, validation, test."""
    sizes = dict.fromkeys(labels, 0)
    for piece, label in zip(pieces, labels, strict=True):
        sizes[label] += len(piece)
    order = sorted(sizes, key=lambda label: _digest(pieces[label]))
    ends = list(accumulate(sizes[label] for label in order))
    middles = [(end - sizes[label] / 2) / ends[-1] for label, end in zip(order, ends, strict=True)]
    return {
        label: (middle > SPLIT[0]) + (middle > SPLIT[0] + SPLIT[1])
        for label, middle in zip(order, middles, strict=True)
    }


def _digest(paragraph: str) -> bytes:
    return sha256(" ".join(paragraph.split()).encode(errors="surrogatepass")).digest()


def _is_even(parts: Parts) -> bool:
    """Whether every part got at least half its share of the characters."""
    sizes = [sum(map(len, part)) for part in parts]
    return all(size >= share * sum(sizes) / 2 for size, share in zip(sizes, SPLIT, strict=True))

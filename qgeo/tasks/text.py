"""Text as tokens: one character each, folded to a small vocabulary that is the same for every arm.

Folding: leading byte order marks are dropped, line ends (CRLF, CR) become LF, letters are case-folded
(`str.casefold`: 'ß' becomes 'ss'). Other white space stays as it is. The vocabulary is the commonest
characters of the training part, ties by code point, and one more token, "other", for whatever else may come.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qgeo.errors import ConfigurationError, TaskError

OTHER = "▯"
"""How the token "other" is shown."""

MOST_VOCABULARY = 256
"""Heads are tiny: larger vocabularies are refused."""

DEFAULT_CORPUS = Path(__file__).parent / "texts" / "persuasion.txt"
"""What is learned where no text is given: Jane Austen, *Persuasion* (1818), 466 KB in the public domain.

Where this copy comes from, what was left out of it, and its SHA-256: `README.md` beside it.
"""


def read_corpus(path: str | Path) -> str:
    """The text of a UTF-8 file, exactly as it is: encoded again it gives the bytes of the file.

    Raises:
        TaskError: no such file, a folder or device, no permission, no text in it, binary, or not UTF-8.
    """
    place = Path(path)
    if not place.is_file():
        there = "a folder" if place.is_dir() else "something that is no file" if place.exists() else "nothing"
        raise TaskError(f"expected a text file at {place}, got {there}; check the path")
    try:
        return _decoded(place.read_bytes(), str(place))
    except OSError as problem:
        raise TaskError(
            f"expected a readable text file at {place}, got: {problem.strerror}; check its permissions"
        ) from None


def digest(text: str) -> str:
    """SHA-256 of the UTF-8 text, in hexadecimal: what `sha256sum` says of the file.

    Raises:
        TaskError: the text has code points UTF-8 cannot hold (lone surrogates).

    >>> digest("abc")[:16]
    'ba7816bf8f01cfea'
    """
    try:
        return hashlib.sha256(text.encode()).hexdigest()
    except UnicodeEncodeError as problem:
        raise TaskError(
            f"expected text that UTF-8 can hold, got a lone surrogate at character {problem.start}; remove it"
        ) from None


def fold(text: str) -> str:
    r"""The text without leading byte order mark, with LF line ends, case-folded. Twice is the same as once.

    >>> fold("\ufeffStraße\r\n")
    'strasse\n'
    """
    return text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").casefold()


@dataclass(frozen=True)
class Vocabulary:
    """Token ids of characters: id i is `characters[i]`, the last id, len(characters), is "other".

    >>> vocabulary = Vocabulary.of("banana", 3)
    >>> vocabulary.characters, vocabulary.size
    ('an', 3)
    >>> vocabulary.decode(vocabulary.encode("Banane"))
    '▯anan▯'
    """

    characters: str

    @classmethod
    def of(cls, training_text: str, size: int) -> Vocabulary:
        """At most `size` tokens: the size − 1 commonest characters of the folded text and "other".

        A text with fewer different characters gets a smaller vocabulary. "Other" is always there, so that no
        text can fail to encode.

        Raises:
            ConfigurationError: size outside 2 … `MOST_VOCABULARY`.
            TaskError: fewer than two different characters.
        """
        if not 2 <= size <= MOST_VOCABULARY:
            raise ConfigurationError(
                f"expected a vocabulary of 2 to {MOST_VOCABULARY} tokens, got {size}; choose one in between"
            )
        codes, counts = np.unique(_code_points(fold(training_text)), return_counts=True)
        if len(codes) < 2:
            raise TaskError(
                f"expected a training text of two or more different characters, got {len(codes)} after "
                "folding; choose another text"
            )
        commonest = codes[np.lexsort((codes, -counts))][: size - 1]
        return cls("".join(map(chr, commonest)))

    @property
    def size(self) -> int:
        """V, with "other"."""
        return len(self.characters) + 1

    @property
    def signs(self) -> str:
        """Character i shows token i, "other" included."""
        return self.characters + OTHER

    def encode(self, text: str) -> NDArray[np.int64]:
        """Token ids of the folded text, one per folded character."""
        known = _code_points(self.characters)
        order = np.argsort(known).astype(np.int64)
        codes = _code_points(fold(text))
        place = np.searchsorted(known, codes, sorter=order).clip(max=len(known) - 1)
        return np.where(known[order[place]] == codes, order[place], len(known))

    def decode(self, tokens: Iterable[int]) -> str:
        """The characters of token ids; "other" shows as ▯.

        Raises:
            TaskError: an id outside the vocabulary.
        """
        return spell(self.signs, tokens)


def spell(signs: str, tokens: Iterable[int]) -> str:
    """The text in which character i of `signs` stands for token i.

    Raises:
        TaskError: an id without a character.

    >>> spell("()[]", [0, 2, 3, 1])
    '([])'
    """
    ids = [int(token) for token in tokens]
    if ids and not 0 <= min(ids) <= max(ids) < len(signs):
        raise TaskError(
            f"expected token ids from 0 to {len(signs) - 1}, got {min(ids)} to {max(ids)}; check the task"
        )
    return "".join(signs[token] for token in ids)


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32)


def _decoded(content: bytes, name: str) -> str:
    if not content:
        raise TaskError(f"expected text in {name}, got an empty file; choose another")
    if b"\0" in content:
        raise TaskError(
            f"expected UTF-8 text in {name}, got a zero byte at {content.index(0)} (binary, or UTF-16); "
            "save it as UTF-8 text"
        )
    try:
        return content.decode()
    except UnicodeDecodeError as problem:
        raise TaskError(
            f"expected UTF-8 text in {name}, got byte 0x{content[problem.start]:02x} at {problem.start}; "
            "save it as UTF-8 text"
        ) from None

"""Text: what is read, what is folded, which characters become tokens."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from qgeo.errors import ConfigurationError, TaskError
from qgeo.tasks import DEFAULT_CORPUS, Vocabulary, digest, fold, read_corpus

SHA256 = "5ada0d8051e56150c7e38609e0caffd63a89148d6e9772d15ecef82bd89e2a87"
"""Of the corpus that comes with qgeo."""

# --- files ----------------------------------------------------------------------------------------


def test_a_file_is_read_as_it_is(tmp_path):
    # Seen to fail: a reader that translates line ends or drops the byte order mark (another digest).
    content = "\ufeffÄ line\r\nand a \U0001f600\r".encode()
    place = tmp_path / "corpus.txt"
    place.write_bytes(content)
    text = read_corpus(str(place))
    assert text.encode() == content
    assert digest(text) == hashlib.sha256(content).hexdigest()


FILES = [
    (b"", "got an empty file"),
    (b"abc\0def", "got a zero byte at 3"),
    ("abc".encode("utf-16"), "UTF-16"),
    ("für".encode("latin-1"), "got byte 0xfc at 1; save it as UTF-8 text"),
]


@pytest.mark.parametrize(("content", "message"), FILES, ids=["empty", "binary", "utf-16", "latin-1"])
def test_a_file_without_text_is_explained(tmp_path, content, message):
    place = tmp_path / "corpus.txt"
    place.write_bytes(content)
    with pytest.raises(TaskError, match=message) as found:
        read_corpus(place)
    assert "corpus.txt" in str(found.value)


def test_no_file_is_explained(tmp_path):
    with pytest.raises(TaskError, match="got nothing; check the path"):
        read_corpus(tmp_path / "missing.txt")
    with pytest.raises(TaskError, match="got a folder; check the path"):
        read_corpus(tmp_path)
    with pytest.raises(TaskError, match="something that is no file"):
        read_corpus("/dev/null")


def test_a_file_without_permission_is_explained(tmp_path, monkeypatch):
    place = tmp_path / "corpus.txt"
    place.write_text("text")

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(TaskError, match="Permission denied; check its permissions"):
        read_corpus(place)


def test_the_default_corpus_is_the_recorded_one():
    # Seen to fail: a line end, or a word, changed in the file; a digit in the README.
    text = read_corpus(DEFAULT_CORPUS)
    assert digest(text) == SHA256
    assert SHA256 in (DEFAULT_CORPUS.parent / "README.md").read_text()
    assert 100_000 < len(text) < 500_000
    assert text.startswith("Sir Walter Elliot, of Kellynch Hall")
    assert text.endswith("national importance.\n")


def test_the_default_corpus_is_bare_text():
    # Seen to fail: CRLF, a tab, a second blank line between paragraphs.
    text = read_corpus(DEFAULT_CORPUS)
    assert text.isascii()
    assert text.replace("\n", " ").isprintable()
    assert "\n\n\n" not in text
    assert not re.search(r"chapter [0-9]|copyright|e-?text\b|www", text, re.IGNORECASE)


def test_a_text_utf8_cannot_hold_is_explained():
    with pytest.raises(TaskError, match="a lone surrogate at character 2; remove it"):
        digest("ab\ud800")


# --- folding --------------------------------------------------------------------------------------


def test_folding():
    assert fold("\ufeffThe STRASSE\r\nis\rlong\n\t ") == "the strasse\nis\nlong\n\t "


def test_folding_twice_is_folding_once():
    every = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    assert fold(fold(every)) == fold(every)
    assert fold(fold("\ufeff\ufeffA")) == fold("\ufeff\ufeffA") == "a"


# --- vocabulary -----------------------------------------------------------------------------------


def test_the_commonest_characters_come_first_and_ties_by_code_point():
    # Seen to fail: ties by first appearance, rarest first, sorted by code point alone.
    vocabulary = Vocabulary.of("zzz bbb aaa q", 4)
    assert vocabulary.characters == " ab"
    assert vocabulary.size == 4
    assert vocabulary.signs == " ab▯"


def test_a_small_text_gets_a_small_vocabulary_and_still_other():
    vocabulary = Vocabulary.of("abab", 32)
    assert vocabulary.characters == "ab"
    assert vocabulary.encode("abcß").tolist() == [0, 1, 2, 2, 2]


def test_round_trip():
    # Seen to fail: ids by code point instead of by rank, "other" as id 0.
    text = read_corpus(DEFAULT_CORPUS)[:20_000]
    everything = Vocabulary.of(text, 256)
    assert everything.decode(everything.encode(text)) == fold(text)
    small = Vocabulary.of(text, 32)
    tokens = small.encode(text)
    assert tokens.dtype == np.int64
    assert small.size == 32
    assert small.decode(tokens) == "".join(sign if sign in small.characters else "▯" for sign in fold(text))
    assert (np.diff(np.bincount(tokens, minlength=32)[:-1]) <= 0).all()


def test_characters_outside_the_basic_plane_are_one_token():
    vocabulary = Vocabulary.of("\U0001f600\U0001f601\U0001f600", 3)
    assert vocabulary.encode("\U0001f601\U0001f600x").tolist() == [1, 0, 2]


def test_empty_text_encodes_to_nothing():
    assert Vocabulary("ab").encode("").tolist() == []
    assert Vocabulary("ab").decode([]) == ""


@pytest.mark.parametrize("size", [-1, 0, 1, 257])
def test_a_vocabulary_out_of_range_is_explained(size):
    with pytest.raises(ConfigurationError, match=f"2 to 256 tokens, got {size}; choose"):
        Vocabulary.of("some text", size)


@pytest.mark.parametrize("text", ["", "aaaa", "aAaA"])
def test_a_text_of_one_character_is_explained(text):
    with pytest.raises(
        TaskError, match=r"two or more different characters, got [01] after folding; choose another"
    ):
        Vocabulary.of(text, 8)


def test_a_token_outside_the_vocabulary_is_explained():
    with pytest.raises(TaskError, match="from 0 to 2, got 1 to 3"):
        Vocabulary("ab").decode([1, 3])

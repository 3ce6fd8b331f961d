"""Sentences are found wherever a class of error is called, and none of the program is without an advice."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import qgeo.errors
from docs.extensions import error_sentences
from docs.extensions.error_sentences import Sentence, error_classes, escaped, markdown, sentences

MODULE = '''
from qgeo.errors import OtherError, QGeoError
ADVICE = "expected one thing of many; think again"


class OwnError(OtherError):
    """One of a class below."""


def f(x):
    if x:
        raise OwnError(f"expected {x!r} of four words, " + ("got none" if x else f"got {x}") + "; give more")
    error = QGeoError(ADVICE)
    return QGeoError(f"{x}: {x}") if x else error
'''
ERRORS = '''
class QGeoError(Exception):
    """Of all."""


class OtherError(QGeoError):
    """Another."""
'''


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "qgeo").mkdir()
    (tmp_path / "qgeo" / "errors.py").write_text(ERRORS)
    (tmp_path / "qgeo" / "some.py").write_text(MODULE)
    return tmp_path


def test_sentences_are_those_of_calls_with_all_their_branches(root: Path) -> None:
    # Seen to fail: without the branch of a condition; without texts that have a name.
    assert [(each.error, each.text) for each in sentences(root)] == [
        ("OwnError", "expected … of four words, got none; give more"),
        ("OwnError", "expected … of four words, got …; give more"),
        ("QGeoError", "expected one thing of many; think again"),
    ]
    assert {each.module for each in sentences(root)} == {"qgeo/some.py"}


def test_classes_below_classes_are_found(root: Path) -> None:
    # Seen to fail: with one pass over the classes.
    assert {*error_classes(root)} == {"QGeoError", "OtherError", "OwnError"}
    assert "### OwnError\n\nOne of a class below." in markdown(root)


@pytest.mark.parametrize(
    ("text", "problem", "advice"),
    [
        ("expected a, got b; do c", "expected a, got b", "do c"),
        ("expected a, got b", "expected a, got b", "it takes a"),
        ("not expected a; …", "not expected a; …", "it takes a"),
        ("a; b; do c", "a; b", "do c"),
    ],
)
def test_the_advice_is_behind_the_last_semicolon(text: str, problem: str, advice: str) -> None:
    # Seen to fail: with the first semicolon.
    sentence = Sentence("ShapeError", "qgeo/a.py", text)
    assert (sentence.problem, sentence.advice) == (problem, advice)


def test_the_programs_own_classes_and_advices() -> None:
    # Seen to fail: without the general advice for sentences that hold somebody else's reason.
    raised = {name for name, kind in vars(qgeo.errors).items() if isinstance(kind, type)}
    assert raised <= {*error_classes()}
    found = sentences()
    assert len(found) > 400
    assert [each for each in found if not each.advice] == []


def test_signs_of_markdown_are_text_and_code_is_code() -> None:
    # Seen to fail: with signs inside of backticks escaped.
    assert escaped("F* |a| `b|c_d`") == r"F\* \|a\| `b\|c_d`"
    assert escaped("it's `open") == r"it's \`open"
    assert doctest.testmod(error_sentences).failed == 0

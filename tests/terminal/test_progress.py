"""Progress is for people who watch: on stderr, with the time left, and nothing of it where nobody does."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from qgeo.terminal import progress


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal of 100 columns in place of stderr."""
    screen = io.StringIO()
    monkeypatch.setattr(
        progress, "messages", lambda: Console(file=screen, force_terminal=True, width=100, color_system=None)
    )
    return screen


def test_a_bar_says_how_many_and_how_long(watched: io.StringIO) -> None:
    # Seen to fail: without the column of the time left.
    with progress.bars() as shown:
        task = shown.add_task("runs", total=4)
        shown.advance(task, 4)
    assert "runs" in watched.getvalue()
    assert "4/4 0:00:00 left 0:00:00" in watched.getvalue()


def test_what_is_being_done_is_said(watched: io.StringIO) -> None:
    with progress.saying("collecting"):
        pass
    assert "collecting" in watched.getvalue()


def test_where_nobody_watches_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.saying("collecting"):
        pass
    assert capsys.readouterr() == ("", "")

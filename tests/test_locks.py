"""Locks: one at a time; whoever waits is told for whom."""

from __future__ import annotations

import json
import logging
import os
from threading import Thread

import pytest

from qgeo.errors import LedgerError
from qgeo.files import Storage
from qgeo.locks import alone, locked

FILES = Storage("ledger", LedgerError, 0o600, 0o700, "free some", "restore it", "check the folder")


def waiting(folder, seconds: float = 0.3) -> Thread:
    def hold() -> None:
        with locked(folder, FILES):
            pass

    thread = Thread(target=hold)
    thread.start()
    thread.join(seconds)
    return thread


def test_the_lock_names_its_holder(tmp_path):
    with locked(tmp_path, FILES):
        holder = json.loads((tmp_path / ".lock-holder").read_text())
    assert holder["process"] == os.getpid()
    assert set(holder) == {"process", "host", "command", "since"}


def test_who_waits_is_told_for_whom(tmp_path, caplog):
    # Seen to fail: waiting without a word.
    with caplog.at_level(logging.WARNING), locked(tmp_path, FILES):
        thread = waiting(tmp_path)
        assert thread.is_alive()
    thread.join()
    (said,) = caplog.messages
    assert f"waiting for {tmp_path}, which process {os.getpid()} on" in said
    assert "since" in said


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 99_999, b"\xff", b"{}"])
def test_a_damaged_name_is_another_process(tmp_path, caplog, content):
    with caplog.at_level(logging.WARNING), locked(tmp_path, FILES):
        (tmp_path / ".lock-holder").write_bytes(content)
        thread = waiting(tmp_path)
    thread.join()
    assert caplog.messages == [f"qgeo: waiting for {tmp_path}, which another process holds"]


def test_it_ends_with_its_holder_and_nobody_waits(tmp_path, caplog):
    with pytest.raises(ValueError, match="mine"), locked(tmp_path, FILES):
        raise ValueError("mine")
    assert not waiting(tmp_path, 5).is_alive()
    assert not caplog.messages


def test_what_cannot_be_locked_is_a_sentence(tmp_path):
    (tmp_path / ".lock").mkdir()
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(LedgerError, match="cannot lock"), locked(folder, FILES):
            pass


def test_a_pipe_in_its_place_hangs_nobody(tmp_path):
    os.mkfifo(tmp_path / ".lock")
    with locked(tmp_path, FILES):
        pass


def test_whoever_comes_second_to_a_run_is_told_who_is_at_work(tmp_path):
    # Seen to fail: both went on with it, and every run was trained twice.
    with alone(tmp_path, FILES), pytest.raises(LedgerError) as refused, alone(tmp_path, FILES):
        pass
    assert str(refused.value).startswith(f"expected nobody at work in {tmp_path}, process {os.getpid()} on ")
    with alone(tmp_path, FILES), locked(tmp_path, FILES):  # writing is a lock of its own
        pass

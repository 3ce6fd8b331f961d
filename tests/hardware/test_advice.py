"""Advice after a submission that was cut: the command that it names works, and pays for nothing twice."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from hardware.loopback_faults import Dropped, HttpError, ListedLate

from qgeo.backends.clock import Clock, Moment
from qgeo.backends.ledger import Ledger
from qgeo.backends.posting import MINUTES_BEFORE_POSTING_AGAIN, WAITS_BEFORE_SEARCH
from qgeo.cli import run
from qgeo.hardware import requests

BELL = """OPENQASM 3.0;
include "stdgates.inc";
input float a;
qubit[2] q;
ry(a) q[0];
cx q[0], q[1];
"""


@pytest.fixture(autouse=True)
def passed(quick, monkeypatch):  # noqa: ARG001
    """Every test here; the commands' own clock does not wait either."""
    seconds = {"passed": 0.0}
    monkeypatch.setattr(
        Clock, "pause", lambda _, wait: seconds.update(passed=seconds["passed"] + max(0, wait))
    )
    monkeypatch.setattr(Clock, "uptime", lambda _: 1e6 + seconds["passed"])
    monkeypatch.setattr(
        Clock, "now", lambda _: Moment(1.7e9 + seconds["passed"], 1e6 + seconds["passed"], "x")
    )
    return seconds


@pytest.fixture
def submission(tmp_path) -> list[str]:
    circuit = tmp_path / "bell.qasm"
    circuit.write_text(BELL)
    folder = tmp_path / "a folder"  # that a shell would take for two
    common = ["--circuit", str(circuit), "--backend", "ibm_manila", "--random", "1", "--shots", "50"]
    return ["hardware", "submit", *common, "--max-seconds", "60", "--out", str(folder)]


def advised(said: str) -> list[str]:
    """The command that a message names, as a shell would take it."""
    (command,) = set(re.findall(r"qgeo (hardware resume (?:'[^']+'|[^\s;,]+))", said))
    return shlex.split(command)


def cut(running, kind: str, monkeypatch) -> None:
    """Let the next submission be cut so."""
    if kind == "refused":
        running.inject(HttpError(400))
    elif kind == "unanswered":
        running.inject(Dropped())
    elif kind == "listed late":
        running.inject(Dropped(took_effect=True), ListedLate(len(WAITS_BEFORE_SEARCH)))
    elif kind == "no answer to the search":
        running.inject(HttpError(500, on="list_jobs", times=6))
    else:
        post = requests.post

        def interrupted(*given, **more):
            if kind == "Ctrl-C after the post":
                post(*given, **more)
            raise KeyboardInterrupt

        monkeypatch.setattr(requests, "post", interrupted)


CUTS = ["refused", "unanswered", "listed late", "no answer to the search", "Ctrl-C", "Ctrl-C after the post"]


@pytest.mark.parametrize("kind", CUTS)
def test_the_command_that_is_named_works_and_pays_once(
    running, submission, capsys, monkeypatch, passed, kind
):
    # Seen to fail: "qgeo hardware submit posts it"; "resume" without a folder; silence after Ctrl-C.
    folder = Path(submission[-1])
    with monkeypatch.context() as once:
        cut(running, kind, once)
        status = run(submission)
    said = capsys.readouterr().err
    assert status == (130 if "Ctrl-C" in kind else 2)
    assert said.count("\n") == 1
    assert "submit" not in said
    command = advised(said)
    assert command == ["hardware", "resume", str(folder)]
    if run(["hardware", "collect", str(folder)]) == 2:  # asked for too early: the same advice
        collected = capsys.readouterr().err
        assert "submit" not in collected
        assert advised(collected) == command
    passed["passed"] += 60 * MINUTES_BEFORE_POSTING_AGAIN
    assert run(command) == 0
    assert len(running.jobs) == 1
    assert Ledger(folder).job(0).job_id() == running.jobs[0].id
    assert run(["hardware", "collect", str(folder)]) == 0
    assert len(running.jobs) == 1


def test_ctrl_c_before_anything_is_written_says_so(submission, capsys, monkeypatch):
    def interrupted(*_given, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr(requests, "write_request", interrupted)
    assert run(submission) == 130
    assert capsys.readouterr().err == "interrupted; nothing was written or posted\n"


def test_ctrl_c_anywhere_else_is_no_silence(capsys, monkeypatch):
    # Seen to fail: Typer makes an exit status of it before anybody can say a word.
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("qgeo.terminal.circuits.circuit_list", interrupted)
    assert run(["circuits", "list"]) == 130
    assert capsys.readouterr().err == "interrupted\n"

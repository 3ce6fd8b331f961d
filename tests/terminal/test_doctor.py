"""`qgeo doctor`: what is there, what is not and why; never a key."""

from __future__ import annotations

import json
import sys
import warnings

import pytest

from qgeo.cli import run
from qgeo.simulate.compiled import library
from qgeo.terminal.doctor import findings

KEY = "a-key-that-nobody-may-see"


def test_versions_and_a_working_kernel_are_said(capsys):
    assert run(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) >= {"python", "qgeo", "torch", "compiled sweeps", "threads", "memory", "IBM account"}
    assert int(found["fake devices"]) > 10
    assert run(["doctor"]) == 0
    assert found["qiskit"] in capsys.readouterr().out


def refused() -> None:
    warnings.warn("built from other sources", stacklevel=2)


@pytest.mark.parametrize(
    ("replaced", "said"),
    [(lambda: None, "not built (they need gcc or clang"), (refused, "refused: built from")],
)
def test_a_kernel_that_is_not_used_says_why(monkeypatch, replaced, said):
    monkeypatch.setattr(library, "library", replaced)
    assert findings()["compiled sweeps"].startswith(said)


def test_an_account_is_found_and_its_key_is_not_said(monkeypatch, capsys):
    # Seen to fail: the environment printed.
    monkeypatch.setenv("QISKIT_IBM_TOKEN", KEY)
    assert run(["doctor"]) == 0
    said = capsys.readouterr()
    assert "in QISKIT_IBM_TOKEN" in said.out
    assert KEY not in said.out + said.err


def test_what_is_not_installed_is_said(monkeypatch):
    monkeypatch.delenv("QISKIT_IBM_TOKEN", raising=False)
    monkeypatch.setitem(sys.modules, "qiskit_ibm_runtime", None)
    assert findings()["IBM account"] == "none: it takes qiskit-ibm-runtime; pip install qiskit-ibm-runtime"

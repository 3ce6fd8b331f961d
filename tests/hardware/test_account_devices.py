"""`qgeo backends` with an account: its devices beside the fake ones, through the real client."""

from __future__ import annotations

import json

import pytest
from hardware.loopback_faults import HttpError

from qgeo.backends import ibm_account
from qgeo.cli import run
from qgeo.errors import ConfigurationError


@pytest.fixture(autouse=True)
def quick(quick):
    """Every test here."""


def test_devices_of_the_account_are_listed(running, capsys):
    assert run(["backends", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[-2:] == ["ibm_manila", "least-busy"]
    assert run(["backends"]) == 0
    assert "1 of them are devices of your account; least-busy chooses one." in capsys.readouterr().out
    assert running.posts() == 0


def test_without_an_answer_the_others_are_listed(running, capsys):
    running.inject(HttpError(400, on="backends", times=9))
    assert run(["backends"]) == 0
    out = capsys.readouterr().out
    assert "fake_torino" in out
    assert "Devices of IBM Quantum are not in this list" in out


def test_without_an_account_it_is_said(monkeypatch):
    def none():
        raise ConfigurationError("expected an IBM Quantum account")

    monkeypatch.setattr(ibm_account, "connected_service", none)
    with pytest.raises(ConfigurationError, match="expected an IBM Quantum account"):
        ibm_account.account_devices()

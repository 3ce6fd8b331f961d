"""Results on disk need nobody: no account, network, device, right to write, or today's format of circuits."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hardware.small_jobs import request
from qiskit import qpy

from qgeo.backends import ibm_account
from qgeo.backends.device import Device, known_device
from qgeo.backends.ibm_account import Account
from qgeo.backends.ledger import Ledger
from qgeo.backends.mitigated_work import Mitigation
from qgeo.cli import run
from qgeo.errors import ConfigurationError, LedgerError
from qgeo.hardware.requests import collect, submit

BOTH = replace(request(200, Mitigation(readout=True, zero_noise=True)), method="lin-comb")


@pytest.fixture(autouse=True)
def quick(quick):
    """Every test here."""


@pytest.fixture
def downloaded(where, tmp_path) -> Ledger:
    """All results are there, nothing was made of them yet."""
    ledger = Ledger(tmp_path / "ledger")
    submit(BOTH, where, ledger.folder, 60.0)
    collect(ledger, where)
    return ledger


def call(capsys, command: str, folder: Path):
    assert run(["hardware", command, str(folder), "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def without_account(monkeypatch) -> None:
    def nobody() -> None:
        raise ConfigurationError("expected an IBM Quantum account, found none")

    monkeypatch.setattr(ibm_account, "connected_service", nobody)


def without_network(monkeypatch) -> None:
    def unplugged(*_, **__) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unplugged)


def without_device(monkeypatch) -> None:
    def retired(*_) -> None:
        raise ConfigurationError("expected a device of your account, got 'ibm_manila'")

    monkeypatch.setattr(Account, "device", retired)


def with_another_format_of_circuits(monkeypatch) -> None:
    def unreadable(*_, **__) -> None:
        raise AssertionError("a circuit of Qiskit's is read")

    monkeypatch.setattr(qpy, "load", unreadable)
    monkeypatch.setattr(qpy.common, "QPY_VERSION", 12)


MISSING = [without_account, without_network, without_device, with_another_format_of_circuits]


@pytest.mark.parametrize("missing", MISSING)
def test_results_on_disk_need_none_of_it(downloaded, where, capsys, monkeypatch, missing):
    # Seen to fail: a runner that connects when it is made; readout errors read by Qiskit's circuits.
    before = collect(downloaded, where).matrix.tolist()
    missing(monkeypatch)
    assert call(capsys, "collect", downloaded.folder)["matrix"] == before
    assert [job["status"] for job in call(capsys, "status", downloaded.folder)] == ["collected"]


def test_nor_the_right_to_write(downloaded, where, capsys, tmp_path):
    # Seen to fail: a lock taken for results that are there.
    before = collect(downloaded, where).matrix.tolist()
    place = tmp_path / "read only"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    try:
        folder = Path(shutil.copytree(downloaded.folder, place / "ledger"))
        (folder / "jobs" / "0000" / "usage.json").unlink()  # its charge would be asked for
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        assert call(capsys, "collect", folder)["matrix"] == before
        assert [job["status"] for job in call(capsys, "status", folder)] == ["collected"]
        with pytest.raises(LedgerError, match="Read-only file system"):
            Ledger(folder).job(0).write_job_id("a")
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_job_of_a_retired_device_is_fetched(running, where, capsys, tmp_path, monkeypatch):
    # Seen to fail: the device looked up to ask for its job.
    ledger = Ledger(tmp_path / "ledger")
    submit(BOTH, where, ledger.folder, 60.0)
    monkeypatch.setattr(running.state, "backends", ())
    with pytest.raises(ConfigurationError):
        _ = known_device("ibm_manila").backend
    assert [job["status"] for job in call(capsys, "status", ledger.folder)] == ["done"]
    assert call(capsys, "collect", ledger.folder)["cost"]["shots"] == ledger.job(0).entry().executions


def test_a_fake_device_that_is_gone_keeps_its_results(capsys, tmp_path):
    ledger = Ledger(tmp_path / "ledger")
    submit(BOTH, known_device("fake_manila"), ledger.folder, 60.0)
    before = call(capsys, "collect", ledger.folder)
    manifest = ledger.folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("fake_manila", "fake_gone"))
    assert call(capsys, "collect", ledger.folder) == before
    assert isinstance(known_device("fake_gone"), Device)

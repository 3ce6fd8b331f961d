"""The damage table of a ledger: every file × every damage × commands that end in seconds and adopt nothing.

Either a command says in one sentence what is wrong, with the file, or it does not need the file and is right.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from damages import damages_of, ended
from hardware.small_jobs import request

from qgeo.backends.device import device_by_name
from qgeo.backends.ledger import Ledger
from qgeo.backends.mitigated_work import Mitigation
from qgeo.cli import run
from qgeo.hardware.fisher_request import FisherManifest
from qgeo.hardware.requests import collect, submit

FILES = {
    "collected": (
        "manifest.json",
        "circuit.json",
        ".lock",
        "jobs/0000/entry.json",
        "jobs/0000/attempted.json",
        "jobs/0000/posted.json",
        "jobs/0000/result.npz",
        "jobs/0000/usage.json",
    ),
    "posted": ("jobs/0000/circuits.qpy", "jobs/0000/values.npz", "jobs/0000/posted.json"),
}
"""By the state of the job in which they are needed."""

CASES = [(state, name) for state, names in FILES.items() for name in names]
OTHERS = ("status", "resume", "cancel")


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory) -> tuple[dict[str, Path], list]:
    """A ledger whose job is posted, one whose result is there, and the matrix of both."""
    posted = tmp_path_factory.mktemp("ledgers") / "posted"
    where = device_by_name("fake_manila")
    submit(replace(request(60, Mitigation(readout=True)), method="lin-comb"), where, posted, 60.0)
    (posted / "jobs" / "0000" / "attempted.json").write_text('{"utc": 1.0, "uptime": 2.0, "boot": "x"}')
    collected = Path(shutil.copytree(posted, posted.with_name("collected")))
    matrix = collect(Ledger(collected), where).matrix.tolist()
    return {"posted": posted, "collected": collected}, matrix


@pytest.mark.parametrize(("state", "name"), CASES)
def test_every_damage_is_a_sentence_or_does_no_harm(ledgers, tmp_path, capsys, state, name):
    # Seen to fail: an entry without its seal (rows that are not there, another matrix), a result without its
    # own (ones in place of bits), a place without its own (the bits of another job).
    folders, matrix = ledgers
    for place, (kind, damage) in enumerate(damages_of(Path(name)).items()):
        folder = Path(shutil.copytree(folders[state], tmp_path / str(place)))
        damage(folder / name)
        status, out = ended(capsys, "hardware", "collect", folder, "--json")
        assert status == 2 or json.loads(out)["matrix"] == matrix, kind
        ended(capsys, "hardware", OTHERS[place % 3], folder)


def test_folders_that_are_none(ledgers, tmp_path, capsys):
    for place, name in enumerate(("jobs", "jobs/0000")):
        folder = Path(shutil.copytree(ledgers[0]["collected"], tmp_path / str(place)))
        shutil.rmtree(folder / name)
        (folder / name).write_text("")
        for command in ("collect", *OTHERS):
            assert ended(capsys, "hardware", command, folder)[0] == 2, (name, command)
    for folder in (tmp_path / "nothing", tmp_path / "0" / "manifest.json", Path("/dev/null")):
        assert ended(capsys, "hardware", "collect", folder)[0] == 2


def test_a_job_missing_between_others_is_named(ledgers, tmp_path, capsys):
    folder = Path(shutil.copytree(ledgers[0]["collected"], tmp_path / "ledger"))
    shutil.copytree(folder / "jobs" / "0000", folder / "jobs" / "0002")
    assert run(["hardware", "status", str(folder)]) == 2
    assert "0001/entry.json, found none" in capsys.readouterr().err


WRONG = (None, "x", "", -1, 0.5, True, [], {}, ["a"], {"a": 1}, float("nan"), float("inf"), 10**400, [[[]]])


def test_every_key_of_a_manifest_has_its_type(ledgers, tmp_path, capsys):
    # Seen to fail: a manifest that is a dictionary of anything.
    folder = Path(shutil.copytree(ledgers[0]["collected"], tmp_path / "ledger"))
    manifest = json.loads((folder / "manifest.json").read_text())
    keys = set(FisherManifest.model_fields)
    assert set(manifest) <= keys
    statuses = []
    for place, key in enumerate(manifest):
        for wrong in WRONG[place % 3 :: 3]:
            (folder / "manifest.json").write_text(json.dumps(manifest | {key: wrong}))
            status, out = ended(capsys, "hardware", "collect", folder, "--json")
            assert status == 2 or json.loads(out)["matrix"] == ledgers[1], (key, wrong)
            statuses.append(status)
    assert statuses.count(2) > 0.7 * len(statuses)


# ---- killed on the way -----------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here, and cleans nothing."""


@pytest.mark.parametrize("step", range(0, 14))
def test_a_kill_at_any_step_of_a_submission_leaves_nothing_dead(tmp_path, monkeypatch, step):
    # Seen to fail: the manifest written before its circuit.
    countdown, replace_file, folder = [step], os.replace, tmp_path / "ledger"

    def killed(*arguments, **options):
        countdown[0] -= 1
        if countdown[0] < 0:
            raise Killed
        return replace_file(*arguments, **options)

    monkeypatch.setattr(os, "replace", killed)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    where = device_by_name("fake_manila")
    try:
        submit(request(60), where, folder, 60.0)
    except Killed:
        monkeypatch.undo()
        command = ["resume", str(folder)] if folder.exists() else None
        if command is None:
            submit(request(60), where, folder, 60.0)
        else:
            assert run(["hardware", *command]) == 0
    monkeypatch.undo()
    assert collect(Ledger(folder), where).shots > 0
    assert not list(tmp_path.rglob(".*.tmp"))

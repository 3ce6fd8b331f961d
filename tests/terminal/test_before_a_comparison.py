"""`qgeo compare --write-config` and `--dry-run`: what would run, and nothing is run."""

from __future__ import annotations

import json

import pytest

from qgeo.cli import run
from qgeo.comparison.config import load_configuration
from qgeo.terminal.comparison import _idle_workers
from tests.tiny_comparison import configuration as tiny
from tests.tiny_comparison import write_toml


def test_a_written_configuration_is_what_the_options_said(tmp_path, monkeypatch, capsys):
    # Seen to fail: a relative text, looked for beside the file and not where the command was given.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus.txt").write_text("the cat sat on the mat. " * 50, encoding="utf-8")
    (tmp_path / "deep").mkdir()
    given = ["--text", "corpus.txt", "--arms", "softmax+adam,born+quantum", "--steps", "7"]
    assert run(["compare", *given, "--write-config", "deep/mine.toml"]) == 0
    assert "qgeo compare deep/mine.toml runs it" in capsys.readouterr().err.replace("\n", " ")
    configuration = load_configuration(tmp_path / "deep" / "mine.toml")
    assert configuration.arms.names == ("softmax+adam", "born+quantum")
    assert configuration.training.steps == 7
    assert configuration.task.text == str(tmp_path / "corpus.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus.txt", "deep"]


@pytest.mark.parametrize(("trunk", "name"), [("gpt", "gpt"), ("none", "none"), ("tiny", "HERE/tiny")])
def test_a_trunk_is_named_or_a_folder_where_the_command_was_given(trunk, name, tmp_path, monkeypatch, capsys):
    # Seen to fail: a relative folder, looked for beside the file that was written.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep").mkdir()
    (tmp_path / "mine.toml").write_text("[trunk]\nwidth = 16\n")
    assert run(["compare", "mine.toml", "--trunk", trunk, "--write-config", "deep/mine.toml"]) == 0
    written = load_configuration(tmp_path / "deep" / "mine.toml").trunk
    assert (written.name, written.width) == (name.replace("HERE", str(tmp_path)), 16)
    capsys.readouterr()


def test_a_folder_without_a_model_ends_with_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["compare", "--task", "golden-mean", "--trunk", "gtp", "--dry-run"]) == 2
    assert "as gpt or a folder with a Hugging Face model, got 'gtp'" in capsys.readouterr().err.replace(
        "\n", " "
    )


def test_a_file_that_exists_is_kept(tmp_path, capsys):
    place = tmp_path / "mine.toml"
    place.write_text("kept", encoding="utf-8")
    assert run(["compare", "--write-config", str(place)]) == 2
    assert "exists" in capsys.readouterr().err
    assert place.read_text(encoding="utf-8") == "kept"


def test_a_dry_run_counts_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    config = write_toml(tmp_path / "tiny.toml")
    assert run(["compare", str(config), "--dry-run", "--json", "--workers", "1"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert sum(arm["runs"] for arm in said["arms"]) == 3 * (2 + 2)
    assert run(["compare", str(config), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "12 runs of 6 steps; nothing was written" in out
    assert "MiB beside the imports" in out
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]


@pytest.mark.parametrize("option", [["--dry-run"], ["--write-config", "new.toml"]])
def test_a_run_that_goes_on_is_not_rehearsed(tmp_path, option, capsys, monkeypatch):
    # Seen to fail: the default comparison was, whatever the folder holds.
    monkeypatch.chdir(tmp_path)
    assert run(["compare", "--resume", "somewhere", *option]) == 2
    assert "expected --dry-run or --write-config without --resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("[training]\nstesp = 3", "did you mean 'training.steps'?"),
        ("[trainin]\nsteps = 3", "did you mean 'training'?"),
        ('[[arm]]\nhead = "born"\nmetrc = "adam"', "did you mean 'arm.0.metric'?"),
        ("[tuning]\nzzz = 1", "expected one of kl, damping, kl_alone, lr, seeds"),
    ],
)
def test_an_unknown_key_is_guessed(tmp_path, capsys, text, advice):
    place = tmp_path / "typo.toml"
    place.write_text(text, encoding="utf-8")
    assert run(["compare", str(place)]) == 2
    assert advice in capsys.readouterr().err


DEVICE = {"backend": {"name": "fake_manila", "shots": 64, "max_seconds": 10.0}}
"""Its jobs go through a ledger."""


@pytest.mark.parametrize(
    ("sections", "workers", "scheduler", "asked"),
    [
        (DEVICE, 2, None, "--workers 2 serves"),
        (DEVICE, None, "tcp://h:1", "--scheduler tcp://h:1 serves"),
        (DEVICE, 1, None, None),
        (DEVICE, None, None, None),
        ({}, 2, None, None),
    ],
)
def test_workers_that_a_ledger_has_no_use_for_are_told(sections, workers, scheduler, asked):
    # Seen to fail: two workers asked for, one process at work, and not a word of it.
    told = _idle_workers(tiny(**sections), workers, scheduler)
    assert [note.startswith(f"{asked} tuning runs and races only") for note in told] == [True] * (
        asked is not None
    )
    assert all("the ledger of fake_manila, in this process" in note for note in told)

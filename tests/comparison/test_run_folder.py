"""Run folders: they appear whole or not at all, a crash leaves them usable, nothing is unpickled."""

from __future__ import annotations

import json
import os
import pickle
import stat
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from qgeo import files
from qgeo.comparison import run_folder
from qgeo.comparison.outcomes import Outcome
from qgeo.comparison.run_folder import (
    OUTPUTS,
    RunFolder,
    create_run_folder,
    head_bytes,
    load_head,
    open_run_folder,
    part_file,
    sweep_drafts,
    write_atomically,
    write_json,
    write_json_lines,
)
from qgeo.errors import RunFolderError


class Crash(BaseException):
    """The process ends here."""


# --- the folder ---------------------------------------------------------------------------------------------


def test_a_new_folder_holds_its_configuration_and_corpus(tmp_path):
    folder = create_run_folder(tmp_path / "deep" / "run", "a = 1\n", "Text\r\nwith ends")
    assert folder.config.read_text() == "a = 1\n"
    assert folder.corpus.read_bytes() == b"Text\r\nwith ends"
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o755
    assert open_run_folder(folder.path) == folder
    assert not folder.is_finished
    assert [path.name for path in folder.path.parent.iterdir()] == ["run"]


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "run").mkdir()
    assert create_run_folder(tmp_path / "run", "", None).config.exists()
    assert not RunFolder(tmp_path / "run").corpus.exists()


def a_file(path: Path) -> None:
    path.write_text("mine")


def a_full_folder(path: Path) -> None:
    path.mkdir()
    (path / ".hidden").write_text("mine")


@pytest.mark.parametrize("occupy", [a_file, a_full_folder])
def test_what_is_there_is_left_alone(tmp_path, occupy):
    # Seen to fail: a check that overlooks hidden files.
    place = tmp_path / "run"
    occupy(place)
    with pytest.raises(RunFolderError, match="expected a new or empty folder for --out"):
        create_run_folder(place, "a = 1", None)
    assert "mine" in [path.read_text() for path in (place, *tmp_path.rglob("*")) if path.is_file()]


UNWRITABLE = ["file/run", "file/deep/run", "x" * 300, "/proc/qgeo-run", "/dev/null/run"]


@pytest.mark.parametrize(
    "name", UNWRITABLE, ids=["under a file", "deep under a file", "long", "proc", "null"]
)
def test_a_place_that_cannot_be_written_is_explained(tmp_path, name):
    # Once an OSError where the name was too long.
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"cannot write .*; choose another folder"):
        create_run_folder(tmp_path / name, "", None)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("error", [Crash(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("step", range(6))
def test_a_folder_that_was_interrupted_is_not_there(tmp_path, monkeypatch, step, error):
    # Seen to fail: a folder made in place (mkdir, then its files).
    calls = {"os": ("fsync", "chmod", "replace"), "Path": ("chmod", "replace", "mkdir")}
    countdown = [step]

    def counted(original):
        def call(*arguments, **options):
            countdown[0] -= 1
            if countdown[0] == -1:
                raise error
            return original(*arguments, **options)

        return call

    monkeypatch.setattr(files.shutil, "rmtree", lambda *_, **__: None)  # who is killed cleans nothing
    for holder, names in ((os, calls["os"]), (Path, calls["Path"])):
        for name in names:
            monkeypatch.setattr(holder, name, counted(getattr(holder, name)))
    place = tmp_path / "run"
    with pytest.raises(Crash if isinstance(error, Crash) else RunFolderError):
        create_run_folder(place, "a = 1", "text")
    monkeypatch.undo()
    assert not place.exists()
    assert create_run_folder(place, "a = 1", "text").corpus.read_text() == "text"


@pytest.mark.parametrize("make", [lambda _: None, a_file, Path.mkdir])
def test_what_is_no_run_folder_is_not_opened(tmp_path, make):
    make(tmp_path / "run")
    with pytest.raises(RunFolderError, match=r"expected a run folder with a config\.toml, found none at"):
        open_run_folder(tmp_path / "run")


# --- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Crash(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_file_is_old_or_complete(tmp_path, monkeypatch, step, error):
    # Seen to fail: write_text in place.
    place = tmp_path / "file.json"
    write_atomically(place, "old")

    def crash(*_arguments, **_options):
        raise error

    monkeypatch.setattr(os, step, crash)
    with pytest.raises(Crash if isinstance(error, Crash) else RunFolderError):
        write_atomically(place, "new" * 1000)
    monkeypatch.undo()
    assert place.read_text() == "old"
    write_atomically(place, "new")
    assert place.read_text() == "new"


def test_files_below_a_file_cannot_be_written(tmp_path):
    # Once an OSError with a traceback.
    (tmp_path / "parts").write_text("")
    with pytest.raises(RunFolderError, match="cannot write"):
        write_json(RunFolder(tmp_path).part("final/a-0"), {})


def test_json_is_utf_8_with_every_digit(tmp_path):
    content = {"θ": [0.1 + 0.2, 1e-300, None, True], "▯": "a\nb"}
    write_json(tmp_path / "a.json", content)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == content
    assert "θ" in (tmp_path / "a.json").read_bytes().decode()
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o644


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_is_not_written(tmp_path, number):
    # Seen to fail: allow_nan left at its default.
    for write in (lambda p, c: write_json(p, c), lambda p, c: write_json_lines(p, [c])):
        with pytest.raises(ValueError, match="not JSON compliant"):
            write(tmp_path / "a", {"loss": number})
    assert not list(tmp_path.iterdir())


def test_lines_are_one_object_each(tmp_path):
    rows = [{"step": 1, "note": "a\nb"}, {"step": 2}]
    write_json_lines(tmp_path / "a.jsonl", iter(rows))
    assert [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()] == rows


OUTCOME = {
    "job": {"arm": "born+adam", "setting": {"lr": 0.1}, "replicate": 0, "seed": 0, "final": False},
    "validation_loss": 1.0,
    "diverged": False,
}


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return create_run_folder(tmp_path / "run", "a = 1\n[backend]\nmax_seconds = 2.0\n", "text")


def keep_outcome(folder: RunFolder) -> None:
    folder.write_files([part_file("a", OUTCOME, folder.read_digests().inputs)])


def save_head(place: Path, head: nn.Module) -> None:
    RunFolder(place.parent).write_files([(place.name, head_bytes(head))])


def test_an_outcome_comes_back(folder):
    keep_outcome(folder)
    kept = folder.read_outcome("a", Outcome)
    assert (kept.validation_loss, kept.job.arm) == (1.0, "born+adam")
    assert stat.S_IMODE(folder.part("a").stat().st_mode) == 0o644


def edited(part: Path) -> None:
    part.write_text(part.read_text().replace('"validation_loss": 1.0', '"validation_loss": 0.5'))


def without_seal(part: Path) -> None:
    content = json.loads(part.read_text())
    part.write_text(json.dumps({key: value for key, value in content.items() if key != "sha256"}, indent=1))


@pytest.mark.parametrize("change", [edited, without_seal])
def test_a_changed_outcome_is_noticed(folder, change):
    # Seen to fail: a part read without its seal.
    keep_outcome(folder)
    change(folder.part("a"))
    with pytest.raises(RunFolderError, match=r"a\.json: expected the file as it was written.*use --resume"):
        folder.read_outcome("a", Outcome)


def test_an_outcome_of_another_comparison_is_noticed(folder, tmp_path):
    # Seen to fail: a part that does not say what it was made with.
    other = create_run_folder(tmp_path / "other", "a = 2\n", "text")
    keep_outcome(other)
    folder.part("a").parent.mkdir()
    folder.part("a").write_bytes(other.part("a").read_bytes())
    with pytest.raises(RunFolderError, match="it was made with other settings or another corpus"):
        folder.read_outcome("a", Outcome)


def test_settings_that_decide_numbers_are_noticed_and_others_are_free(folder):
    # Seen to fail: a digest over the whole file.
    folder.check_inputs({"a": 1, "backend": {"max_seconds": 9.0}, "environment": {"qgeo": "9"}})
    with pytest.raises(RunFolderError, match=r"config\.toml to decide the same numbers .* other settings"):
        folder.check_inputs({"a": 2, "backend": {"max_seconds": 2.0}})


def test_another_corpus_is_noticed(folder):
    folder.corpus.write_text("Text")
    with pytest.raises(RunFolderError, match=r"corpus\.txt as it was written"):
        folder.check_inputs({"a": 1, "backend": {}})


def test_outputs_are_sealed_in_the_end(folder):
    for name in OUTPUTS:
        (folder.path / name).write_text("{}\n")
    assert folder.read_results() == {}
    folder.seal_outputs()
    assert folder.read_lines("records.jsonl") == [{}]
    for name in OUTPUTS:
        (folder.path / name).write_text('{"x": 1}\n')
        with pytest.raises(
            RunFolderError, match=rf"{name}: expected it as it was written.*remove report\.html"
        ):
            folder.read_output(name)


def test_a_folder_of_0_1_is_refused_in_one_sentence(folder):
    folder.digests.unlink()
    with pytest.raises(
        RunFolderError, match=r"in format 3.*qgeo 0\.1 wrote it.*use that version, or start anew"
    ):
        open_run_folder(folder.path)


def test_drafts_of_dead_processes_are_swept(folder):
    # Seen to fail: drafts left for ever; those of a process that lives taken too.
    (folder.path / "parts" / "final").mkdir(parents=True)
    dead, alive = ".a.json.4194305.tmp", f".a.json.{os.getppid()}.tmp"  # 2²² is the largest number there is
    for name in (dead, alive):
        (folder.path / "parts" / "final" / name).write_text("half a p")
    sweep_drafts(folder)
    assert [path.name for path in (folder.path / "parts" / "final").iterdir()] == [alive]


# --- heads --------------------------------------------------------------------------------------------------


def linear(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Linear(3, 2, dtype=torch.float64)


def test_a_head_comes_back_bit_for_bit(tmp_path):
    place = tmp_path / "heads" / "a+b-0.npz"
    saved = linear(0)
    with torch.no_grad():
        saved.bias[0] = torch.nan  # a diverged head too
    save_head(place, saved)
    loaded = load_head(place, linear(1))
    assert all(
        torch.equal(a.nan_to_num(7), b.nan_to_num(7))
        for a, b in zip(*map(nn.Module.parameters, (saved, loaded)), strict=True)
    )
    assert [path.name for path in place.parent.iterdir()] == ["a+b-0.npz"]
    assert stat.S_IMODE(place.stat().st_mode) == 0o644


class Bomb:
    """Pickled content that would write a file when it is read."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def as_object_array(place: Path, bomb: Bomb) -> None:
    with place.open("wb") as file:
        np.savez(file, weight=np.array([bomb], dtype=object), bias=np.zeros(2))


def as_pickle(place: Path, bomb: Bomb) -> None:
    place.write_bytes(pickle.dumps(bomb))


def as_torch_file(place: Path, bomb: Bomb) -> None:
    torch.save({"weight": bomb}, place)


@pytest.mark.parametrize("write", [as_object_array, as_pickle, as_torch_file])
def test_pickled_content_is_refused(tmp_path, write):
    # Seen to fail: allow_pickle=True.
    target, place = tmp_path / "fired", tmp_path / "head.npz"
    write(place, Bomb(target))
    with pytest.raises(RunFolderError, match=r"cannot read .*head\.npz: .*; remove it, .* and use --resume"):
        load_head(place, linear(0))
    assert not target.exists()


def other_arrays(**arrays: np.ndarray):
    def write(place: Path) -> None:
        with place.open("wb") as file:
            np.savez(file, **arrays)

    return write


def cut(place: Path) -> None:
    save_head(place, linear(0))
    place.write_bytes(place.read_bytes()[:-40])


def one_array(place: Path) -> None:
    with place.open("wb") as file:
        np.save(file, np.zeros(3))


DAMAGED = {
    "empty": lambda place: place.write_bytes(b""),
    "junk": lambda place: place.write_bytes(b"junk" * 10),
    "zip in name": lambda place: place.write_bytes(b"PK\x03\x04junk"),
    "cut": cut,
    "one array": one_array,
    "other names": other_arrays(weight=np.zeros((2, 3))),
    "other shapes": other_arrays(weight=np.zeros((2, 4)), bias=np.zeros(2)),
    "strings": other_arrays(weight=np.full((2, 3), "x"), bias=np.zeros(2)),
    "a folder": Path.mkdir,
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_head_is_explained_in_one_sentence(tmp_path, kind):
    # Once a BadZipFile, an EOFError or a TypeError with a traceback.
    place = tmp_path / "head.npz"
    DAMAGED[kind](place)
    with pytest.raises(
        RunFolderError, match=r"cannot read .*head\.npz: .*; remove it, .* and use --resume"
    ) as found:
        load_head(place, linear(0))
    assert "\n" not in str(found.value)


def test_a_head_that_is_not_there_is_not_trained_yet(tmp_path):
    with pytest.raises(RunFolderError, match="expected a trained head, found none at"):
        load_head(tmp_path / "head.npz", linear(0))


def test_paths_are_where_the_docstring_says():
    folder = RunFolder(Path("r"))
    assert folder.part("final/born+adam-0") == Path("r/parts/final/born+adam-0.json")
    assert folder.head("born+adam", 0) == Path("r/heads/born+adam-0.npz")
    named = run_folder.__doc__ or ""
    assert all(path.name in named for path in (folder.config, folder.corpus, folder.results, folder.report))

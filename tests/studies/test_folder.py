"""Folders of studies: a kill costs one piece of work, files come out the same, and mistakes are sentences."""

from __future__ import annotations

import json

import numpy as np
import pytest
from html_page import Page

from qgeo import cli
from qgeo.errors import ConfigurationError, RunFolderError
from qgeo.plot.agreement import Agreement, agreement
from qgeo.studies import folder as folders
from qgeo.studies import keep
from qgeo.studies.catalogue import STUDIES
from qgeo.studies.folder import create, go_on, open_folder
from qgeo.studies.study import Check, Drawing, Findings, Study, Table
from qgeo.workers.workforce import Workforce

HERE = Workforce(1)


def items(preset):
    return [{"kind": "square", "number": number} for number in range({"quick": 3, "full": 5}[preset])]


def squared(item):
    return {"square": item["number"] ** 2}


def concluded(rows):
    total = sum(row["square"] for row in rows)
    check = Check.below("null", "total", total, 10)
    return Findings("supported", f"{total} <in> all", (check,), (Table("Squares", ("n",), (("1",),)),))


def drawn(rows):
    numbers = np.array([row["square"] for row in rows], dtype=float)
    return [Drawing("squares", "Squares.", agreement([Agreement("all", numbers, numbers)]))]


TOY = Study(
    "toy", "Do squares add?", "They do.", "Ours.", "x² ≥ 0", "Add.", "No.", items, squared, concluded, drawn
)


@pytest.fixture
def studies(monkeypatch):
    """The catalogue with a study that takes no time."""
    monkeypatch.setitem(STUDIES._records, "toy", TOY)
    return STUDIES


@pytest.mark.usefixtures("studies")
class TestFolder:
    def test_it_is_done_once_and_written_whole(self, tmp_path):
        # Seen to fail: rows in the order of their ends; a page without the answer; parts of a finished run
        # measured again; the command without a tabindex.
        seen = []
        folder = create(tmp_path / "run", "toy", "quick")
        summary = go_on(folder, HERE, lambda *done: seen.append(done))
        assert (summary["verdict"], summary["answer"]) == ("supported", "5 <in> all")
        assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
        rows = [json.loads(line) for line in (folder.path / "rows.jsonl").read_text().splitlines()]
        assert [row["square"] for row in rows] == [0, 1, 4]
        page = (folder.path / "report.html").read_text()
        assert "5 &lt;in&gt; all" in page
        assert not Page(page).unreachable
        assert (folder.path / "figures/squares.svg").is_file()
        assert (folder.path / "figures/squares.pdf").is_file()

    def test_what_a_kill_left_goes_on_to_the_same_bytes(self, tmp_path, monkeypatch):
        # Seen to fail: a part measured twice.
        whole = create(tmp_path / "whole", "toy", "quick")
        go_on(whole, HERE)
        broken = create(tmp_path / "broken", "toy", "quick")
        measured, calls = folders.measured, []

        def killed(study, piece):
            if len(calls) == 2:
                raise KeyboardInterrupt
            calls.append(piece)
            return measured(study, piece)

        monkeypatch.setattr(folders, "measured", killed)
        with pytest.raises(KeyboardInterrupt):
            go_on(broken, HERE)
        monkeypatch.setattr(folders, "measured", lambda *piece: calls.append(piece) or measured(*piece))
        go_on(open_folder(broken.path), HERE)
        assert len(calls) == 3
        for name in ("rows.jsonl", "results.json", "report.html", "figures/squares.svg"):
            assert (broken.path / name).read_bytes() == (whole.path / name).read_bytes()

    def test_a_part_that_was_changed_or_moved_is_noticed(self, tmp_path):
        # Seen to fail: a part copied over another.
        folder = create(tmp_path / "run", "toy", "quick")
        go_on(folder, HERE)
        folder.part(0).write_bytes(folder.part(1).read_bytes())
        with pytest.raises(RunFolderError, match="it is another piece of work"):
            go_on(folder, HERE)
        folder.part(0).write_text(folder.part(1).read_text().replace("1", "2"))
        with pytest.raises(RunFolderError, match="0000"):
            go_on(folder, HERE)

    def test_another_version_s_pieces_are_not_mixed_in(self, tmp_path, monkeypatch):
        # Seen to fail: the preset's new items taken with the old ones' parts.
        create(tmp_path / "run", "toy", "quick")
        other = Study(**{**vars(TOY), "items": lambda _: [{"number": 7}]})
        monkeypatch.setitem(STUDIES._records, "toy", other)
        with pytest.raises(RunFolderError, match="another version of qgeo"):
            open_folder(tmp_path / "run")

    def test_no_folder_no_study(self, tmp_path):
        with pytest.raises(RunFolderError, match="qgeo study run NAME"):
            open_folder(tmp_path)
        with pytest.raises(ConfigurationError, match="a study among"):
            create(tmp_path / "run", "nope", "quick")
        assert not (tmp_path / "run").exists()

    def test_the_command(self, tmp_path, capsys):
        assert cli.run(["study", "run", "toy", "--out", str(tmp_path / "run"), "--workers", "1"]) == 0
        assert "toy: supported. 5 <in> all" in capsys.readouterr().out
        again = ["study", "run", "--resume", str(tmp_path / "run"), "--workers", "1", "--json"]
        assert cli.run(again) == 0
        assert json.loads(capsys.readouterr().out)["verdict"] == "supported"

    def test_a_finished_study_is_kept(self, tmp_path, capsys):
        # Seen to fail: a folder without results kept as an empty one.
        folder = create(tmp_path / "run", "toy", "quick")
        assert keep.main([str(folder.path)]) == 2
        assert "expected a finished study" in capsys.readouterr().err
        go_on(folder, HERE)
        place = keep.keep(folder.path, tmp_path / "kept")
        assert sorted(file.name for file in place.iterdir()) == ["results.json", "squares.svg"]
        assert (place / "results.json").read_bytes() == (folder.path / "results.json").read_bytes()

    def test_a_check_that_fails_ends_with_status_1(self, tmp_path, capsys):
        # Seen to fail: status 0.
        asked = ["study", "run", "toy", "--preset", "full", "--out", str(tmp_path / "run"), "--workers", "1"]
        assert cli.run(asked) == 1
        assert "no verdict: a check failed: expected total below 10, saw 30" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "expected names of studies, all, or --resume FOLDER"),
        (["filter", "--resume", "there"], "expected names of studies, all, or --resume FOLDER"),
        (["--resume", "there", "--out", "here"], "got --out too"),
        (["nope"], "expected a study among filter"),
        (["filter", "--preset", "big"], "expected --preset quick or full, got 'big'"),
        (["--resume", "nowhere"], "expected a folder that qgeo study run made"),
    ],
)
def test_mistakes(options, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.run(["study", "run", *options]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_list_and_show(capsys):
    assert cli.run(["study", "list"]) == 0
    assert "filter" in capsys.readouterr().out
    assert cli.run(["study", "show", "filter"]) == 0
    assert "pieces of work" in capsys.readouterr().out
    assert cli.run(["study", "show", "filter", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["items"]) == {"quick", "full"}


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_keeps_its_word(name):
    """Items are JSON, different in both presets, none twice; a name is that of a figure's file."""
    study = STUDIES[name]
    for preset in ("quick", "full"):
        texts = [json.dumps(item, sort_keys=True) for item in study.items(preset)]
        assert len(set(texts)) == len(texts)
    assert study.items("quick") != study.items("full")
    assert study.limits.strip()
    assert study.method.strip()

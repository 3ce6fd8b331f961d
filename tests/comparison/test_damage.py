"""The damage table of a run folder: every file × every damage; a command ends in seconds, adopts nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from damages import damages_of, ended
from tiny_comparison import configuration, one_trial, settings

from qgeo.comparison.comparison import compare, resume
from qgeo.comparison.run_folder import OUTPUTS
from qgeo.errors import RunFolderError

PARTS = (
    "config.toml",
    "digests.json",
    "corpus.txt",
    "parts/tuning/softmax+sgd-lr0.1-10000.json",
    "parts/final/softmax+sgd-0.json",
    "heads/softmax+sgd-0.npz",
)
SMALL = {
    "arms": {"names": ["softmax+sgd"]},
    "training": {"steps": 2, "seeds": 1, "evaluate_every": 1},
    "tuning": one_trial(0.1),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("damage")
    (folder / "text.txt").write_text("the cat sat on the mat and the dog sat on the log. " * 40)
    task = {"text": str(folder / "text.txt"), "context": 2, "vocabulary": 6}
    compare(configuration(task=task, **SMALL), out=folder / "run", workers=1)
    return folder / "run"


def losses(out: str) -> list:
    return [arm["final_loss"] for arm in json.loads(out)["arms"]]


@pytest.fixture(scope="module")
def written(finished) -> list:
    return losses((finished / "results.json").read_text())


@pytest.mark.parametrize("name", PARTS)
def test_every_damage_of_what_a_report_is_made_from_is_noticed_or_mended(
    finished, written, tmp_path, capsys, name
):
    # Seen to fail: a part without its seal (another loss), a head that no part knows.
    for place, (kind, damage) in enumerate(damages_of(Path(name)).items()):
        folder = Path(shutil.copytree(finished, tmp_path / str(place)))
        damage(folder / name)
        status, _ = ended(capsys, "generate", folder, "--length", 5)
        assert status == 2 or name.startswith("parts/tuning"), kind
        if kind != "missing" or not name.startswith("parts"):  # a missing part is made again: below
            (folder / "report.html").unlink()
            assert ended(capsys, "compare", "--resume", folder, "--workers", 1)[0] == 2, kind
    assert written


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_damage_of_an_output_is_noticed(finished, tmp_path, capsys, name):
    # Seen to fail: results.json read as it stands, another loss included.
    for place, (kind, damage) in enumerate(damages_of(Path(name)).items()):
        folder = Path(shutil.copytree(finished, tmp_path / str(place)))
        damage(folder / name)
        status, out = ended(capsys, "compare", "--resume", folder, "--json")
        if name == "results.json":
            assert (status, out) == (2, "") or kind in ("missing", "ring of links"), kind
        else:  # a finished comparison needs no records
            assert status == 0, kind


@pytest.mark.parametrize(
    "name", ["parts/final/softmax+sgd-0.json", "results.json", "figures/final-losses.svg"]
)
def test_what_is_missing_is_made_again(finished, written, tmp_path, capsys, name):
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    (folder / name).unlink()
    (folder / "report.html").unlink()
    status, out = ended(capsys, "compare", "--resume", folder, "--workers", 1, "--json")
    assert (status, losses(out)) == (0, written)


@pytest.mark.parametrize("kind", ["final", "race"])
def test_a_run_copied_over_another_is_noticed(tmp_path, kind):
    # Seen to fail: a final run of F_Q under the name of F_C, and a replicate's race under that of another, in
    # the verdict, as their seals and inputs are right.
    small = {"training": {"steps": 2, "evaluate_every": 1}, "tuning": one_trial(0.1)}
    protocol = {"replicates": 2, "finals": 1, "exploratory": 2}
    more = {"protocol": protocol, "race": {"draws": 2, "steps": [0], "windows": 16}}
    settings_ = settings(arms={"names": ["born+quantum", "born+classical"]}, **small) | more
    folder = compare(settings_, out=tmp_path / "run").folder
    names = {
        "final": ("born+quantum-1", "born+classical-1"),
        "race": ("born+quantum-0", "born+quantum-1"),
    }
    ours, theirs = (folder / "parts" / kind / f"{name}.json" for name in names[kind])
    shutil.copy(ours, theirs)
    (folder / "report.html").unlink()
    with pytest.raises(RunFolderError, match=r"it is the outcome of another (run|race); remove it"):
        resume(folder, workers=1)

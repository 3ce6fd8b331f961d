"""Classical heads are as large as the quantum head beside them, or the comparison says that they are not."""

from __future__ import annotations

import json

import pytest
from tiny_comparison import configuration, one_trial, write_toml

from qgeo.cli import run
from qgeo.comparison.arms import Arm, build_head
from qgeo.comparison.comparison import compare
from qgeo.comparison.config import load_configuration, parse_configuration
from qgeo.comparison.inputs import build_task
from qgeo.comparison.matching import TOLERANCE, size_warnings
from qgeo.comparison.sections import Configuration, HeadsSection
from qgeo.heads.jacobian import count_trainable

MATCHED = [
    (["born+quantum", "softmax+adam"], "born"),
    (["softmax+adam", "pauli+quantum"], "pauli"),
    (["mlp+adam", "pauli+adam", "born+adam"], "pauli"),
    (["mlp+adam", "born+adam", "pauli+adam"], "born"),
    (["softmax+adam"], "born"),
]


@pytest.mark.parametrize(("names", "matched"), MATCHED)
def test_classical_heads_are_matched_to_the_first_quantum_head(names, matched):
    # Seen to fail: matching to born, whatever stands beside.
    assert parse_configuration({"arms": {"names": names}}).heads.matched_to == matched
    assert Configuration(heads=HeadsSection(matched_to="born")).heads.matched_to == "born"


def test_a_classical_head_has_the_size_of_the_head_it_is_matched_to():
    config = parse_configuration({"arms": {"names": ["pauli+quantum", "mlp+adam"]}})
    pauli, mlp = (
        count_trainable(build_head(Arm(name, "adam"), 32, 3, config.heads, 0)) for name in ("pauli", "mlp")
    )
    assert abs(mlp - pauli) <= (3 * 4 + 1 + 32) / 2  # half of what a feature adds
    assert size_warnings(config, build_task(config.task)) == []


def test_heads_of_other_sizes_are_named():
    # Seen to fail: only classical heads compared (born 288 beside pauli 801 without a word).
    config = parse_configuration({"arms": {"names": ["born+quantum", "pauli+quantum", "mlp+adam"]}})
    (warning,) = size_warnings(config, build_task(config.task))
    assert warning.startswith(
        "pauli has 801 trainable parameters, born, to which heads are matched, 288 (+178%)"
    )
    coarse = configuration(arms={"names": ["born+quantum", "softmax+adam"]})
    head = {
        name: count_trainable(build_head(Arm(name, "adam"), 2, 2, coarse.heads, 0))
        for name in ("born", "softmax")
    }
    assert abs(head["softmax"] / head["born"] - 1) > TOLERANCE
    (warning,) = size_warnings(coarse, build_task(coarse.task))
    assert warning.startswith(f"softmax has {head['softmax']} trainable parameters, born")


def test_options_choose_arms_before_sizes_are_matched(tmp_path, capsys):
    # Seen to fail: the head matched to the file's arms, kept when --arms names others.
    place = write_toml(tmp_path / "c.toml", arms={"names": ["born+adam", "softmax+adam"]})
    out = tmp_path / "run"
    options = ["--arms", "pauli+adam,born+adam,mlp+adam", "--steps", "1", "--seeds", "1", "--workers", "1"]
    assert run(["compare", str(place), *options, "--out", str(out), "--json"]) == 0
    printed = capsys.readouterr()
    assert load_configuration(out / "config.toml").heads.matched_to == "pauli"
    results = json.loads(printed.out)
    assert results["protocol"]["matched_to"] == "pauli"
    assert results["warnings"]
    for warning in results["warnings"]:
        assert f"warning: {warning}" in printed.err
        assert warning.split(" (")[0] in (out / "report.html").read_text(encoding="utf-8")
    assert run(["compare", "--resume", str(out)]) == 0
    assert f"warning: {results['warnings'][0]}" in capsys.readouterr().out


def test_a_comparison_of_equal_heads_warns_of_nothing(tmp_path):
    few = configuration(
        arms={"names": ["born+adam"]},
        training={"steps": 1, "seeds": 1},
        tuning=one_trial(0.1),
    )
    found = compare(few, out=tmp_path / "run")
    assert found.results["warnings"] == []
    assert "may be one of size" not in found.report.read_text(encoding="utf-8")

"""`qgeo fisher --method …`: every method by name, on every kind of backend, and what does not go together."""

from __future__ import annotations

import json

import numpy as np
import pytest

from qgeo.cli import run
from qgeo.estimators.methods import METHODS, methods_with
from qgeo.terminal.fisher_estimate import DEFAULT_SHOTS, MIXED
from qgeo.terminal.values import random_values

WITH_DRAWS = methods_with(lambda each: each.has_draws)

BLOCH = """OPENQASM 3.0;
include "stdgates.inc";
input float a;
input float b;
qubit q;
ry(a) q;
rz(b) q;
"""


@pytest.fixture
def bloch(tmp_path):
    place = tmp_path / "bloch.qasm"
    place.write_text(BLOCH)
    return place


@pytest.mark.parametrize("method", [*METHODS, MIXED])
def test_every_method_runs_in_its_exact_limit(method, bloch, capsys):
    assert run(["fisher", str(bloch), "--random", "3", "--method", method, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["method"] == method
    assert report["cost"]["circuits"] == report["cost"]["shots"] == 0
    if method in ("lin-comb", "mid-circuit", "parameter-shift", MIXED):
        assert np.allclose(report["matrix"], np.diag([1, np.sin(random_values(2, 3)[0]) ** 2]), atol=1e-9)


def test_shots_mean_aer_and_their_cost_is_reported(bloch, capsys):
    arguments = ["fisher", str(bloch), "--random", "3", "--method", "lin-comb", "--shots", "500", "--json"]
    assert run(arguments) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["cost"]["circuits"] == 3
    assert first["cost"]["shots"] == 1500
    assert np.array(first["stderr"]).shape == (2, 2)
    assert run(arguments) == 0
    assert json.loads(capsys.readouterr().out)["matrix"] == first["matrix"]  # --draw 0 either way


def test_entries_that_rare_outcomes_may_bias_are_named(tmp_path, capsys):
    # Seen to fail: printed for entries of a symmetric matrix twice; never.
    circuit, values = tmp_path / "circuit.qasm", tmp_path / "values.txt"
    circuit.write_text(BLOCH.replace("rz", "rx"))
    values.write_text("0.02\n0.02\n")  # |1⟩ comes once in 5,000 shots, and holds all of F_C
    arguments = ["fisher", str(circuit), "--values", str(values), "--method", "sampled-cfi", "--shots", "50"]
    assert run([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["flagged"] == [[True, True], [True, True]]
    assert run(arguments) == 0
    shown = capsys.readouterr().out
    assert "bias may exceed their standard error: (a, a), (a, b), (b, b); take more shots" in shown
    assert run([*arguments[:-4], "--method", "lin-comb", "--shots", "50"]) == 0
    assert "flagged" not in capsys.readouterr().out


@pytest.mark.parametrize("backend", ["aer", "fake_manila", "aer:noise=fake_manila"])
def test_a_backend_without_shots_gets_the_default(backend, bloch, capsys):
    arguments = [
        "fisher",
        str(bloch),
        "--random",
        "3",
        "--method",
        "diagonal",
        "--backend",
        backend,
        "--json",
    ]
    assert run(arguments) == 0
    assert json.loads(capsys.readouterr().out)["cost"]["shots"] == 2 * DEFAULT_SHOTS


def test_projection_is_on_request(bloch, capsys):
    def smallest(*more: str) -> float:
        noisy = ["--method", "spsa", "--shots", "20", "--draws", "3", "--json"]
        assert run(["fisher", str(bloch), "--random", "3", *noisy, *more]) == 0
        return float(np.linalg.eigvalsh(json.loads(capsys.readouterr().out)["matrix"]).min())

    raw = {draw: smallest("--draw", str(draw)) for draw in range(6)}
    worst = min(raw, key=lambda draw: raw[draw])
    assert raw[worst] < -0.01
    assert smallest("--draw", str(worst), "--project") > -1e-12


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--shots", "100"], "expected no --backend, --shots or --project with the method exact"),
        (["--backend", "aer"], "expected no --backend, --shots or --project with the method exact"),
        (["--method", "lin-comb", "--shots", "1"], "expected at least 2 shots, got 1"),
        (["--method", "lin-comb", "--backend", "exact", "--shots", "9"], "choose --backend aer"),
        (["--method", "mixed-state", "--shots", "9"], "mixed-state, which is exact"),
        (["--method", "lin-comb", "--draws", "9"], "expected --draws with one of spsa"),
        (["--method", "lin-comb", "--backend", "fake_manilla"], "near names: fake_manila"),
    ],
)
def test_options_that_do_not_go_together(options, said, bloch, capsys):
    assert run(["fisher", str(bloch), "--random", "3", *options]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert not captured.out

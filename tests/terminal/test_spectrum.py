"""What a spectrum says: directions by name, bars, and what the measurement keeps."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from qgeo.cli import run
from qgeo.terminal.spectrum import bars, print_spectrum, spectrum_report

CIRCUIT = """OPENQASM 3.0;
include "stdgates.inc";
input angle a; input angle b; input angle c; input angle d;
qubit[2] q; bit[1] m;
rz(d) q[0];
ry(a) q[0]; ry(b) q[0]; cx q[0], q[1]; ry(c) q[1];
m[0] = measure q[0];
"""


@pytest.fixture
def circuit(tmp_path):
    path = tmp_path / "circuit.qasm"
    path.write_text(CIRCUIT, encoding="utf-8")
    return path


def test_null_directions_are_sums_of_names(capsys):
    # F of ry(a) ry(b) and of a parameter without effect.
    matrix = np.array([[1.0, 1, 0, 2], [1, 1, 0, 2], [0, 0, 0, 0], [2, 2, 0, 4]])
    report = spectrum_report(list("abcd"), matrix)
    assert (report["rank"], report["condition_number"]) == (1, 1.0)
    for direction in report["null_directions"]:
        vector = np.array([direction.get(name, 0.0) for name in "abcd"])
        np.testing.assert_allclose(matrix @ vector, 0, atol=1e-12)
    assert {"c": 1.0} in report["null_directions"]
    print_spectrum(report)
    assert "rank 1 of 4" in capsys.readouterr().out


def test_bars_grow_from_zero():
    assert bars(np.array([8.0, 7.0, 1.0, 1e-30])) == "█▇▁▁"
    assert len(bars(np.linspace(1, 0, 600))) == 72
    assert bars(np.zeros(3)) == "▁▁▁"


def test_what_the_command_prints(circuit, capsys):
    # Seen to fail: F_C of all qubits, where one is measured.
    assert run(["fisher", str(circuit), "--random", "3"]) == 0
    out = capsys.readouterr().out
    assert "rank 2 of 4; largest over smallest of these" in out
    assert "without effect here: a − b, d" in out or "without effect here: b − a, d" in out
    assert "F_C of the outcomes: trace 2.000000" in out


def test_json_only_gains_keys(circuit, capsys):
    assert run(["fisher", str(circuit), "--random", "3", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {"parameters", "matrix", "stderr", "method", "cost"} < set(report)
    quantum, classical = np.array(report["matrix"]), np.array(report["classical"])
    assert np.linalg.eigvalsh(quantum - classical).min() > -1e-12
    assert (report["rank"], len(report["null_directions"])) == (2, 2)


@pytest.mark.parametrize("suffix", [".json", ".csv", ".npz"])
def test_files_hold_the_printed_matrix(circuit, tmp_path, capsys, monkeypatch, suffix):
    out = tmp_path / f"f{suffix}"
    assert run(["fisher", str(circuit), "--random", "3", "--json", "--out", str(out)]) == 0
    report = json.loads(capsys.readouterr().out)
    np.testing.assert_array_equal(matrix_in(out), report["matrix"])
    # Seen to fail: computed first, then refused, and lost.
    monkeypatch.setattr("qgeo.terminal.fisher.fisher_report", lambda *_, **__: pytest.fail("computed"))
    assert run(["fisher", str(circuit), "--random", "3", "--out", str(out)]) == 2
    assert "expected a new file" in capsys.readouterr().err


def matrix_in(path):
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))["matrix"]
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            assert arrays["parameters"].tolist() == list("abcd")
            return arrays["matrix"]
    rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["", *"abcd"] == ["", *(row[0] for row in rows[1:])]
    return [[float(cell) for cell in row[1:]] for row in rows[1:]]


def test_another_ending_is_refused(circuit, tmp_path, capsys):
    assert run(["fisher", str(circuit), "--random", "3", "--out", str(tmp_path / "f.xls")]) == 2
    assert f".json, .csv, .npz, got {tmp_path / 'f.xls'}; name a file" in capsys.readouterr().err

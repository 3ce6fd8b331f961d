"""`qgeo circuits`: the list, the facts, the text."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from qgeo.circuit import catalogue
from qgeo.cli import run


def call(capsys, *arguments) -> tuple[int, str, str]:
    status = run(["circuits", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_the_list_has_a_row_per_entry(capsys):
    status, out, err = call(capsys, "list")
    assert (status, err) == (0, "")
    for name in catalogue.names():
        entry = catalogue.entry(name)
        row = next(line for line in out.splitlines() if f" {name} " in line)
        sizes = entry.num_qubits, len(entry.parameters), entry.rank, entry.classical_rank
        assert [int(cell) for cell in row.split("│")[-5:-1]] == list(sizes)


def test_the_list_as_json(capsys):
    status, out, err = call(capsys, "list", "--json")
    assert (status, err) == (0, "")
    assert [entry["name"] for entry in json.loads(out)] == list(catalogue.names())
    columns = {"name", "title", "qubits", "parameters", "rank", "classical_rank"}
    assert all(set(entry) == columns for entry in json.loads(out))


@pytest.mark.parametrize("name", catalogue.names())
def test_an_entry_is_shown_with_its_drawing(capsys, name):
    # Seen to fail: long lines of the drawing wrapped.
    status, out, _ = call(capsys, "show", name)
    entry = catalogue.entry(name)
    assert status == 0
    assert f"sha256: {entry.sha256}" in out
    assert f"builder: {entry.builder}" in out
    assert f"rank: {entry.rank}\n" in out
    assert f"classical_rank: {entry.classical_rank}\n" in out
    assert f"classical_fisher_eigenvalues: {entry.classical_fisher_eigenvalues[0]:.6g}" in out
    drawing = str(catalogue.circuit(name).draw(output="text", fold=-1))
    assert _without_ends(drawing) in _without_ends(out)  # rich before 15 leaves out spaces at ends of lines


@pytest.mark.parametrize("name", catalogue.names())
def test_an_entry_as_json_is_the_manifest(capsys, name):
    _, out, _ = call(capsys, "show", name, "--json")
    assert json.loads(out) == json.loads(json.dumps(asdict(catalogue.entry(name))))


def test_an_entry_s_text_goes_to_stdout_or_to_a_new_file(capsys, tmp_path):
    _, out, err = call(capsys, "export", "stokes")
    assert (out, err) == (catalogue.text("stokes"), "")
    place = tmp_path / "stokes.qasm"
    assert call(capsys, "export", "stokes", "--out", place) == (0, "", "")
    assert place.read_bytes() == catalogue.text("stokes").encode()


def test_an_existing_file_is_left_alone(capsys, tmp_path):
    # Seen to fail: write_text.
    place = tmp_path / "stokes.qasm"
    place.write_text("mine")
    status, out, err = call(capsys, "export", "stokes", "--out", place)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert place.read_text() == "mine"
    assert call(capsys, "export", "stokes", "--out", place / "below")[0] == 2


def _without_ends(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())

"""Observables in files and sums: what is read, what is written, every mistake in one sentence.

Seen to fail: labels read from the left, repeated labels that replace each other, a sign lost before a label
without a weight, weights written to 12 digits, comments only at the start of a line.
"""

from __future__ import annotations

import os
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

from qgeo.errors import ConfigurationError
from qgeo.observables import files
from qgeo.observables.files import load_observable, save_observable

PAULI = {"I": np.eye(2), "X": np.array([[0, 1], [1, 0]]), "Y": np.array([[0, -1j], [1j, 0]])}
PAULI["Z"] = np.diag([1, -1])


def dense(*terms: tuple[float, str]) -> np.ndarray:
    return sum(weight * reduce(np.kron, [PAULI[letter] for letter in label]) for weight, label in terms)


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "h.txt"
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


# --- sums -------------------------------------------------------------------------------------------------

SUMS = [
    ("0.5*ZZ - 0.2*XI + XX", [(0.5, "ZZ"), (-0.2, "XI"), (1.0, "XX")]),
    ("-XY", [(-1.0, "XY")]),
    ("  +  1e-3 * YI-2.E+1IZ  ", [(1e-3, "YI"), (-20.0, "IZ")]),
    ("1.5 ZZ + -0.5*ZZ", [(1.0, "ZZ")]),
    (".25*X - X", [(-0.75, "X")]),
    ("0.1*ZZ\n+ XX", [(0.1, "ZZ"), (1.0, "XX")]),
]


@pytest.mark.parametrize(("text", "terms"), SUMS)
def test_a_sum_is_its_terms(text: str, terms):
    loaded = load_observable(text)
    assert_allclose(loaded.to_matrix(), dense(*terms), rtol=0, atol=1e-15)
    assert loaded.paulis.to_labels() == [label for _, label in terms]


WRONG_SUMS = [
    ("", "expected one or more terms, got none"),
    ("0.5j*ZZ", r"term 1: expected a finite real weight and a label .* got '0\.5j\*ZZ'"),
    ("ZZ + nan*XX", r"term 2: .* got '\+ nan\*XX'"),
    ("1e999*ZZ", "term 1: expected a finite weight of 'ZZ', got inf"),
    ("1e308*ZZ + 1e308*ZZ", "term 2: expected a finite weight of 'ZZ', got inf"),
    ("ZZ XX", "term 1: .* got 'ZZ XX'"),
    ("ZZ -", "term 2: .* got '-'"),
    ("zz", "term 1: .* got 'zz'"),
    ("ZZ - XXX", "term 2: expected a label of 2 letters, as in term 1, got 'XXX' of 3"),
    ("no/such/file.txt", "got 'no/such/file.txt', and there is no such file; check the path"),
    ("nope.txt", "a file of an observable, or a sum .*, got 'nope.txt', and there is no such file"),
    ("./nope", "there is no such file"),
    (str(Path(__file__).parent), "which is a folder; check the path"),
    ("nope", "'nope', which is no existing file.*give the path of a file, or a sum"),
    ("1/2*ZZ", "cannot read the observable '1/2\\*ZZ'.*term 1"),
    ("0.5*ZZ - 0.2.X", "term 2: .* got '- 0.2.X'"),
    ("a\0b", "which is no existing file"),
    ("Q" * 10_000, "cannot read the observable 'Q{39}…'"),
]


@pytest.mark.parametrize(("text", "message"), WRONG_SUMS, ids=range(len(WRONG_SUMS)))
def test_a_sum_that_is_none_is_one_sentence(text: str, message: str):
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_observable(text)
    assert "\n" not in str(caught.value)


def test_another_number_of_qubits_is_refused(tmp_path: Path):
    assert load_observable("ZZ", 2).num_qubits == 2
    with pytest.raises(ConfigurationError, match="expected labels of 3 letters, one per qubit, got 2"):
        load_observable("ZZ", 3)
    with pytest.raises(ConfigurationError, match=r"h\.txt: expected labels of 3 letters"):
        load_observable(written(tmp_path, "1 ZZ"), 3)
    with pytest.raises(ConfigurationError, match="expected num_qubits ≥ 1, got 0"):
        load_observable("ZZ", 0)
    with pytest.raises(ConfigurationError, match=r"expected the path of an observable to read.*got 3"):
        load_observable(3)


# --- files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_file_is_its_terms(ending: str, tmp_path: Path):
    lines = ["\ufeff# Ising", "", "-0.5 ZZ  # a bond", "\t1e-3\tXI", "+2 ZZ", "# -1 XX"]
    path = written(tmp_path, ending.join(lines))
    expected = dense((1.5, "ZZ"), (1e-3, "XI"))
    for source in (path, str(path)):
        assert_allclose(load_observable(source).to_matrix(), expected, rtol=0, atol=1e-15)


def test_a_file_comes_before_a_sum_of_the_same_name(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "XX").mkdir()
    assert load_observable("XX").paulis.to_labels() == ["XX"]
    (tmp_path / "ZZ").write_text("2 YY")
    assert load_observable("ZZ").paulis.to_labels() == ["YY"]


WRONG_FILES = [
    ("", "expected one or more terms, got none"),
    ("# nothing\n", "expected one or more terms, got none"),
    ("1 ZZ\n0.5j XX", r"line 2: expected a finite real weight and a label .* got '0\.5j XX'"),
    ("\n(1+0j) ZZ", "line 2: .* got '\\(1\\+0j\\) ZZ'"),
    ("inf ZZ", "line 1: .* got 'inf ZZ'"),
    ("1e999 ZZ", "line 1: expected a finite weight of 'ZZ', got inf"),
    ("ZZ", "line 1: .* got 'ZZ'"),
    ("ZZ 1.0", "line 1: .* got 'ZZ 1.0'"),
    ("1_0 ZZ", "line 1: .* got '1_0 ZZ'"),
    ("1 ZZ XX", "line 1: .* got '1 ZZ XX'"),
    ("1 ZA", "line 1: .* got '1 ZA'"),
    ("# H\n1 ZZ\n\n1 ZZZ", "line 4: expected a label of 2 letters, as in line 2, got 'ZZZ' of 3"),
    (b"1 Z\xff", "expected UTF-8 text, got another byte at 3"),
    ("1 " + "Z" * 2**22, "expected at most 4,194,304 bytes, got more"),
]


@pytest.mark.parametrize(("content", "message"), WRONG_FILES, ids=range(len(WRONG_FILES)))
def test_a_wrong_file_is_named_in_one_sentence(content, message: str, tmp_path: Path):
    path = written(tmp_path, content)
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_observable(path)
    assert str(caught.value).startswith(f"cannot read {path}: ")
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("; check the file")


def test_what_is_no_file_is_not_read(tmp_path: Path):
    with pytest.raises(
        ConfigurationError, match=r"expected an observable file at .*none\.txt, found none; check the path"
    ):
        load_observable(tmp_path / "none.txt")
    with pytest.raises(ConfigurationError, match="cannot read"):
        load_observable(tmp_path)
    with pytest.raises(ConfigurationError, match="cannot read"):
        load_observable(Path("a\0b"))


# --- writing ----------------------------------------------------------------------------------------------


def test_what_is_written_comes_back_to_the_last_bit(tmp_path: Path):
    generator = np.random.default_rng(3)
    labels = list({"".join(letters): 0 for letters in generator.choice(list("IXYZ"), (40, 6))})
    weights = generator.standard_normal(len(labels)) * 10.0 ** generator.integers(-300, 300, len(labels))
    observable = SparsePauliOp(labels, weights)
    save_observable(observable, tmp_path / "h.txt")
    loaded = load_observable(tmp_path / "h.txt")
    assert loaded.paulis.to_labels() == labels
    assert np.array_equal(loaded.coeffs, observable.coeffs)
    save_observable(SparsePauliOp("Z"), str(tmp_path / "h.txt"))  # replaces it
    assert (tmp_path / "h.txt").read_text() == "1.0 Z\n"
    assert os.listdir(tmp_path) == ["h.txt"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch):
    # Seen to fail: write_text of the path.
    path = written(tmp_path, "1 ZZ\n")

    def full(*arguments):  # noqa: ARG001
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("qgeo.files.replace_file", full)
    with pytest.raises(ConfigurationError, match=r"cannot write .*: No space left .*; choose another place"):
        save_observable(SparsePauliOp("XX"), path)
    assert path.read_text() == "1 ZZ\n"
    assert os.listdir(tmp_path) == ["h.txt"]


UNSAVED = [
    ("ZZ", "expected a qiskit SparsePauliOp as an observable, got 'ZZ'"),
    (SparsePauliOp("ZZ", [1j]), "expected an observable with finite real weights, got 1j"),
    (SparsePauliOp(["ZZ", "XX"], [1, np.nan]), "finite real weights, got \\(nan"),
    (SparsePauliOp("ZZ", np.array([Parameter("a")])), "numbers as weights, got parameters; give them values"),
    (SparsePauliOp("ZZ")[:0], "expected an observable of one or more terms, got none"),
]


@pytest.mark.parametrize(("observable", "message"), UNSAVED, ids=range(len(UNSAVED)))
def test_what_has_no_energy_is_not_written(observable, message: str, tmp_path: Path):
    with pytest.raises(ConfigurationError, match=message):
        save_observable(observable, tmp_path / "h.txt")
    assert os.listdir(tmp_path) == []


def test_rounding_of_products_is_no_imaginary_part(tmp_path: Path):
    save_observable(SparsePauliOp(["ZZ", "XX"], [1, 0.5 + 1e-17j]), tmp_path / "h.txt")
    assert load_observable(tmp_path / "h.txt").coeffs.tolist() == [1, 0.5]


@pytest.mark.parametrize("place", ["none/h.txt", ".", "a\0b"])
def test_a_place_that_cannot_be_written_is_said(place: str, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="cannot write"):
        save_observable(SparsePauliOp("ZZ"), place)


def test_the_limit_is_the_one_in_the_message():
    assert files.MOST_BYTES == 4_194_304

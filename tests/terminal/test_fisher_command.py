"""`qgeo fisher`: its JSON, its values in three forms, its table, its warning."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import qgeo
from qgeo.circuit.qasm import load_qasm
from qgeo.cli import run
from qgeo.errors import ConfigurationError, ShapeError
from qgeo.terminal.fisher import fisher_report
from qgeo.terminal.fisher_estimate import FisherOptions, method_names
from qgeo.terminal.values import random_values, read_values

HEADER = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
NAMES = ["a", "b", "c"]
PADDED = HEADER + "input float a;\ninput float b;\ninput float c;\nqubit[2] q;\n"
BODY = "ry(a) q[0];\ncx q[0], q[1];\nrx(b) q[1];\ncrz(c) q[0], q[1];\nry(2*a) q[1];\n"
UNPADDED = HEADER + "input float t2;\ninput float t10;\nqubit q;\nrx(t2) q;\nrz(t10) q;\nrx(t2) q;\n"


@pytest.fixture
def circuit(tmp_path):
    place = tmp_path / "circuit.qasm"
    place.write_text(PADDED + BODY)
    return place


def call(capsys, *arguments) -> tuple[int, str, str]:
    status = run(["fisher", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_json_is_the_contract_and_nothing_else_is_on_stdout(circuit, capsys):
    status, out, err = call(capsys, circuit, "--random", 5, "--json")
    report = json.loads(out)
    assert (status, err) == (0, "")
    assert set(report) == {"parameters", "matrix", "stderr", "method", "cost"} | {
        *("values", "eigenvalues", "rank", "condition_number", "null_directions", "classical"),
    }
    assert set(report["cost"]) == {"circuits", "shots", "seconds"}
    assert (report["parameters"], report["stderr"], report["method"]) == (NAMES, None, "exact")
    assert (report["cost"]["circuits"], report["cost"]["shots"]) == (0, 0)
    assert report["cost"]["seconds"] > 0


@pytest.mark.parametrize("seed", [0, 5, 10**20])
def test_random_values_are_the_formula(circuit, capsys, seed):
    # Seen to fail: uniform in [0, 2π).
    _, out, _ = call(capsys, circuit, "--random", seed, "--json")
    values = np.random.default_rng(seed).uniform(-np.pi, np.pi, 3)
    expected = qgeo.quantum_fisher(load_qasm(circuit).circuit, values)
    assert_allclose(json.loads(out)["matrix"], expected, rtol=1e-12, atol=1e-14)
    assert_array_equal(random_values(3, seed), values)


FORMS = {
    "lines": "0.3\n-1.25e0\n\n  2 \n",
    "names in order": "a,0.3\nb,-1.25\nc,2\n",
    "names in another order": " c , 2\r\na,0.3\r\n\r\nb,-1.25",
}


@pytest.mark.parametrize("form", [*FORMS, "npy", "npy of float32", "npy of integers"])
def test_values_come_in_three_forms(circuit, tmp_path, capsys, form):
    # Seen to fail: named lines taken in the order of the file.
    wanted = np.array([0.3, -1.25, 2.0])
    place = tmp_path / ("values.npy" if form.startswith("npy") else "values.txt")
    if form.startswith("npy"):
        wanted = {
            "npy": wanted,
            "npy of float32": wanted.astype("f4"),
            "npy of integers": np.array([1, 2, 3]),
        }[form]
        np.save(place, wanted)
    else:
        place.write_bytes(FORMS[form].encode())
    status, out, _ = call(capsys, circuit, "--values", place, "--json")
    expected = qgeo.quantum_fisher(load_qasm(circuit).circuit, wanted.astype(float))
    assert status == 0
    assert_allclose(json.loads(out)["matrix"], expected, rtol=1e-12, atol=1e-14)


def test_the_table_shows_names_entries_and_eigenvalues(circuit, capsys):
    status, out, _ = call(capsys, circuit, "--random", 1)
    matrix = qgeo.quantum_fisher(load_qasm(circuit).circuit, random_values(3, 1))
    assert status == 0
    for row, name in zip(matrix, NAMES, strict=True):
        line = next(line for line in out.splitlines() if line.startswith(f"{name} "))
        assert line.split()[1:] == [f"{entry:.6f}" for entry in row]
    assert f"trace {matrix.trace():.6f}" in out


def test_a_circuit_without_parameters_has_an_empty_matrix(tmp_path, capsys):
    # Once a ValueError where the table was printed.
    place = tmp_path / "fixed.qasm"
    place.write_text(HEADER + "qubit q;\nh q;\n")
    assert json.loads(call(capsys, place, "--random", 0, "--json")[1])["matrix"] == []
    status, out, _ = call(capsys, place, "--random", 0)
    assert status == 0
    assert "0 × 0" in out


def test_a_declared_order_that_is_not_the_order_of_values_is_warned_of(tmp_path, capsys, circuit):
    # Seen to fail: the warning on stdout; where there are no values whose order could be mistaken.
    place, numbers = tmp_path / "unpadded.qasm", tmp_path / "numbers.txt"
    place.write_text(UNPADDED)
    numbers.write_text("0.1\n0.2\n")
    assert call(capsys, place, "--random", 1, "--json")[2] == ""
    status, out, err = call(capsys, place, "--values", numbers, "--json")
    assert status == 0
    assert json.loads(out)["parameters"] == ["t10", "t2"]
    assert err.startswith("warning: the circuit declares t2, t10, but values are taken in the order t10, t2")
    assert call(capsys, circuit, "--random", 1, "--json")[2] == ""


def test_a_circuit_that_no_memory_holds_is_refused_before_it_is_tried(tmp_path, capsys):
    # Once a RuntimeError of the allocator.
    place = tmp_path / "wide.qasm"
    place.write_text(HEADER + "input float a;\nqubit[40] q;\nrx(a) q[0];\ncx q[0], q[39];\n")
    with pytest.raises(ConfigurationError, match=r"memory budget of at least .* on 40 qubits"):
        fisher_report(place, None, 0, FisherOptions())
    assert call(capsys, place, "--random", 0)[0] == 2


BROKEN = [
    ("0.1\n0.2\n", "expected 3 values for a, b, c, got 2; pass one value per line"),
    ("1\n2\n3\n4\n", "got 4"),
    ("", "got 0"),
    ("1\ntwo\n3\n", "expected a number on line 2 of --values, got 'two'"),
    ("1 2 3\n1\n2\n", "expected a number on line 1 of --values, got '1 2 3'"),
    ("a,1\nb,2\n", "got none for c"),
    ("a,1\nb,2\nc,3\nd,4\n", "got an unknown name on line 4: 'd'"),
    ("a,1\nb,2\na,3\n", "got a name given twice on line 3: 'a'"),
    ("a,1\nb,2\n3\n", "got no name on line 3: ''"),
    ("a,1\nb,2\nc,x\n", "expected a number on line 3"),
    ("\xff\xfe", "expected a text file of values at .*, got a binary file; write one number per line"),
    ("1\0\n2\n3\n", "got a binary file"),
    ("PK\3\4\xff", "got an archive such as .npz; .* with numpy.save as .npy"),
    ("1,2,3,4\n", "expected 3 values for a, b, c, got 4"),
    (",1\n,2\n,3\n", "expected name,value for a, b, c, got no name on line 1: ''"),
    ("1,,3\n", "got an unknown name on line 1: '1,'"),
    ("a,\nb,2\nc,3\n", "expected a number on line 1 of --values, got ''"),
]


@pytest.mark.parametrize("content", ["1,2,3", "1, 2, 3,\n", "1,2\n3\n", "1\n2,\n3\n"])
def test_values_may_be_divided_by_commas(tmp_path, content):
    # Seen to fail: the numbers were looked for among the names.
    place = tmp_path / "values.txt"
    place.write_text(content)
    assert read_values(place, NAMES).tolist() == [1, 2, 3]


def test_an_array_of_numpy_is_read_whatever_it_is_called(tmp_path):
    # Seen to fail: it was no text.
    with (tmp_path / "values.txt").open("wb") as file:
        np.save(file, np.arange(3.0))
    assert read_values(tmp_path / "values.txt", NAMES).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("content", "message"), BROKEN)
def test_values_that_do_not_fit_are_explained(tmp_path, content, message):
    place = tmp_path / "values.txt"
    place.write_bytes(content.encode("latin-1"))
    with pytest.raises(ShapeError, match=message):
        read_values(place, NAMES)


@pytest.mark.parametrize("place", ["nothing", "."])
def test_values_that_cannot_be_read_are_explained(tmp_path, place):
    with pytest.raises(ShapeError, match="expected a text file of values at"):
        read_values(tmp_path / place, NAMES)


def save(place, array) -> None:
    np.save(place, array, allow_pickle=True)


ARRAYS = {
    "complex": lambda place: save(place, np.array([1j, 0, 0])),
    "objects": lambda place: save(place, np.array([{}, 1, 2], dtype=object)),
    "strings": lambda place: save(place, np.array(["1", "2", "3"])),
    "truth values": lambda place: save(place, np.array([True, False, True])),
    "empty": lambda place: place.write_bytes(b""),
    "zip": lambda place: place.write_bytes(b"PK\x03\x04junk"),
    "text": lambda place: place.write_text("1\n2\n3\n"),
    "nothing": lambda _: None,
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_that_hold_no_real_numbers_are_refused(tmp_path, kind):
    # Once a BadZipFile (zip), or the real part without a word (complex).
    place = tmp_path / "values.npy"
    ARRAYS[kind](place)
    with pytest.raises(ShapeError, match=r"expected a \.npy file of a vector of real numbers at"):
        read_values(place, NAMES)


@pytest.mark.parametrize(
    "values", [np.zeros((1, 3)), np.zeros(2), np.array([0, np.nan, 0]), np.array([0, 0, np.inf])]
)
def test_arrays_of_another_shape_or_without_numbers_end_in_one_line(circuit, tmp_path, capsys, values):
    np.save(tmp_path / "values.npy", values)
    status, out, err = call(capsys, circuit, "--values", tmp_path / "values.npy", "--json")
    assert (status, out, err.count("\n")) == (2, "", 1)


def claimed(shape: str) -> bytes:
    """A .npy file whose header claims more than follows."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(24)


@pytest.mark.parametrize(
    "shape", ["(1000000000000,)", "(3, 1000000000000)", "(4,)", "(2,)", "(-3,)", "(3, 1)"]
)
def test_a_header_is_held_against_the_file(tmp_path, shape):
    # Seen to fail: terabytes asked for by numpy.load.
    place = tmp_path / "values.npy"
    place.write_bytes(claimed(shape))
    with pytest.raises(ShapeError, match=r"expected a \.npy file of a vector of real numbers at"):
        read_values(place, NAMES)
    place.write_bytes(claimed("(3,)"))
    assert_array_equal(read_values(place, NAMES), np.zeros(3))


@pytest.mark.parametrize("name", ["values.npy", "values.txt"])
def test_values_that_never_end_are_refused(tmp_path, name):
    place = tmp_path / name
    with place.open("wb") as file:
        file.truncate(2**27)  # a hole: it takes no room on the disk
    with pytest.raises(ShapeError, match="expected at most 67,108,864 bytes of values"):
        read_values(place, NAMES)


def test_every_method_that_is_named_is_in_the_help(capsys):
    assert run(["fisher", "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(method in shown for method in method_names())


# --- measurements at the end ------------------------------------------------------------------------------

ENDED = PADDED + "bit[2] out;\nreset q;\n" + BODY + "out[0] = measure q[1];\n"


@pytest.fixture
def ended(tmp_path):
    place = tmp_path / "ended.qasm"
    place.write_text(ENDED)
    return place


def test_measurements_at_the_end_are_left_out_with_a_note(circuit, ended, capsys):
    status, out, err = call(capsys, ended, "--random", 1, "--json")
    assert status == 0
    assert err == (
        "note: the measurements at the end of the circuit (1 of 2 qubits) are left out: this is about the "
        "state before them; --fisher classical reads them\n"
    )
    expected = json.loads(call(capsys, circuit, "--random", 1, "--json")[1])["matrix"]
    assert_allclose(json.loads(out)["matrix"], expected, rtol=1e-12, atol=1e-14)


def test_the_classical_matrix_is_that_of_the_measured_bits(ended, capsys):
    status, out, err = call(capsys, ended, "--random", 1, "--fisher", "classical", "--json")
    report = json.loads(out)
    assert (status, err, report["fisher"], report["method"]) == (0, "", "classical", "exact")
    expected = qgeo.classical_fisher(load_qasm(ended).circuit, random_values(3, 1))
    assert_allclose(report["matrix"], expected, rtol=1e-12, atol=1e-14)
    everything = qgeo.classical_fisher(
        load_qasm(ended).circuit.remove_final_measurements(inplace=False), [1] * 3
    )
    assert np.abs(expected - everything).max() > 1e-3
    shown = call(capsys, ended, "--random", 1, "--fisher", "classical")[1]
    assert shown.startswith("classical Fisher information, 3 × 3, method exact")


def test_the_estimator_of_the_classical_matrix_reads_the_same_bits(ended, capsys):
    limit = json.loads(call(capsys, ended, "--random", 1, "--method", "sampled-cfi", "--json")[1])["matrix"]
    exact = json.loads(call(capsys, ended, "--random", 1, "--fisher", "classical", "--json")[1])["matrix"]
    assert_allclose(limit, exact, atol=1e-8)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--fisher", "both"), "expected --fisher quantum or classical, got 'both'"),
        (
            ("--fisher", "classical", "--method", "lin-comb"),
            "expected a method of exact, sampled-cfi for --fisher classical, got 'lin-comb'",
        ),
        (("--fisher", "quantum", "--method", "sampled-cfi"), "got 'sampled-cfi'"),
    ],
)
def test_an_information_that_a_method_does_not_give_is_refused(circuit, capsys, options, said):
    status, out, err = call(capsys, circuit, "--random", 1, *options)
    assert (status, out) == (2, "")
    assert said in err


# --- files without parameters -----------------------------------------------------------------------------

BOUND = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\n'
BOUND += "rx(0.3) q[0];\ncu1(pi/4) q[0],q[1];\nh q[1];\n"


@pytest.fixture
def bound(tmp_path):
    place = tmp_path / "bound.qasm"
    place.write_text(BOUND + "measure q -> c;\n")
    return place


def test_no_parameters_is_said_with_what_to_do(bound, capsys):
    status, out, err = call(capsys, bound, "--random", 0, "--json")
    assert (status, json.loads(out)["matrix"]) == (0, [])
    assert (
        "the circuit has no parameters (OpenQASM 2 knows none), so its matrix is empty; --parametrize" in err
    )
    assert "its 2 numeric rotation angles" in err


def test_numeric_angles_become_parameters_at_their_values(bound, tmp_path, capsys):
    status, out, _ = call(capsys, bound, "--parametrize", "--json")
    report = json.loads(out)
    assert (status, report["parameters"]) == (0, ["angle_0", "angle_1"])
    assert_allclose(report["values"], [0.3, np.pi / 4])
    free = tmp_path / "free.qasm"
    free.write_text(
        HEADER + "input float a;\ninput float b;\nqubit[2] q;\nrx(a) q[0];\ncp(b) q[0], q[1];\nh q[1];\n"
    )
    expected = qgeo.quantum_fisher(load_qasm(free).circuit, [0.3, np.pi / 4])
    assert_allclose(report["matrix"], expected, rtol=1e-12, atol=1e-14)
    others = json.loads(call(capsys, bound, "--parametrize", "--random", 1, "--json")[1])
    assert_array_equal(others["values"], random_values(2, 1))


def test_a_circuit_with_parameters_is_not_parametrized(circuit, capsys):
    status, _, err = call(capsys, circuit, "--parametrize")
    assert status == 2
    assert "expected a circuit without parameters for --parametrize, got 3" in err


def test_values_go_by_the_names_that_qiskit_wrote(tmp_path, capsys):
    place, values = tmp_path / "written.qasm", tmp_path / "values"
    place.write_text(
        HEADER + "input float _t_2_;\ninput float _t_10_;\nqubit q;\nrx(_t_2_) q;\nrz(_t_10_) q;\n"
    )
    values.write_text("_t_10_,0.7\nt[2],0.3\n")
    status, out, err = call(capsys, place, "--values", values, "--json")
    assert (status, err, json.loads(out)["parameters"]) == (0, "", ["t[2]", "t[10]"])
    assert_allclose(json.loads(out)["matrix"], np.diag([1, np.sin(0.3) ** 2]), atol=1e-12)

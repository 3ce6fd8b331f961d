"""OpenQASM in and out: what is read, what is refused, and that nothing changes on the way.

Seen to fail: the lost phase, the check of names and that of matrices left out one by one; `declared` taken
from `circuit.parameters`; the parser's own output on stderr not caught.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit, qasm3
from qiskit.circuit import Gate, Parameter, ParameterVector
from qiskit.circuit import library as lib
from qiskit.quantum_info import Operator, SparsePauliOp

from qgeo import classical_fisher, quantum_fisher
from qgeo.circuit.ansatz import ANSATZE, ansatz
from qgeo.circuit.measured import measured_qubits
from qgeo.circuit.qasm import MAX_BYTES, dump_qasm, load_circuit, load_qasm, read_qasm, save_circuit
from qgeo.errors import CircuitError

A, B = Parameter("a"), Parameter("b")
HEADER = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'


def one(gate, *qubits: int, phase=0.0) -> QuantumCircuit:
    circuit = QuantumCircuit(gate.num_qubits, global_phase=phase)
    circuit.append(gate, qubits or range(gate.num_qubits))
    return circuit


def legacy(build) -> QuantumCircuit:
    """A circuit of one of Qiskit's older classes, which warn that they will go: files hold what they make."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        circuit = build()
        circuit.num_parameters  # noqa: B018 - it is built when it is looked at
        return circuit


# --- there and back ---------------------------------------------------------------------------------------

CARRIED = {
    "angles": one(lib.RXGate(1.5 - 2 * A + A * B / 3)),
    "quotient": one(lib.RXGate(A / B)),
    "constants": one(lib.UGate(1e-7 * A + 1 / 3, np.pi / 7, -2.5)),
    "not-in-stdgates": one(lib.RZZGate(A)).compose(one(lib.RYYGate(B))),
    "r-cu": one(lib.CUGate(A, B, 0.1, 0.2)).compose(one(lib.RGate(A, B)), [1]),
    "open-control": one(lib.RXGate(A).control(1, ctrl_state=0)),
    "composite": one(ansatz("separable", 2, 1).circuit.to_gate()),
    "barrier": QuantumCircuit(3).compose(one(lib.RYGate(A)), [2]).compose(one(lib.Barrier(3))),
    "phase": one(lib.RXGate(A), phase=0.3),
    "symbolic-phase": one(lib.RXGate(A), phase=B * A / 3 - 0.1 - 0.2),
    "lost-phase": one(lib.SXdgGate()),
    "inner-phase": one(one(lib.RXGate(A), phase=0.4).to_gate()),
    "phase-function": one(lib.RXGate(A), phase=A.sin()),
    "functions": one(lib.UGate(A.sin() * B.exp(), (A * B).tan() - A.log(), abs(A) + B.arctan())),
    "arcs": one(lib.UGate(A.arcsin(), B.arccos(), A.sign() * B)),
    "powers": one(lib.RXGate(A**2)).compose(one(lib.RZGate(2 ** (3 * A) + B**0.5))),
    "inner-symbolic-phase": one(one(lib.RXGate(A), phase=0.4 * A).to_gate()),
    "keyword": one(lib.RXGate(Parameter("input"))),
    "constant": one(lib.RXGate(Parameter("pi"))),
    "gate-name": one(lib.UGate(Parameter("x"), Parameter("cx"), Parameter("q"))),
    "wide": one(lib.PermutationGate([*range(1, 9), 0])),
    "mcx": one(lib.MCXGate(8)),
    "qft": one(lib.QFTGate(5)),
    "annotated": one(lib.RXGate(A).control(2, annotated=True)),
    "evolution": one(lib.PauliEvolutionGate(SparsePauliOp(["ZZI", "IZZ", "IIZ"], [1, 0.5, 2]), A)),
    "efficient-su2": lib.efficient_su2(3, reps=3),
    "zz-feature-map": lib.zz_feature_map(3),
    "qaoa": legacy(lambda: lib.QAOAAnsatz(SparsePauliOp(["ZZ", "ZI"]), reps=6)),
    "two-local": legacy(lambda: lib.TwoLocal(3, ["ry", "rz"], "crx", reps=4)),
    "odd-names": one(lib.UGate(Parameter("I"), Parameter("lambda"), Parameter("θ"))),
    **{name: ansatz(name, 3, 1).circuit for name in ANSATZE},
    "past-ten": ansatz("hardware-efficient", 4, 3).circuit,
    "past-a-hundred": ansatz("separable", 2, 26).circuit,
}


of_evolutions = pytest.mark.filterwarnings(
    "ignore::scipy.sparse.SparseEfficiencyWarning"
)  # Qiskit's matrix of an evolution


@of_evolutions
@pytest.mark.parametrize("name", CARRIED)
def test_round_trip_keeps_order_and_matrix(name: str):
    circuit = CARRIED[name]
    loaded = read_qasm(dump_qasm(circuit))
    assert loaded.circuit.num_parameters == circuit.num_parameters
    assert loaded.declared == tuple(p.name for p in loaded.circuit.parameters)
    assert loaded.warning is None
    values = np.random.default_rng(3).uniform(0.1, 0.9, circuit.num_parameters)
    before, after = (Operator(c.assign_parameters(values)).data for c in (circuit, loaded.circuit))
    assert_allclose(after, before, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["angles", "odd-names", "past-ten", "past-a-hundred", "functions"])
def test_names_that_openqasm_keeps_stay(name: str):
    circuit = CARRIED[name]
    names = [p.name for p in circuit.parameters]
    assert [p.name for p in read_qasm(dump_qasm(circuit)).circuit.parameters] == names


RENAMED = {
    "vector": (ParameterVector("θ", 12), ["θ_00", "θ_01", "θ_02"]),
    "short-vector": (ParameterVector("x", 3), ["x_0", "x_1", "x_2"]),
    "spaces": ([Parameter("the angle"), Parameter("$a_{1}$")], ["_a__1__", "the_angle"]),
    "keywords": ([Parameter("input"), Parameter("pi")], ["input_", "pi_"]),
    "collision": ([Parameter("a 1"), Parameter("a-1")], ["p0_a_1", "p1_a_1"]),
    "other-order": ([Parameter("xa"), Parameter("x|")], ["p0_xa", "p1_x_"]),
    "like-an-element": ([Parameter("_a_1_"), Parameter("_a_3_")], ["_a_1__", "_a_3__"]),
}


@pytest.mark.parametrize("name", RENAMED)
def test_names_that_openqasm_lacks_are_changed_and_the_text_says_so(name: str):
    # Seen to fail: indices not padded (from the eleventh element on), the check of the order left out.
    given, expected = RENAMED[name]
    circuit = QuantumCircuit(1)
    for angle in given:
        circuit.rx(angle, 0)
        circuit.rz(angle, 0)
    text = dump_qasm(circuit)
    found = [p.name for p in read_qasm(text).circuit.parameters]
    assert found[: len(expected)] == expected
    for old, new in zip(circuit.parameters, found, strict=True):
        assert f"// {new} is {old.name}\n" in text
    values = np.linspace(0.2, 1.9, circuit.num_parameters)
    assert_allclose(
        quantum_fisher(read_qasm(text).circuit, values), quantum_fisher(circuit, values), atol=1e-12
    )


def test_what_is_measured_and_reset_comes_back():
    circuit = QuantumCircuit(3, 3)
    circuit.reset(0)
    circuit.initialize([0.6, 0.8j], 1)
    circuit.crx(A, 0, 2)
    circuit.measure([2, 0], [1, 2])
    back = read_qasm(dump_qasm(circuit)).circuit
    assert measured_qubits(back) == (0, 2)
    assert_allclose(classical_fisher(back, [0.7]), classical_fisher(circuit, [0.7]), atol=1e-12)


def test_loops_are_written_out():
    circuit = QuantumCircuit(2)
    with circuit.for_loop(range(3)) as i:
        circuit.rx(i * A, 0)
        circuit.cx(0, 1)
    assert_allclose(
        quantum_fisher(read_qasm(dump_qasm(circuit)).circuit, [0.3]),
        quantum_fisher(circuit, [0.3]),
        atol=1e-12,
    )


def test_saving_and_loading(tmp_path: Path, caplog):
    circuit, path = lib.efficient_su2(3, reps=2), tmp_path / "mine.qasm"
    save_circuit(circuit, path)
    values = np.linspace(0.2, 1.1, circuit.num_parameters)
    assert_allclose(quantum_fisher(load_circuit(path), values), quantum_fisher(circuit, values), atol=1e-12)
    assert caplog.messages == []
    path.write_text(HEADER + "input float t_2;\ninput float t_10;\nqubit q;\nrx(t_2*t_10) q;\n")
    assert load_circuit(str(path)).num_parameters == 2
    assert "the circuit declares t_2, t_10" in caplog.text
    with pytest.raises(CircuitError, match=r"cannot write .*: No such file"):
        save_circuit(circuit, tmp_path / "no" / "such.qasm")


def test_a_file_reads_as_its_text(tmp_path: Path):
    path = tmp_path / "mine.qasm"
    path.write_text("\ufeff" + dump_qasm(CARRIED["angles"]), encoding="utf-8")  # some editors write a mark
    assert load_qasm(path).declared == load_qasm(str(path)).declared == ("a", "b")


def conditional() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.x(0)
    return circuit


REFUSED = {
    "opaque": (one(Gate("mystery", 1, [A])), r"instruction 0|cannot be read back|can express"),
    "trotter": (
        one(lib.PauliEvolutionGate(SparsePauliOp(["X", "Z"]), A)),
        r"instruction 0 \('PauliEvolution'\)",
    ),
    "rounded": (one(lib.RXGate(np.pi / 2 + 1e-10)), r"instruction 0 \('rx'\)"),
    "condition": (conditional(), r"instruction 1 \('if_else'\)"),
}


@of_evolutions
@pytest.mark.parametrize("name", REFUSED)
def test_what_openqasm_cannot_carry_is_refused(name: str):
    circuit, message = REFUSED[name]
    with pytest.raises(CircuitError, match=message) as caught:
        dump_qasm(circuit)
    assert "\n" not in str(caught.value)


def test_the_exporter_alone_loses_the_phase_and_permutes_a_vector():
    # If this fails, Qiskit has become better and dump_qasm may do less.
    lost = qasm3.loads(qasm3.dumps(CARRIED["phase"]))
    assert lost.global_phase == 0
    names = [p.name for p in qasm3.loads(qasm3.dumps(permuted())).parameters]
    assert names[:3] == ["_θ_0_", "_θ_10_", "_θ_11_"]


def permuted() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    for element in ParameterVector("θ", 12):
        circuit.rx(element, 0)
    return circuit


# --- reading ----------------------------------------------------------------------------------------------


def test_elements_that_qiskit_wrote_are_elements_again():
    # Seen to fail: names left as they are (from the eleventh element on).
    circuit = lib.efficient_su2(3, reps=3)
    loaded = read_qasm(qasm3.dumps(circuit))
    assert [p.name for p in loaded.circuit.parameters] == [p.name for p in circuit.parameters]
    assert loaded.warning is None
    values = np.linspace(0.2, 1.1, circuit.num_parameters)
    assert_allclose(quantum_fisher(loaded.circuit, values), quantum_fisher(circuit, values), atol=1e-12)


def test_elements_in_another_order_stay_what_they_are_called():
    text = HEADER + "input float _a_1_;\ninput float _a_0_;\nqubit q;\nrx(_a_1_) q;\nrz(_a_0_) q;\n"
    loaded = read_qasm(text)
    assert [p.name for p in loaded.circuit.parameters] == ["_a_0_", "_a_1_"]
    assert loaded.warning is not None


def test_a_call_that_looks_permuted_is_warned_of():
    # Seen to fail: names compared as sets.
    circuit = legacy(lambda: lib.QAOAAnsatz(SparsePauliOp(["ZZ", "ZI"]), reps=2))
    warning = read_qasm(qasm3.dumps(circuit)).warning
    assert warning is not None
    assert "gives _γ_0_ to QAOA as its _β_0_, which looks permuted" in warning
    assert "qgeo.save_circuit" in warning
    assert read_qasm(qasm3.dumps(circuit.decompose(reps=3))).warning is None


def test_the_arguments_of_a_gate_are_in_the_order_of_its_definition():
    # qiskit-qasm3-import 0.6.0 alone takes them in alphabetical order.
    text = HEADER + "gate mine(z, a) q { rx(z) q; rz(a) q; }\nqubit q;\nmine(0.3, 0.4) q;\n"
    expected = QuantumCircuit(1)
    expected.rx(0.3, 0)
    expected.rz(0.4, 0)
    assert Operator(read_qasm(text).circuit) == Operator(expected)


def test_declared_order_and_its_warning():
    loaded = read_qasm(HEADER + "input float[64] t_2;\ninput angle t_10;\nqubit q;\nrx(t_2) q;\nry(t_10) q;")
    assert loaded.declared == ("t_2", "t_10")
    assert [p.name for p in loaded.circuit.parameters] == ["t_10", "t_2"]
    assert loaded.warning is not None
    assert "declares t_2, t_10, but values are taken in the order t_10, t_2" in loaded.warning


def test_a_declared_but_unused_input_is_a_parameter_without_information():
    loaded = read_qasm(HEADER + "input float a;\ninput float b;\nqubit q;\nry(b) q;")
    assert loaded.declared == ("a", "b")
    assert_allclose(quantum_fisher(loaded.circuit, [0.3, 0.4]), np.diag([0, 1]), atol=1e-14)


def test_long_warnings_stay_short():
    names = [f"t{i}" for i in range(30)]
    lines = (
        [f"input float {name};\n" for name in names] + ["qubit q;\n"] + [f"rx({name}) q;\n" for name in names]
    )
    warning = read_qasm(HEADER + "".join(lines)).warning
    assert warning is not None
    assert "(30 in all)" in warning
    assert "from position 2 on" in warning


def test_openqasm_2_is_read():
    text = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\nrzz(0.3) q[0],q[1];\nrx(sin(0.2)) q[1];\n'
    loaded = read_qasm(text)
    assert (loaded.circuit.num_qubits, loaded.declared, loaded.warning) == (2, (), None)


def test_modifiers_and_phases_are_read():
    body = "input float a;\nqubit[2] q;\ngphase(a);\nctrl @ rx(a) q[0], q[1];\ninv @ s q[0];\n"
    circuit = read_qasm(HEADER + body).circuit
    assert circuit.global_phase == circuit.parameters[0]
    assert [i.operation.name for i in circuit.data] == ["crx", "sdg"]


BAD_TEXTS = {
    "junk": ("hello world", r"line 1, column 11: unexpected '<EOF>'"),
    "junk-later": (HEADER + "qubit q;\nfoo bar baz;", r"line 4, column 8: unexpected 'baz'"),
    "control-characters": ("\x01\x02", "line 1, column 0: token recognition error"),
    "empty": ("", "which is empty"),
    "blank": (" \n\t\n", "which is empty"),
    "no-gate": (HEADER + "qubit q;\nfoo q;", "line 4, column 0: gate 'foo' is not defined"),
    "no-symbol": (HEADER + "qubit q;\nrx(v) q;", "line 4, column 3: Undefined symbol 'v'"),
    "index": (HEADER + "qubit[2] q;\nx q[5];", "index out of range"),
    "division": (HEADER + "qubit q;\nrx(1/0) q;", "division"),
    "huge-number": (HEADER + "input float v;\nqubit q;\nrx(10000000000000000000000*v) q;", "cannot read"),
    "nested": (HEADER + "qubit q;\nrx(" + "(" * 400 + "1" + ")" * 400 + ") q;", "nested too deeply"),
    "include": ('OPENQASM 3.0;\ninclude "mine.inc";\n', "non-stdgates imports"),
    "integer-input": (HEADER + "input int v;\n", "only 'float' and 'angle' inputs"),
    "version": ("// one\nOPENQASM 4.0;\nqubit q;", "in version 4; OpenQASM 2 and 3 are known"),
    "register": (HEADER + "qubit[999999999] q;", "a register of 999999999 qubits"),
    "2-syntax": ("OPENQASM 2.0;\nqreg q[2];\nfoo q[0];", r"line 3, column 0"),
    "2-include": ('OPENQASM 2.0;\ninclude "other.inc";', r"line 2, column 8: unable to find 'other.inc'"),
}


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_bad_text_is_one_clear_sentence(name: str, capfd):
    text, message = BAD_TEXTS[name]
    with pytest.raises(CircuitError, match=message) as caught:
        read_qasm(text)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("expected OpenQASM text")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x7fELF\x02\xff\xfe", r"which is not UTF-8 \(byte 5\)"),
        (b"OPENQASM 3.0;\0", "which is a binary file"),
        (b"", "which is empty"),
        (b"x" * (MAX_BYTES + 1), f"more than {MAX_BYTES} bytes"),
        (b"qubit q", "line 1, column 7: unexpected '<EOF>'"),
        (
            b"Dear reader, this is a letter",
            "no header, as in OPENQASM 3.0; check that this is the file",
        ),
        (
            b"OPENQASM 2.0; qreg q[1]; U(theta, 0, 0) q[0];",
            "no parameters: .*'input float theta;'.*--parametrize",
        ),
        (b"OPENQASM 3.0; qubit q; U(theta, 0, 0) q;", "declare it, a parameter by 'input float theta;'"),
    ],
    ids=["binary", "nul", "empty", "long", "syntax", "letter", "free name in 2", "free name in 3"],
)
def test_bad_files_are_named(content: bytes, message: str, tmp_path: Path):
    path = tmp_path / "bad.qasm"
    path.write_bytes(content)
    with pytest.raises(CircuitError, match=message) as caught:
        load_qasm(path)
    assert "bad.qasm" in str(caught.value)


@pytest.mark.parametrize("name", ["missing.qasm", ".", "a\0b"])
def test_paths_that_cannot_be_opened(name: str, tmp_path: Path):
    with pytest.raises(CircuitError, match=r"cannot be opened \(.+\); check the path"):
        load_qasm(f"{tmp_path}/{name}")


@pytest.mark.parametrize("given", [None, "circuit.qasm"])
def test_only_circuits_are_saved(given, tmp_path):
    # Seen to fail: an attribute 'data' was missed; nothing was said of swapped arguments.
    with pytest.raises(CircuitError, match="expected a QuantumCircuit to save, got"):
        save_circuit(given, tmp_path / "c.qasm")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "path", [None, 5, b"c.qasm", QuantumCircuit(1)], ids=["none", "number", "bytes", "circuit"]
)
def test_paths_of_another_kind(path):
    # Seen to fail: pathlib's TypeError.
    with pytest.raises(
        CircuitError, match="expected the path of an OpenQASM file to read, a str or a Path, got"
    ):
        load_circuit(path)
    with pytest.raises(CircuitError, match="expected the path of an OpenQASM file to write, a str or a Path"):
        save_circuit(QuantumCircuit(1), path)


@pytest.mark.parametrize("text", [None, b"OPENQASM 3.0;"])
def test_text_of_another_kind(text):
    # Seen to fail: an attribute 'strip' was missed.
    with pytest.raises(CircuitError, match="expected OpenQASM text, a str, got"):
        read_qasm(text)


def test_saving_replaces_a_file_that_is_there(tmp_path):
    for count in (1, 2):
        save_circuit(QuantumCircuit(count), tmp_path / "c.qasm")
    assert load_circuit(tmp_path / "c.qasm").num_qubits == 2

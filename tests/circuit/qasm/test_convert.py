"""What files of others hold: OpenQASM 3 beyond Qiskit's importer, OpenQASM 2 with its own gates, odd headers.

Every text is compared with a circuit built by hand; what is not read is refused with its line.
"""

from __future__ import annotations

import numpy as np
import pytest
from cases import A, B
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import library as lib
from qiskit.quantum_info import Operator

from qgeo import quantum_fisher
from qgeo.circuit.qasm import load_qasm, read_qasm
from qgeo.circuit.qasm.read import MAX_BYTES
from qgeo.errors import CircuitError

THREE = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
TWO = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
AB = "input float a;\ninput angle b;\nqubit[3] q;\n"


def circuit(*gates, phase=0.0) -> QuantumCircuit:
    """Three qubits; gates are (name, angles …, qubits …)."""
    result = QuantumCircuit(3, global_phase=phase)
    for name, *arguments in gates:
        getattr(result, name)(*arguments)
    return result


READ = {
    "no-include": (
        "OPENQASM 3.0;\n" + AB + "rx(a) q[0];\ncu(a,b,0.1,0.2) q[0], q[1];\nh q;\n",
        circuit(("rx", A, 0), ("cu", A, B, 0.1, 0.2, 0, 1), ("h", [0, 1, 2])),
    ),
    "no-header": (AB + "rx(a) q[0];\nry(b) q[0];\n", circuit(("rx", A, 0), ("ry", B, 0))),
    "include-first": (
        'include "stdgates.inc";\nOPENQASM 3.0;\n' + AB + "rx(a*b) q[0];\n",
        circuit(("rx", A * B, 0)),
    ),
    "comment-first": (
        "// OPENQASM 2.0;\n/* more\n */ OPENQASM 3.0;\n" + AB + "rx(a*b) q[0];\n",
        circuit(("rx", A * B, 0)),
    ),
    "own-gate-without-include": (
        "gate h q { U(0.3, 0, 0) q; }\n" + AB + "h q[0];\nrx(a*b) q[0];\n",
        circuit(("u", 0.3, 0, 0, 0), ("rx", A * B, 0)),
    ),
    "const": (
        THREE + AB + "const int n = 2;\nconst float c = pi/n;\nconst angle d = 0x10 + c;\n"
        "rx(a*c) q[n];\nrz(d*b) q[n-1];\n",
        circuit(("rx", A * np.pi / 2, 2), ("rz", (16 + np.pi / 2) * B, 1)),
    ),
    "const-size": (
        THREE + "const uint n = 1_0;\nqubit[n-7] q;\ninput float a;\ninput float b;\nrx(a*b) q[2];\n",
        circuit(("rx", A * B, 2)),
    ),
    "functions": (
        THREE + AB + "rx(sin(a)*cos(b)) q[0];\nry(tan(a)+exp(b)-log(a)) q[1];\nrz(sqrt(a)+b) q[2];\n",
        circuit(("rx", A.sin() * B.cos(), 0), ("ry", A.tan() + B.exp() - A.log(), 1), ("rz", A**0.5 + B, 2)),
    ),
    "arcs": (
        THREE + AB + "rx(arcsin(a)+arccos(b)-arctan(a*b)) q[0];\n",
        circuit(("rx", A.arcsin() + B.arccos() - (A * B).arctan(), 0)),
    ),
    "functions-of-numbers": (
        THREE + AB + "rx(a*sin(0.3)) q[0];\nrz(b*sqrt(2)*2**-1) q[1];\n",
        circuit(("rx", A * np.sin(0.3), 0), ("rz", B / np.sqrt(2), 1)),
    ),
    "powers": (
        THREE + AB + "rx(a**2) q[0];\nry(2**b) q[1];\nrz(a**b) q[2];\nrx(2**3) q[2];\n",
        circuit(("rx", A**2, 0), ("ry", 2**B, 1), ("rz", A**B, 2), ("rx", 8, 2)),
    ),
    "let": (
        THREE + AB + "let r = q[1:2];\nlet o = q[0];\nlet all = r ++ q[{0}];\n"
        "rx(a) r[1];\nry(b) o;\nh all;\n",
        circuit(("rx", A, 2), ("ry", B, 0), ("h", [1, 2, 0])),
    ),
    "for": (
        THREE
        + AB
        + "for int i in [0:2] { rx(a*i) q[i]; }\nfor uint j in {2, 0} { rz(b) q[j]; cx q[1], q[j]; }\n",
        circuit(
            *(("rx", 0 * A, 0), ("rx", A, 1), ("rx", 2 * A, 2)),
            *(("rz", B, 2), ("cx", 1, 2), ("rz", B, 0), ("cx", 1, 0)),
        ),
    ),
    "for-in-for": (
        THREE + AB + "for int i in [1:2] { for int j in [0:i-1] { crx(a*b) q[j], q[i]; } }\n",
        circuit(("crx", A * B, 0, 1), ("crx", A * B, 0, 2), ("crx", A * B, 1, 2)),
    ),
    "for-down": (
        THREE + AB + "for int i in [2:-1:0] { rx(a*b) q[i]; h q[i]; }\n",
        circuit(*((name, *angle, i) for i in (2, 1, 0) for name, angle in (("rx", [A * B]), ("h", [])))),
    ),
    "own-gate": (
        THREE + "gate mine(z, a) q, r { rz(z) q; crx(a/2) q, r; }\n" + AB + "mine(a, b) q[2], q[0];\n",
        circuit(("rz", A, 2), ("crx", B / 2, 2, 0)),
    ),
    "modifiers": (
        THREE + AB + "inv @ rx(a) q[0];\nctrl(2) @ rz(b) q[0], q[1], q[2];\nnegctrl @ x q[0], q[1];\n"
        "pow(2) @ s q[0];\n",
        circuit(
            *(("rx", -A, 0), ("append", lib.RZGate(B).control(2, annotated=True), [0, 1, 2])),
            *(("append", lib.CXGate(ctrl_state=0), [0, 1]), ("z", 0)),
        ),
    ),
    "output": (
        THREE + AB + "output bit[2] out;\nrx(a) q[0];\nry(b) q[1];\nout[0] = measure q[1];\n",
        circuit(("rx", A, 0), ("ry", B, 1)),
    ),
}


@pytest.mark.parametrize("name", READ)
def test_texts_mean_what_they_say(name: str):
    # Seen to fail: loop variables off by one, the alphabetical order of a gate's arguments, 2**3 read as 6.
    text, expected = READ[name]
    found = read_qasm(text).circuit
    assert [p.name for p in found.parameters] == ["a", "b"]
    values = dict(zip("ab", [0.37, 0.61], strict=True))
    known = {p: values[p.name] for p in expected.parameters}
    assert_allclose(
        Operator(found.remove_final_measurements(inplace=False).assign_parameters(values)).data,
        Operator(expected.assign_parameters(known)).data,
        atol=1e-12,
    )


def test_arrays_of_inputs_are_vectors():
    text = THREE + "input array[float[64], 12] w;\nqubit[3] q;\n"
    text += "rx(w[10]) q[0];\nry(w[2]) q[1];\n"
    loaded = read_qasm(text)
    assert [p.name for p in loaded.circuit.parameters] == [f"w[{i}]" for i in range(12)]
    assert loaded.declared == tuple(f"w[{i}]" for i in range(12))
    assert loaded.warning is None
    expected = np.zeros((12, 12))
    expected[10, 10] = expected[2, 2] = 1
    assert_allclose(quantum_fisher(loaded.circuit, np.linspace(0.1, 1, 12)), expected, atol=1e-12)


def test_elements_of_an_array_by_a_loops_variable():
    text = THREE + "input array[angle, 3] w;\nqubit[3] q;\nfor int i in [0:2] { rx(w[i]) q[i]; }\n"
    assert [step.operation.params[0].name for step in read_qasm(text).circuit.data] == [
        "w[0]",
        "w[1]",
        "w[2]",
    ]
    assert_allclose(quantum_fisher(read_qasm(text).circuit, [0.1, 0.2, 0.3]), np.eye(3), atol=1e-12)


REFUSED = {
    "no-function": (
        "rx(mod(a, 2)) q[0];",
        "line 6, column 3: the function mod of 2 arguments is not supported",
    ),
    "two-arguments": ("rx(sin(a, b)) q[0];", "line 6, column 3: the function sin of 2 arguments"),
    "domain": ("rx(sqrt(-1)) q[0];", "line 6, column 0: math domain error"),
    "shift": ("rx(1 << 2) q[0];", "line 6, column 3: unsupported binary operation '<<'"),
    "index": (
        "input array[float, 2] w;\nrx(w[2]) q[0];",
        "line 7, column 3: expected an index below 2, got 2",
    ),
    "matrix": ("input array[float, 2, 2] w;", "line 6, column 0: only vectors"),
    "integers": ("input array[int, 2] w;", "line 6, column 0: only vectors"),
    "variable": ("int n = 3;", "line 6, column 0: declarations of type 'int' are not supported"),
    "const-of-input": ("const float c = a;", "line 6, column 0: only constant integers, floats and angles"),
    "const-fraction": ("const int n = 0.5;", "line 6, column 0: required a constant integer, got 0.5"),
    "float-loop": ("for float x in {0.1} { rx(x) q[0]; }", "line 6, column 0: only integer loop variables"),
    "open-range": ("for int i in [0:] { x q[0]; }", "line 6, column 14: only ranges with a start"),
    "qubit-range": ("x q[7];", "line 6, column 0: .*index out of range"),
    "gate-without-name": ("ryy(a) q[0], q[1];", "line 6, column 0: gate 'ryy' is not defined"),
    "subroutine": ("def f(qubit r) { x r; }", "line 6, column 0: node of type SubroutineDefinition"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_refused_with_its_line(name: str):
    statement, message = REFUSED[name]
    with pytest.raises(CircuitError, match=message):
        read_qasm(THREE + AB + statement)


# --- OpenQASM 2 -------------------------------------------------------------------------------------------

OWN_CU = "gate cu(a, b) q, r { crx(a) q, r; rz(b) q; }\nqreg q[3];\ncu(0.3, 0.4) q[0], q[2];\n"
VERSION_2 = {
    "own-cu": (TWO + OWN_CU, circuit(("append", lib.CRXGate(0.3), [0, 2]), ("rz", 0.4, 0))),
    "include-first": (
        'include "qelib1.inc";\nOPENQASM 2.0;\nqreg q[3];\nrx(0.3) q[1];\n',
        circuit(("rx", 0.3, 1)),
    ),
    "comment-first": (
        "// made by hand\n// OPENQASM 3.0;\n" + TWO + "qreg q[3];\nrx(0.3) q[1];\n",
        circuit(("rx", 0.3, 1)),
    ),
    "no-header": (
        '// by hand\ninclude "qelib1.inc";\nqreg q[3];\nu3(0.1,0.2,0.3) q[1];\n',
        circuit(("u", 0.1, 0.2, 0.3, 1)),
    ),
    "legacy": (
        TWO + "qreg q[3];\nrzz(0.3) q[0],q[1];\nsx q[2];\n",
        circuit(("rzz", 0.3, 0, 1), ("sx", 2)),
    ),
}


@pytest.mark.parametrize("name", VERSION_2)
def test_version_2(name: str):
    text, expected = VERSION_2[name]
    loaded = read_qasm(text)
    assert loaded.version == 2
    assert_allclose(Operator(loaded.circuit).data, Operator(expected).data, atol=1e-12)


def test_lines_stay_where_the_header_is_moved():
    with pytest.raises(CircuitError, match="line 5"):
        read_qasm('include "qelib1.inc";\n// more\nOPENQASM 2.0;\nqreg q[3];\nfoo q[0];\n')


def test_long_files_of_version_2_are_read(tmp_path):
    path, gates = tmp_path / "long.qasm", 100_000
    path.write_text(TWO + "qreg q[2];\n" + "rx(0.1234) q[0];\n" * gates)
    assert path.stat().st_size > MAX_BYTES
    assert len(load_qasm(path).circuit.data) == gates

"""Small texts that come to much: refused at once, before anything is built.

Each is read in a process of its own with 300 MB beyond the imports and two seconds. Seen to fail: without the
counting pass (doubling, broadcast, loops), without the check of sizes (hexadecimal … inputs).
"""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from qgeo.circuit.qasm import read_qasm
from qgeo.errors import CircuitError

THREE = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
TWO = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'


def doubling(times: int, arguments: str = "", call: str = "", gate: str = "x") -> str:
    """Gates g1, g2, …, each of which calls the one before twice."""
    lines = [f"gate g0{arguments} q {{ {gate}{call} q; {gate}{call} q; }}"]
    lines += [f"gate g{i}{arguments} q {{ g{i - 1}{call} q; g{i - 1}{call} q; }}" for i in range(1, times)]
    return "\n".join(lines) + "\n"


ONE = THREE + "qubit q;\n"
HOLDS = "gate g(a) q { rx(a) q; ry(a) q; }\ninput float v;\n"
ON_LOOPS = "".join(f"for int i{k} in [{f'i{k - 1}' if k else 0}:9999] {{ " for k in range(4))

BOMBS = {
    "hexadecimal": THREE + "qubit[0xFFFFFFF] q;\nh q;\n",
    "underscores": THREE + "qubit[1_000_000_000] q;\nh q;\n",
    "binary": THREE + "qubit[0b1111111111111111111111111111] q;\nh q;\n",
    "computed": THREE + "qubit[99999 * 99999] q;\nh q;\n",
    "power": THREE + "const int n = 2**40;\nqubit[n] q;\nh q;\n",
    "tower": THREE + "const int n = 9**9**9**9**9;\nqubit[n] q;\n",
    "registers": THREE + "".join(f"qubit[9999] q{i};\n" for i in range(400)),
    "bits": THREE + "bit[0xFFFFFFF] c;\n",
    "output-bits": THREE + "output bit[0xFFFFFFF] c;\n",
    "physical": THREE + "h $999999999;\n",
    "inputs": THREE + "input array[float[64], 1_000_000_000] t0;\n",
    "aliases": THREE + "qubit[9] q;\nlet b0 = q ++ q;\n",
    "doubling": THREE + doubling(40) + "qubit q;\ng39 q;\n",
    "doubling-angles": THREE
    + "input float v;\n"
    + doubling(40, "(a)", "(a)", "rx")
    + "qubit q;\ng39(v) q;\n",
    "power-of-gate": ONE + HOLDS + "pow(1000000000) @ g(v) q;\n",
    "broadcast": THREE + "qubit[9999] q;\n" + "h q;\n" * 2000,
    "loop": ONE + "for int i in [0:1000000000000] { x q; }\n",
    "loops": ONE + "for int i in [0:999] { " * 5 + "x q; " + "} " * 5,
    "loops-on-loops": ONE + ON_LOOPS + "x q; " + "} " * 4,
    "deep-loops": ONE + "for int i in [0:1] { " * 30 + "x q; " + "} " * 30,
    "brackets": ONE + "rx(" + "(" * 100_000 + "1" + ")" * 100_000 + ") q;\n",
    "signs": ONE + "rx(" + "- " * 100_000 + "1) q;\n",
    "blocks": ONE + "if (true) { " * 50_000,
    "2-register": TWO + "qreg q[99999999999999999999999];\n",
    "2-registers": TWO + "".join(f"qreg q{i}[9999];\n" for i in range(400)),
    "2-bits": TWO + "qreg q[1];\ncreg c[999999999];\n",
    "2-doubling": TWO + doubling(40) + "qreg q[1];\ng39 q[0];\n",
    "2-broadcast": TWO + "qreg q[9999];\n" + "h q;\n" * 2000,
    "2-identities": TWO + "qreg q[1];\nu0(99999999999) q[0];\n",
}

CHILD = """
import sys
from time import perf_counter
import resource
import qgeo.circuit.qasm as qasm
from qgeo.errors import CircuitError
for line in open('/proc/self/status'):
    if line.startswith('VmSize'):
        size = int(line.split()[1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (size + 300 * 2**20,) * 2)
started = perf_counter()
try:
    qasm.read_qasm(sys.stdin.read())
except CircuitError as error:
    print(error)
    sys.exit(0 if perf_counter() - started < 2 else 3)
sys.exit(4)
"""


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_at_once(name: str):
    ran = subprocess.run([sys.executable, "-c", CHILD], input=BOMBS[name], text=True, capture_output=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search("at most|out of range|duplicated|nested too deeply", ran.stdout)
    assert ran.stdout.count("\n") == 1


def test_what_is_large_and_no_bomb_is_read():
    assert read_qasm(THREE + doubling(10) + "qubit q;\ng9 q;\n").circuit.num_qubits == 1
    assert read_qasm(THREE + "qubit[9999] q;\nbit[9999] c;\nh q;\n").circuit.num_qubits == 9999
    assert len(read_qasm(THREE + "qubit q;\nfor int i in [1:1000] { x q; }\n").circuit.data) == 1000


def test_a_register_that_is_too_large_is_named():
    with pytest.raises(CircuitError, match="a register of 268435455 qubits; at most 10000 are read"):
        read_qasm(BOMBS["hexadecimal"])

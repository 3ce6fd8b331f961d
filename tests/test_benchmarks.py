"""What the benchmarks' figures stand on: circuits, counts, and opponents that computed what we did."""

from __future__ import annotations

import importlib
from functools import reduce
from pathlib import Path
from time import sleep

import numpy as np
import pytest

import benchmarks
from benchmarks import paired
from benchmarks.case import Case
from benchmarks.cases import PEERS, TABLES, Opponent, Table
from benchmarks.circuits import family, layered_circuit, layered_with, num_rotations
from benchmarks.clock import Clock
from benchmarks.families import FAMILIES
from benchmarks.generators import double_excitations
from benchmarks.processes import measure
from benchmarks.roofline import needed
from benchmarks.scaling import Width, _growth
from benchmarks.worker import fingerprint, turn

PAULIS = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}


def matrix_of(string: str) -> np.ndarray:
    return reduce(np.kron, (PAULIS[letter] for letter in string))


def annihilator(orbital: int, n: int) -> np.ndarray:
    """Jordan–Wigner, the last qubit first: Z on those before, (X + iY)/2 on its own."""
    before, after = "Z" * orbital, "I" * (n - orbital - 1)
    return (matrix_of(f"{after}X{before}") + 1j * matrix_of(f"{after}Y{before}")) / 2


def test_double_excitations_are_those_of_fermions():
    # Seen to fail: the sign of "YYXY" turned; no Z between orbitals; the strings not reversed.
    n, seen = 6, set()
    for generator in double_excitations(n, 4):
        total = sum(weight * matrix_of(string) for string, weight in generator)
        outer = {q for string, _ in generator for q, letter in enumerate(reversed(string)) if letter in "XY"}
        p, q, r, s = sorted(outer)
        up = annihilator(s, n).T.conj() @ annihilator(r, n).T.conj() @ annihilator(q, n) @ annihilator(p, n)
        np.testing.assert_allclose(total, -1j * (up - up.T.conj()), atol=1e-12)
        seen.add((p, q, r, s))
    assert len(seen) > 1


@pytest.mark.parametrize("n", [3, 5])
def test_the_reference_of_whole_layers_is_the_layered_circuit(n):
    # Seen to fail: a chain after every row of rotations; none after the last layer.
    whole, _ = layered_circuit(n, 2, data=False)
    assert [(each.operation.name, each.qubits) for each in layered_with(n, 4 * n).data] == [
        (each.operation.name, each.qubits) for each in whole.data
    ]
    assert layered_with(n, 4 * n - 1).num_parameters == 4 * n - 1


@pytest.mark.parametrize("which", FAMILIES, ids=lambda which: which.name)
def test_rotations_are_counted_as_gates_are_defined(which):
    # Seen to fail: CRX, then CP, then U counted as one rotation; terms of a generator as one.
    circuit = family(which.name, max(6, which.least_qubits), 1)
    counted = num_rotations(circuit)
    assert counted == COUNTS.get(which.name, counted)
    assert which.name == "qaoa" or counted >= circuit.num_parameters


COUNTS = {
    **dict.fromkeys(("ryrzcx", "ryrzcz", "h", "ecr", "cz", "qaoa", "maqaoa"), 12),
    **dict.fromkeys(("strings3", "strings4", "strings6", "strings12"), 8),
    **dict.fromkeys(("rxrzz", "iqp"), 6 + 5),
    "ucx": 18,
    "crx": 6 + 2 * 5,
    "cp": 6 + 3 * 5,
    "ucc": 4 * 8,
    "noncommuting": 6 + 3 * 5,
    "onenoncommuting": 12 + 3,
}
"""Of a layer of six qubits, by hand: CRX is RX and a rotation about ZX, CP is two RZ and RZZ."""


def test_what_a_roofline_counts():
    # Seen to fail: the frame at the end instead of where the least is to do; ψ's own way left out.
    one, two = needed(Case("layered", 2, 1)), needed(Case("layered", 2, 2))
    amplitudes = 4
    # One layer: RY and RZ meet between them, nothing is moved but ψ: two rotations, a product with phases.
    assert one.gram == 2 * 4**2 * amplitudes
    assert one.sweeps == (2 * 8 + 8 + 4 * 8) * amplitudes
    assert one.traffic == (2 / 4 + 4) * 32 * amplitudes
    # Two: in the middle, tangents of the first RY cross an RZ, those of the last RZ an RY, two of each.
    assert two.sweeps == (2 * 8 + 2 * (2 * 8) + 2 * (2 * 8 + 8) + 8 * 8) * amplitudes
    assert needed(Case("layered", 2, 2, 3)).sweeps == 3 * two.sweeps


def test_growth_is_one_where_time_follows_the_work():
    # Seen to fail: gates counted as n a layer; P instead of P².
    for kind, work in (("fisher", lambda n: n**2 * 2.0**n), ("gradient", lambda n: (3 * n - 1) * 2.0**n)):
        narrow, wide = (Width(kind, n, {"complex128 2": 1e-6 * work(n)}) for n in (8, 9))
        assert _growth(narrow, wide) == pytest.approx(1)


class Scripted:
    """Stands in for a worker that answers this."""

    def __init__(self, value: tuple[float, float]) -> None:
        self.value = value

    def answer(self, _limit: float) -> dict[str, object]:
        return {"value": self.value, "first": 1.0}


@pytest.mark.parametrize("factor", [1 + 3e-6, -1, np.nan])
def test_another_result_is_not_timed(factor):
    # Seen to fail: a tolerance of 1e-5; norms alone compared; `>` in the place of `not <=` (NaN).
    matrix = np.random.default_rng(0).normal(size=(4, 4))
    ours, theirs = paired.Side(), paired.Side()
    paired._take_first(Scripted(fingerprint(matrix)), ours, paired.Side(why_not="first"), Clock(9))
    paired._take_first(Scripted(fingerprint(matrix * (1 + 1e-8))), theirs, ours, Clock(9))
    with pytest.raises(paired.Unmeasured, match="disagrees"):
        paired._take_first(Scripted(fingerprint(matrix * factor)), theirs, ours, Clock(9))


def test_a_transposed_result_is_another_one():
    # Seen to fail: the sum with the same weight for every entry.
    matrix = np.random.default_rng(0).normal(size=(4, 4))
    assert fingerprint(matrix)[1] != pytest.approx(fingerprint(matrix.T)[1], rel=1e-3)


def test_opponents_that_are_missing_are_not_a_crash(monkeypatch):
    # Seen to fail: no look at whether the interpreter exists; what is left out asked all the same.
    monkeypatch.setitem(paired.PYTHONS, PEERS, Path("nowhere/python"))
    others = (
        Opponent("elsewhere", "qulacs_gates", PEERS),
        Opponent("left", "x", left_out={SMALL: "minutes"}),
    )
    table = Table("T", "Q", "quantum_fisher", others, (SMALL,))
    found = paired.row(table, SMALL, paired.Effort(2, 0.01, 1), Clock(60))
    assert [side.why_not for side in found.theirs.values()] == ["not installed", "minutes"]
    assert len(found.ours.turns) == 2
    assert not found.disagreements
    assert paired.cells(found)[2:] == ["not installed", "minutes", "–", "–"]


def test_what_takes_too_long_ends_with_its_own_processes(tmp_path):
    # Seen to fail: the process alone killed, not its group.
    sign, inner = tmp_path / "sign", "import time, sys; time.sleep(3); open(sys.argv[1], 'w').close()"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}, {str(sign)!r}])"
    assert measure(["-c", outer], limit=1.5) == "no time left"
    sleep(3)
    assert not sign.exists()


SMALL = Case("layered", 3, 1)


def test_a_turn_of_a_slow_call_is_one_call():
    # Seen to fail: a call that does not count in front of every turn.
    calls = []
    turn(lambda: calls.append(1), -1.0)
    assert calls == [1]


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in Path(benchmarks.__file__).parent.glob("[a-z]*.py"))
)
def test_benchmarks_import_what_there_is(name):
    # Seen to fail: `device` of qgeo.backends.device, after it was given another name there (mitigation).
    importlib.import_module(f"benchmarks.{name}")


def test_cases_of_a_table_have_different_labels():
    # Seen to fail: labels without the circuit's name.
    assert Case("strings6", 12, 4).label != Case("ucc", 12, 8).label
    for table in TABLES:
        assert len({case.label for case in table.cases}) == len(table.cases)
        assert {case for one in table.opponents for case in one.left_out} <= set(table.cases)

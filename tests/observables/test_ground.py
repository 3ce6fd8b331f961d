"""Ground energies against dense matrices of Kronecker products, free fermions and counted cuts.

Seen to fail: which="LA", the real part of a complex matrix, no start vector given, small weights dropped; a
digit of H2 and the sign of a constant changed in the files.
"""

from __future__ import annotations

from functools import reduce
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from qiskit.quantum_info import SparsePauliOp

from qgeo.errors import ConfigurationError
from qgeo.observables import ground
from qgeo.observables.files import load_observable
from qgeo.observables.ground import ground_energy

FOLDER = Path(__file__).parents[2] / "circuits" / "observables"
PAULI = {"I": np.eye(2), "X": np.array([[0, 1], [1, 0]]), "Y": np.array([[0, -1j], [1j, 0]])}
PAULI["Z"] = np.diag([1, -1])


def lowest(labels: list[str], weights) -> float:
    strings = [reduce(np.kron, [PAULI[letter] for letter in label]) for label in labels]
    return float(np.linalg.eigvalsh(sum(w * s for w, s in zip(weights, strings, strict=True)))[0])


def on(num_qubits: int, letters: dict[int, str]) -> str:
    return "".join(letters.get(qubit, "I") for qubit in reversed(range(num_qubits)))


def ising(num_qubits: int, h: float) -> SparsePauliOp:
    bonds = [(on(num_qubits, {q: "Z", q + 1: "Z"}), -1.0) for q in range(num_qubits - 1)]
    return SparsePauliOp.from_list([*bonds, *((on(num_qubits, {q: "X"}), -h) for q in range(num_qubits))])


def free_fermions(num_qubits: int, h: float) -> float:
    """−Σ of the singular values of h on the diagonal and J = 1 above it (Lieb, Schultz & Mattis 1961)."""
    matrix = h * np.eye(num_qubits) + np.eye(num_qubits, k=1)
    return -float(np.linalg.svd(matrix, compute_uv=False).sum())


# --- the function -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("letters", ["IZ", "IXZ", "IXYZ"])
@pytest.mark.parametrize("most_dense", [8, 1], ids=["dense", "lanczos"])
def test_ground_energy_is_the_lowest_eigenvalue(letters: str, most_dense: int, monkeypatch):
    monkeypatch.setattr(ground, "MOST_DENSE_QUBITS", most_dense)
    for seed in range(3):
        generator = np.random.default_rng(seed)
        labels = ["".join(row) for row in generator.choice(list(letters), (30, 6))]
        weights = generator.standard_normal(30)
        assert_allclose(ground_energy(SparsePauliOp(labels, weights)), lowest(labels, weights), atol=1e-11)


@pytest.mark.parametrize("num_qubits", [2, 8, 9, 12])
@pytest.mark.parametrize("h", [0.5, 1.0, 2.0])
def test_ising_chains_are_free_fermions(num_qubits: int, h: float):
    assert_allclose(ground_energy(ising(num_qubits, h)), free_fermions(num_qubits, h), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("text", "energy"),
    [
        ("3*IIIIIIIIII", 3),
        ("XIIIIIIIII", -1),
        ("YIIIIIIIII", -1),
        ("XXIIIIIIIZ - XXIIIIIIIZ", 0),
        ("ZZIIIIIIII + XXIIIIIIII + YYIIIIIIII", -3),
        ("XIIIIIIIII + 1e-9*IIIIIIIIII", -1 + 1e-9),
    ],
)
def test_degenerate_and_trivial_ground_spaces(text: str, energy: float):
    assert_allclose(ground_energy(load_observable(text)), energy, rtol=0, atol=1e-12)


def test_an_odd_ground_state_is_found():
    """A singlet of qubits 0 and 1 beside an Ising chain: orthogonal to equal amplitudes."""
    singlet = [("I" * 8 + p + p, 3.0) for p in "XYZ"]
    chain = [(label + "II", weight.real) for label, weight in ising(8, 1.0).to_list()]
    energy = ground_energy(SparsePauliOp.from_list([*singlet, *chain]))
    assert_allclose(energy, -9 + free_fermions(8, 1.0), rtol=0, atol=1e-10)


def test_the_same_call_gives_the_same_bits():
    assert ground_energy(ising(10, 0.7)) == ground_energy(ising(10, 0.7))


@pytest.mark.parametrize(
    ("observable", "message"),
    [
        (SparsePauliOp("Z" * 17), "at most 16 qubits for an exact ground energy, got 17; leave the ground"),
        (SparsePauliOp("XY", [1j]), "finite real weights, got 1j"),
        ("ZZ", "expected a qiskit SparsePauliOp as an observable"),
    ],
)
def test_what_has_no_exact_ground_energy_here(observable, message: str):
    with pytest.raises(ConfigurationError, match=message) as caught:
        ground_energy(observable)
    assert "\n" not in str(caught.value)


# --- the files in circuits/observables --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["h2", "ising-10", "heisenberg-8", "maxcut-8"])
def test_headers_give_the_ground_energy(name: str):
    path = FOLDER / f"{name}.txt"
    line = next(line for line in path.read_text("utf-8").splitlines() if "Ground energy:" in line)
    recorded = float(line.partition("Ground energy:")[2].split()[0].rstrip(",;"))
    assert_allclose(ground_energy(load_observable(path)), recorded, rtol=0, atol=5.1e-11)


def test_h2_is_the_published_molecule():
    """Number and spin are conserved, and the energy is that of full configuration interaction."""
    observable = load_observable(FOLDER / "h2.txt", 4)
    assert len(observable) == 15
    h = observable.to_matrix().real
    number = np.bitwise_count(np.arange(16))
    spin = np.bitwise_count(np.arange(16) & 3) - 1.0 * np.bitwise_count(np.arange(16) >> 2)
    for conserved in (number, spin):
        assert np.abs(h * (conserved[:, None] - conserved)).max() == 0
    two_electrons = np.ix_(number == 2, number == 2)
    assert_allclose(np.linalg.eigvalsh(h[two_electrons])[0], ground_energy(observable), atol=1e-12)
    nuclear_repulsion = 0.529177210903 / 0.735
    assert_allclose(ground_energy(observable) + nuclear_repulsion, -1.137306, rtol=0, atol=1e-6)
    assert_allclose(h[5, 5] + nuclear_repulsion, -1.116999, rtol=0, atol=1e-6)  # Hartree–Fock


def test_ising_is_the_critical_chain():
    observable = load_observable(FOLDER / "ising-10.txt", 10)
    assert observable.simplify().equiv(ising(10, 1.0).simplify())
    assert_allclose(ground_energy(observable), 1 - 1 / np.sin(np.pi / 42), rtol=0, atol=1e-12)


def test_heisenberg_is_the_chain():
    """Σ (2 SWAP − 1) over bonds."""
    h = load_observable(FOLDER / "heisenberg-8.txt", 8).to_matrix()
    index, expected = np.arange(256), -7 * np.eye(256)
    for q in range(7):
        differs = (index >> q ^ index >> (q + 1)) & 1
        expected[index, index ^ (differs << q) ^ (differs << (q + 1))] += 2
    assert_allclose(h, expected, rtol=0, atol=1e-14)


def test_maxcut_counts_edges():
    observable = load_observable(FOLDER / "maxcut-8.txt", 8)
    edges = [(q, (q + 1) % 8) for q in range(8)] + [(q, q + 4) for q in range(4)]
    cuts = [sum(bits[7 - a] != bits[7 - b] for a, b in edges) for bits in product((0, 1), repeat=8)]
    assert_allclose(observable.to_matrix(), -np.diag(cuts), rtol=0, atol=1e-14)
    assert ground_energy(observable) == -max(cuts) == -10
    assert all(sum(vertex in edge for edge in edges) == 3 for vertex in range(8))

"""The basis in which commuting strings are read at once, as dense matrices: C P C† = ± Z…Z."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from qiskit.quantum_info import Operator, Pauli, PauliList, random_clifford

from qgeo.circuit.paulis import from_label
from qgeo.estimators import basis


def read_basis(strings: PauliList) -> basis.ReadBasis:
    return basis.read_basis([from_label(label) for label in strings.to_labels()], strings.num_qubits)


def commuting_strings(num_qubits: int, count: int, seed: int) -> PauliList:
    """Z strings carried through a random Clifford, their signs forgotten."""
    generator = np.random.default_rng(seed)
    z = generator.integers(0, 2, (count, num_qubits)).astype(bool)
    diagonal = PauliList.from_symplectic(z, np.zeros_like(z))
    turned = diagonal.evolve(random_clifford(num_qubits, seed=generator))
    return PauliList.from_symplectic(turned.z, turned.x)


def assert_read(strings: PauliList) -> None:
    read_in = read_basis(strings)
    clifford = Operator(read_in.circuit).data
    for string, mask, sign in zip(strings, read_in.masks, read_in.signs, strict=True):
        read = Pauli((mask, np.zeros_like(mask))).to_matrix()
        assert_allclose(clifford @ string.to_matrix() @ clifford.conj().T, sign * read, rtol=0, atol=1e-12)


@pytest.mark.parametrize("num_qubits", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(12))
def test_random_commuting_strings_are_read(num_qubits, seed):
    # Seen to fail when signs were dropped; strings evolved in the Heisenberg frame.
    assert_read(commuting_strings(num_qubits, count=1 + seed % 6, seed=seed))


def test_table_holds_both_signs():
    signs = [read_basis(commuting_strings(3, 4, seed)).signs for seed in range(12)]
    assert {-1.0, 1.0} == set(np.concatenate(signs).tolist())


BY_QUBIT = [["XYZ", "XII", "IYZ", "III"], ["YY", "IY"], ["ZZ", "IZ"], ["X"], ["IXIY", "ZIII", "ZXIY"]]


@pytest.mark.parametrize("labels", BY_QUBIT, ids=str)
def test_strings_that_agree_by_qubit_need_one_qubit_gates(labels):
    # Seen to fail when every set went through the general elimination.
    strings = PauliList(labels)
    assert all(len(step.qubits) == 1 for step in read_basis(strings).circuit.data)
    assert_read(strings)


@pytest.mark.parametrize("labels", [["XX", "YY"], ["XX", "ZZ", "YY"], ["XZ", "ZX"], ["XYI", "YXZ"]], ids=str)
def test_strings_that_do_not_agree_need_more(labels):
    strings = PauliList(labels)
    assert any(len(step.qubits) == 2 for step in read_basis(strings).circuit.data)
    assert_read(strings)


def test_diagonal_strings_are_read_as_they_are():
    assert not read_basis(PauliList(["ZIZ", "IZZ"])).circuit.data

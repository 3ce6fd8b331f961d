"""Monomial matrices against dense ones multiplied out: products, inverses, embeddings, conjugated strings.

Seen to fail: a dropped sign of the conjugate, the matrix and its inverse exchanged, a matrix that is no
Clifford taken for one.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator, Pauli

from qgeo.circuit.monomial import MonomialMatrix, identity, is_monomial, on_qubits
from qgeo.circuit.paulis import Term, conjugated, label


def monomial(circuit: QuantumCircuit) -> MonomialMatrix:
    """Of a circuit whose matrix has one entry a row."""
    return on_qubits(Operator(circuit).data, tuple(range(circuit.num_qubits)), circuit.num_qubits)


def clifford(seed: int) -> QuantumCircuit:
    draw, circuit = np.random.default_rng(seed), QuantumCircuit(3)
    for gate in draw.choice(["cx", "cz", "swap", "s", "x", "y", "iswap"], 8):
        qubits = draw.permutation(3)[: 1 if gate in ("s", "x", "y") else 2]
        getattr(circuit, gate)(*map(int, qubits))
    return circuit


def string(x: int, z: int) -> np.ndarray:
    return Pauli(label(Term(x, z), 3)).to_matrix()


@pytest.mark.parametrize("seed", range(20))
def test_conjugation_is_that_of_the_matrices(seed):
    circuit = clifford(seed)
    by, matrix = monomial(circuit), Operator(circuit).data
    for x in range(8):
        for z in range(8):
            image = conjugated(Term(x, z, 0.5), by)
            assert image is not None
            expected = 0.5 * matrix.conj().T @ string(x, z) @ matrix
            assert_allclose(image.weight * string(image.x, image.z), expected, atol=1e-14)


@pytest.mark.parametrize("gate", ["ccx", "cs", "t"])
def test_what_is_no_clifford_is_refused(gate):
    circuit = QuantumCircuit(3)
    getattr(circuit, gate)(*range({"ccx": 3, "cs": 2, "t": 1}[gate]))
    assert conjugated(Term(1, 0), monomial(circuit)) is None
    assert conjugated(Term(0, 1), monomial(circuit)) == (0, 1, 1.0)  # Z on a control, or of a phase


def test_products_and_inverses_are_those_of_the_matrices():
    first, second = monomial(clifford(1)), monomial(clifford(2))
    assert_allclose(second.after(first).dense(), second.dense() @ first.dense(), atol=1e-15)
    assert_allclose(first.inverse().dense(), first.dense().conj().T, atol=1e-15)
    assert identity(3).is_identity
    assert not first.is_identity
    assert monomial(clifford(3)).dense() == pytest.approx(Operator(clifford(3)).data)


@pytest.mark.parametrize("qubits", [(0, 1), (2, 0), (1, 3), (3, 2)])
def test_some_qubits_of_all_as_qiskit_has_them(qubits):
    # Seen to fail: qubits in the opposite order, phases of the columns instead of the rows.
    gate, circuit = QuantumCircuit(2), QuantumCircuit(4)
    gate.cx(0, 1)
    gate.s(1)
    gate.x(0)
    circuit.compose(gate, qubits, inplace=True)
    embedded = on_qubits(Operator(gate).data, qubits, 4)
    assert_allclose(embedded.dense(), Operator(circuit).data, atol=1e-15)


def test_which_matrices_are_monomial():
    gates = {"cx": True, "iswap": True, "h": False, "t": True, "sx": False, "ccx": True}
    for name, expected in gates.items():
        circuit = QuantumCircuit(3)
        getattr(circuit, name)(*range({"cx": 2, "iswap": 2, "ccx": 3}.get(name, 1)))
        assert is_monomial(Operator(circuit).data) == expected

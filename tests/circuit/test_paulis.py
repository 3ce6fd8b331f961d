"""Pauli strings as masks against Qiskit's: labels, matrices, commutation, Clifford gates, generators.

The comment in each test names the planted faults it was seen to fail under, of: reversed (labels read from
the left), letters (X and Z exchanged), y (the phase of Y), sign (of a conjugate), halves (commutation by the
qubits of one string's X only).
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from cases import CASES
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator, Pauli

import qgeo
from qgeo.circuit import paulis
from qgeo.circuit.paulis import Term, from_label
from qgeo.errors import ConfigurationError

LABELS = ["".join(letters) for letters in itertools.product("IXYZ", repeat=3)]


@pytest.mark.parametrize("label", LABELS)
def test_a_string_is_qiskits(label):
    # Seen to fail under reversed, letters, y.
    term = from_label(label)
    assert_allclose(paulis.string_matrix(term, 3).dense(), Pauli(label).to_matrix(), atol=0)
    assert paulis.label(term, 3) == label
    assert paulis.qubits_of(paulis.support([term])) == [q for q in range(3) if label[2 - q] != "I"]


@pytest.mark.parametrize("label", ["", "XQ", "x", "X Y"])
def test_other_labels_are_refused(label):
    with pytest.raises(ConfigurationError, match="expected Pauli labels of the letters I X Y Z, got"):
        from_label(label)


def test_strings_commute_as_qiskits_do():
    # Seen to fail under halves.
    for first, second in itertools.product(LABELS, repeat=2):
        assert paulis.commute(from_label(first), from_label(second)) == Pauli(first).commutes(Pauli(second))


@pytest.mark.parametrize("gate", ["h", "sdg", "cx", "cz"])
def test_a_string_behind_a_gate_is_the_conjugate(gate):
    # Seen to fail under sign, for each of h, sdg and cx.
    for qubits in itertools.permutations(range(3), 2 if gate.startswith("c") else 1):
        circuit = QuantumCircuit(3)
        getattr(circuit, gate)(*qubits)
        matrix = Operator(circuit).data
        for label in LABELS:
            image = getattr(paulis, f"after_{gate}")(from_label(label), *qubits)
            expected = matrix @ Pauli(label).to_matrix() @ matrix.conj().T
            actual = image.weight * Pauli(paulis.label(image, 3)).to_matrix()
            assert_allclose(actual, expected, atol=1e-15)


def test_masks_and_positions_are_inverse():
    for mask in range(8):
        assert paulis.gathered(paulis.spread(mask, (5, 0, 3)), (5, 0, 3)) == mask
        assert paulis.mask_of(paulis.qubits_of(mask)) == mask
    assert paulis.spread(0b011, (5, 0, 3)) == 0b100001


def test_a_generator_is_the_sum_of_its_strings():
    """Σ w P, from masks, is the generator: every gate of the table on scattered qubits."""
    for case in CASES:
        for rotation in qgeo.compile(case.circuit).rotations:
            total = np.zeros_like(rotation.generator)
            for x, z, weight in paulis.pauli_terms(rotation.generator, rotation.positions):
                masks = [paulis.gathered(mask, rotation.positions) for mask in (x, z)]
                total = (
                    total + weight * Pauli(paulis.label(Term(*masks), len(rotation.positions))).to_matrix()
                )
            assert_allclose(total, rotation.generator, atol=1e-11)


def test_strings_and_generator_are_inverse():
    draw = np.random.default_rng(0)
    terms = [from_label(label)._replace(weight=float(draw.normal())) for label in ("XYZ", "IIZ", "YIY")]
    again = paulis.pauli_terms(paulis.generator_of(terms, 3), (0, 1, 2))
    assert sorted((x, z) for x, z, _ in again) == sorted((x, z) for x, z, _ in terms)
    assert {(x, z): w for x, z, w in again} == pytest.approx({(x, z): w for x, z, w in terms})

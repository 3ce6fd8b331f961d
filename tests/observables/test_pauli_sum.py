"""Pauli sums against Qiskit's matrices, and what is refused as an observable."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from qiskit.circuit import Parameter
from qiskit.quantum_info import Operator, Pauli, SparsePauliOp

from qgeo.errors import ConfigurationError
from qgeo.observables import pauli_sum
from qgeo.observables.pauli_sum import pauli_sums


def random_observable(num_qubits: int, terms: int, seed: int) -> SparsePauliOp:
    draw = np.random.default_rng(seed)
    labels = ["".join(draw.choice(list("IXYZ"), num_qubits)) for _ in range(terms)]
    return SparsePauliOp(labels, draw.normal(size=terms))


def random_states(num_qubits: int, rows: int) -> np.ndarray:
    draw = np.random.default_rng(1)
    states = draw.normal(size=(2, rows, 2**num_qubits))
    return states[0] + 1j * states[1]


@pytest.mark.parametrize("kept", [2**23, 0])
@pytest.mark.parametrize(("num_qubits", "terms"), [(1, 3), (3, 5), (4, 300)])
def test_a_sum_is_applied_as_its_matrix(num_qubits: int, terms: int, kept: int, monkeypatch):
    # Seen to fail: signs by the amplitude's own index instead of its source's; the power of i left out.
    monkeypatch.setattr(pauli_sum, "_KEPT", kept)
    observable, states = random_observable(num_qubits, terms, seed=terms), random_states(num_qubits, 3)
    (ours,) = pauli_sums(observable, num_qubits)
    assert_allclose(ours(torch.from_numpy(states)).numpy(), states @ observable.to_matrix().T, atol=1e-12)


def test_strings_that_flip_the_same_qubits_are_one_group():
    (ising,) = pauli_sums(SparsePauliOp(["ZZI", "IZZ", "ZIZ", "XII", "XZI", "IXI"]), 3)
    assert {x: len(group) for x, group in ising.by_flips.items()} == {0: 3, 4: 2, 2: 1}


def test_labels_paulis_and_phases():
    states = random_states(2, 2)
    given = ["XY", Pauli("-ZI"), SparsePauliOp("XY"), SparsePauliOp(["XY", "XY"], [0.75, 0.25])]
    label, pauli, operator, twice = pauli_sums(given, 2)
    for each in (label, operator, twice):
        assert_allclose(each(torch.from_numpy(states)), states @ Operator(Pauli("XY")).data.T, atol=1e-12)
    assert_allclose(pauli(torch.from_numpy(states)), -states @ Operator(Pauli("ZI")).data.T, atol=1e-12)


@pytest.mark.parametrize(
    ("observable", "sentence"),
    [
        ([], "expected at least one observable, got none"),
        (3.0, r"expected a SparsePauliOp, .* got 3.0"),
        ("AB", "expected Pauli labels of the letters I X Y Z, got 'AB'"),
        ("XXX", "expected an observable on the circuit's 2 qubits, got one on 3"),
        (SparsePauliOp("XX", [1j]), "finite real weights, got 1j"),
        (Pauli("iXX"), "finite real weights"),
        (SparsePauliOp("XX", [np.nan]), "finite real weights"),
        (SparsePauliOp("XX", np.array([Parameter("a")])), "numbers as weights, got parameters"),
    ],
)
def test_what_is_no_observable_is_refused(observable, sentence: str):
    with pytest.raises(ConfigurationError, match=sentence):
        pauli_sums(observable, 2)

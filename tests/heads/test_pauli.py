"""Pauli heads: expectation values against Qiskit's SparsePauliOp, the readout in numpy, labels.

The comment in each test names the planted faults it was seen to fail under, of: reversed (labels read from
the left), sign of Y, conjugation (ψPψ for ψ̄Pψ), factor 2 (in the derivative), scale (left out of the
readout).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from head_cases import build, some_contexts
from numpy.testing import assert_allclose
from qiskit.quantum_info import SparsePauliOp, Statevector, random_statevector

from qgeo.errors import ConfigurationError
from qgeo.heads.pauli import PauliExpectations, PauliHead, SoftmaxReadout, default_labels

LABELS = ["X", "Y", "Z", "I", "XY", "YX", "ZI", "IZ", "YY", "XYZ", "ZYX", "IYI", "YYY", "XIIY", "ZZXY"]
TIGHT = {"rtol": 1e-12, "atol": 1e-13}


def random_states(num_qubits: int) -> torch.Tensor:
    rows = [random_statevector(2**num_qubits, seed=seed).data for seed in range(3)]
    return torch.from_numpy(np.stack(rows))


@pytest.mark.parametrize("label", LABELS)
def test_expectation_is_qiskits(label):
    # Seen to fail under reversed, sign of Y, conjugation.
    states = random_states(len(label))
    measured = PauliExpectations([label])(states)
    expected = [Statevector(psi).expectation_value(SparsePauliOp(label)).real for psi in states.numpy()]
    assert measured.dtype == torch.float64
    assert_allclose(measured[:, 0], expected, **TIGHT)


def test_derivative_is_that_of_the_expectation():
    # Seen to fail under factor 2, sign of Y, conjugation.
    labels = [label for label in LABELS if len(label) == 3]
    states, tangents = random_states(3), torch.stack([random_states(3).flip(0), 1j * random_states(3)])
    expected = np.empty((3, len(labels), 2))
    for k, label in enumerate(labels):
        matrix = SparsePauliOp(label).to_matrix()
        for r, moved in enumerate(tangents.numpy()):
            expected[:, k, r] = 2 * np.einsum("bx,xy,by->b", states.numpy().conj(), matrix, moved).real
    assert_allclose(PauliExpectations(labels).derivative(states, tangents), expected, **TIGHT)


OBSERVABLES = {
    "pauli": ["IZ", "ZI", "ZZ"],
    "pauli-xyz": ["XY", "ZI", "YY", "IX"],
    "pauli-user": ["XYZ", "IIY"],
}


@pytest.mark.parametrize("name", OBSERVABLES)
def test_head_is_softmax_of_qiskits_expectations(name):
    # Seen to fail under reversed, sign of Y, conjugation, scale.
    head = build(name)
    contexts = some_contexts(head, 4)
    states = [Statevector(psi) for psi in head.states(contexts).detach().numpy()]
    operators = [SparsePauliOp(label) for label in OBSERVABLES[name]]
    measured = np.array([[psi.expectation_value(p).real for p in operators] for psi in states])
    scale, weight, bias = (p.detach().numpy() for p in head.readout.parameters())
    weights = np.exp(scale * measured @ weight.T + bias)
    assert_allclose(head(contexts).exp().detach(), weights / weights.sum(1, keepdims=True), rtol=1e-11)


def test_states_are_those_of_qiskit():
    head = build("pauli-user")
    e, w, b = (p.detach().numpy() for p in head.encoder.parameters())
    for context in ([0, 3], [4, 1]):
        angles = w @ np.concatenate([e[token] for token in context]) + b
        numbers = dict(zip(["x[2]", "x[0]", "x[1]"], angles, strict=True))
        numbers |= dict(zip("abc", head.values.tolist(), strict=True))
        expected = Statevector(head.choice.circuit.assign_parameters(numbers)).data
        assert_allclose(head.states(torch.tensor([context]))[0].detach(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("num_qubits", "expected"), [(1, ["Z"]), (3, ["IIZ", "IZI", "ZII", "IZZ", "ZIZ", "ZZI"])]
)
def test_default_labels(num_qubits, expected):
    # Seen to fail under reversed.
    assert default_labels(num_qubits) == expected


@pytest.mark.parametrize("labels", [["ZZZ"], ["ZZ", "Z"], [""], [], ["ZA"], ["zz"]], ids=str)
def test_labels_that_do_not_fit_are_refused(labels):
    with pytest.raises(ConfigurationError, match="Pauli labels"):
        PauliHead(4, 1, observables=labels)


def test_readout_starts_as_it_says():
    readout = SoftmaxReadout(3, 5, torch.Generator().manual_seed(0))
    scale, weight, bias = (p.detach() for p in readout.parameters())
    assert_allclose(scale, [1.0])
    assert_allclose(bias, np.zeros(5))
    assert weight.shape == (5, 3)
    assert 0.1 < float(weight.std()) < 1.2

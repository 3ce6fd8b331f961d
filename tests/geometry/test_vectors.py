"""What information matrices are multiplied with and solved for: every form, the same vectors and dampings."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import qgeo
from qgeo.errors import ConfigurationError, ShapeError
from qgeo.geometry.classical import output_fisher
from qgeo.geometry.empirical import empirical_fisher
from qgeo.geometry.monte_carlo import monte_carlo_fisher
from qgeo.geometry.operators import BlockDiagonalMatrix, DenseMatrix, DiagonalMatrix, DirectSum, GramMatrix


def matrix_free():
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("a"), 0)
    circuit.ry(Parameter("b"), 1)
    return qgeo.quantum_fisher_operator(circuit, [0.3, 0.4], method="matrix-free")


ONES = torch.ones(2, dtype=torch.float64)
IDENTITY = {
    "dense": DenseMatrix(ONES.diag()),
    "gram": GramMatrix(ONES.diag()),
    "blocks": BlockDiagonalMatrix((ONES[:1].diag(), ONES[1:].diag()), torch.arange(2)),
    "diagonal": DiagonalMatrix(ONES),
    "sum": DirectSum((DiagonalMatrix(ONES[:1]), DenseMatrix(ONES[1:].diag()))),
    "matrix-free": matrix_free(),
}
every_form = pytest.mark.parametrize("form", IDENTITY)


@every_form
@pytest.mark.parametrize("damping", [-1, -1e-9, math.inf, math.nan, "x", None, True], ids=repr)
def test_dampings_that_are_none_are_refused(form, damping):
    # Seen to fail: F − I was inverted, and an infinite damping gave zeros or NaN.
    with pytest.raises(ConfigurationError, match="expected damping ≥ 0, a finite number, got"):
        IDENTITY[form].solve(ONES, damping)


@every_form
@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.int64], ids=str)
def test_vectors_of_other_types_are_taken_in_that_of_the_matrix(form, kind):
    # Seen to fail: dense forms refused them in torch's words, a matrix-free product lost half of the digits.
    matrix, vector = IDENTITY[form], torch.tensor([1, 2]).to(kind)
    for result, expected in ((matrix @ vector, [1, 2]), (matrix.solve(vector, 1.0), [0.5, 1])):
        assert result.dtype == torch.float64
        assert_allclose(result, expected, rtol=1e-12)


@every_form
@pytest.mark.parametrize(
    ("vector", "came"),
    [
        (ONES.to(torch.complex128), "a real vector .*complex128"),
        (torch.ones(2, 1, 1), r"columns \(2, m\), got \(2, 1, 1\)"),
        (torch.ones(3), r"got \(3,\)"),
        (np.ones(2), "a torch tensor"),
    ],
    ids=["complex", "three dimensions", "too long", "numpy"],
)
def test_vectors_that_are_none_are_refused(form, vector, came):
    # Seen to fail: a diagonal form took complex vectors and arrays of three dimensions.
    for act in (IDENTITY[form].__matmul__, IDENTITY[form].solve):
        with pytest.raises(ShapeError, match=came):
            act(vector)


def test_matrices_of_no_contexts_are_refused():
    # Seen to fail: a division by zero.
    log_probs, jacobian = torch.zeros(0, 2), torch.zeros(0, 2, 3)
    for made in (
        lambda: output_fisher(log_probs, jacobian),
        lambda: empirical_fisher(jacobian, torch.zeros(0, dtype=torch.long)),
        lambda: monte_carlo_fisher(log_probs, jacobian, torch.Generator()),
    ):
        with pytest.raises(ShapeError, match="expected at least one context, got none"):
            made()

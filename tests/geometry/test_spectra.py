"""Numbers that describe an information matrix, against their definitions.

The comment in each test names the planted faults it was seen to fail under, of: ascending (eigenvalues
smallest first), unclipped (rounding below zero kept), absolute (a rank by an absolute tolerance), inverse
(tr F²/(tr F)²), zero over zero (degrees of freedom at damping 0).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from qgeo.errors import ShapeError
from qgeo.geometry import spectra


def with_spectrum(*eigenvalues: float) -> np.ndarray:
    """A symmetric matrix in a generic basis."""
    size = len(eigenvalues)
    basis, _ = np.linalg.qr(np.random.default_rng(size).normal(size=(size, size)))
    return (basis * np.array(eigenvalues)) @ basis.T


GENERIC = with_spectrum(0.3, 5.0, 0.0, 1.2)


def test_eigenvalues_come_largest_first():
    # Seen to fail under ascending.
    assert_allclose(spectra.eigenvalues(GENERIC), [5.0, 1.2, 0.3, 0.0], atol=1e-14)


def test_eigenvalues_are_not_negative():
    # Seen to fail under unclipped.
    assert (spectra.eigenvalues(with_spectrum(2.0, 1.0, -1e-16, -3e-15)) >= 0).all()


@pytest.mark.parametrize("scale", [1e-18, 1.0, 1e9])
def test_rank_does_not_depend_on_units(scale):
    # Seen to fail under absolute.
    assert spectra.rank(scale * GENERIC) == 3
    assert spectra.rank(scale * with_spectrum(1.0, 1e-9, 1e-11)) == 2
    assert spectra.rank(scale * with_spectrum(1.0, 1e-3, 1e-11), tolerance=1e-2) == 1


@pytest.mark.parametrize(
    ("eigenvalues", "expected"),
    [((1, 1, 1), 3.0), ((4, 0, 0), 1.0), ((2, 2, 0), 2.0), ((3, 1), 1.6), ((0, 0), 0.0)],
    ids=str,
)
def test_participation_ratio(eigenvalues, expected):
    # Seen to fail under inverse.
    assert_allclose(spectra.participation_ratio(with_spectrum(*eigenvalues)), expected)


@pytest.mark.parametrize(
    ("damping", "expected"), [(1.0, 0.3 / 1.3 + 5 / 6 + 1.2 / 2.2), (1e9, 0.0), (0.0, 3.0), (1e-9, 3.0)]
)
def test_degrees_of_freedom(damping, expected):
    matrix = np.diag([0.3, 5.0, 0.0, 1.2])  # Seen to fail under zero over zero.
    assert_allclose(spectra.degrees_of_freedom(matrix, damping), expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("damping", [0.0, 0.1])
def test_zero_and_empty_matrices_have_defined_numbers(damping):
    # Seen to fail under zero over zero.
    for matrix in (np.zeros((3, 3)), np.zeros((0, 0))):
        numbers = spectra.summary(matrix, damping)
        assert numbers == {"trace": 0, "rank": 0, "participation_ratio": 0, "degrees_of_freedom": 0}


@pytest.mark.parametrize(
    "convert", [np.asarray, torch.from_numpy, np.ndarray.tolist], ids=["array", "tensor", "list"]
)
def test_summary_names_the_numbers(convert):
    # Seen to fail under inverse.
    numbers = spectra.summary(convert(GENERIC), 0.5)
    assert_allclose(numbers["trace"], 6.5)
    assert numbers["rank"] == 3
    assert_allclose(numbers["participation_ratio"], 6.5**2 / (0.09 + 25 + 1.44))
    assert_allclose(numbers["degrees_of_freedom"], 0.3 / 0.8 + 5 / 5.5 + 1.2 / 1.7)


@pytest.mark.parametrize("seed", range(20))
def test_a_null_space_is_whole_and_reduced(seed):
    # Seen to fail: eigenvectors of the largest eigenvalues; pivots that are no columns of the identity.
    generator = np.random.default_rng(seed)
    size, kept = int(generator.integers(2, 9)), int(generator.integers(0, 3))
    rows = generator.integers(-2, 3, (min(kept, size), size)).astype(float)
    matrix = rows.T @ rows
    directions = spectra.null_space(matrix)
    assert len(directions) == size - np.linalg.matrix_rank(rows if len(rows) else np.zeros((1, size)))
    np.testing.assert_allclose(matrix @ directions.T, 0, atol=1e-9)
    ones = [column for column in directions.T if sorted(np.abs(column)) == [0.0] * (len(column) - 1) + [1.0]]
    assert len(directions) == 0 or len({column.argmax() for column in ones}) == len(directions)


def test_the_condition_number_leaves_out_what_the_rank_does():
    assert spectra.condition_number(np.diag([9.0, 3.0, 1e-14])) == pytest.approx(3)
    assert spectra.condition_number(np.zeros((2, 2))) == np.inf


def test_null_directions_have_the_names_of_what_moves():
    # Seen to fail: names in the order of the pivots, parameters that stand still kept.
    rank_two = np.array([[2.0, 0, 2, 0], [0, 1, 0, 0], [2, 0, 2, 0], [0, 0, 0, 0]])
    found = spectra.null_directions(rank_two, ["a", "b", "c", "d"])
    assert sorted(map(sorted, found)) == [["a", "c"], ["d"]]
    for direction in found:
        vector = [direction.get(name, 0.0) for name in "abcd"]
        assert_allclose(rank_two @ vector, 0, atol=1e-12)
    assert spectra.null_directions(np.eye(2), ["a", "b"]) == []
    with pytest.raises(ShapeError, match="expected 2 names, one a row, got 1"):
        spectra.null_directions(np.eye(2), ["a"])

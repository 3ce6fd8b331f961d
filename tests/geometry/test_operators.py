"""Information matrices: one conformance suite for all forms, against dense numpy.

The comment in each test names the planted faults it was seen to fail under, of: factor 2 (scale or damping),
outside (the component of g outside the row space dropped: oracle 20), order (blocks read in parameter order),
inverse order (a gather where a scatter belongs), least norm (no cut-off at damping 0), absolute (an absolute
cut-off for singular values), columns (a matrix of columns read as a vector).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from qgeo.errors import ShapeError
from qgeo.geometry.operators import (
    BlockDiagonalMatrix,
    DenseMatrix,
    DiagonalMatrix,
    GramMatrix,
    InformationMatrix,
)
from qgeo.geometry.solve import damped_solve

SIZE = 7
TIGHT = {"rtol": 1e-10, "atol": 1e-12}


@dataclass(frozen=True, eq=False)
class Form:
    """A matrix in one of the forms, and the same entry by entry."""

    name: str
    build: Callable[[float], InformationMatrix]
    singular: bool

    def __str__(self) -> str:
        return self.name

    def pair(self, scale: float = 1.0) -> tuple[InformationMatrix, np.ndarray]:
        matrix = self.build(scale)
        return matrix, expected_dense(matrix)


def rows(count: int, columns: int = SIZE, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, columns, generator=generator, dtype=torch.float64)


def gram(count: int, columns: int = SIZE, seed: int = 0) -> torch.Tensor:
    return rows(count, columns, seed).mT @ rows(count, columns, seed)


ORDER = [3, 6, 0, 5, 1, 4, 2]


def blocks(scale: float, ranks: tuple[int, ...]) -> BlockDiagonalMatrix:
    sizes = (3, 1, 2, 1)
    parts = [scale * gram(r, size, seed=size + r) for r, size in zip(ranks, sizes, strict=True)]
    return BlockDiagonalMatrix(tuple(parts), torch.tensor(ORDER))


def diagonal(scale: float, *entries: float) -> DiagonalMatrix:
    return DiagonalMatrix(scale * torch.tensor(entries, dtype=torch.float64))


FORMS = [
    Form("dense", lambda s: DenseMatrix(s * gram(9)), False),
    Form("dense-singular", lambda s: DenseMatrix(s * gram(4)), True),
    Form("gram-tall", lambda s: GramMatrix(rows(11), scale=s / 11), False),
    Form("gram-tall-singular", lambda s: GramMatrix(rows(9, 3) @ rows(3), scale=s / 9), True),
    Form("gram-wide", lambda s: GramMatrix(rows(4), scale=s / 4), True),
    Form("gram-wide-dependent", lambda s: GramMatrix(rows(2).repeat(2, 1), scale=s / 4), True),
    Form("gram-square", lambda s: GramMatrix(rows(SIZE), scale=s), False),
    Form("gram-one-row", lambda s: GramMatrix(rows(1), scale=s), True),
    Form("gram-no-rows", lambda s: GramMatrix(rows(0), scale=s), True),
    Form("blocks", lambda s: blocks(s, (5, 2, 3, 1)), False),
    Form("blocks-singular", lambda s: blocks(s, (1, 0, 1, 1)), True),
    Form("diagonal", lambda s: diagonal(s, 1.0, 0.2, 3.0, 7.0, 0.01, 2.0, 0.5), False),
    Form("diagonal-singular", lambda s: diagonal(s, 1.0, 0.0, 3.0, 0.0, 0.01, 2.0, 0.5), True),
    Form("dense-zero", lambda s: DenseMatrix(s * gram(0)), True),
    Form("diagonal-zero", lambda s: diagonal(s, *[0.0] * SIZE), True),
]
forms = pytest.mark.parametrize("form", FORMS, ids=str)


def expected_dense(matrix: InformationMatrix) -> np.ndarray:
    """The matrix entry by entry, from the fields of the form."""
    if isinstance(matrix, DenseMatrix):
        return matrix.matrix.numpy()
    if isinstance(matrix, GramMatrix):
        return matrix.scale * matrix.rows.numpy().T @ matrix.rows.numpy()
    if isinstance(matrix, DiagonalMatrix):
        return np.diag(matrix.entries.numpy())
    dense, start = np.zeros((SIZE, SIZE)), 0
    for block in matrix.blocks:
        members = ORDER[start : start + len(block)]
        dense[np.ix_(members, members)] = block.numpy()
        start += len(block)
    return dense


VECTORS = {
    "vector": rows(1, seed=5)[0],
    "one-column": rows(1, seed=5).mT,
    "columns": rows(3, seed=5).mT,
    "square": rows(SIZE, seed=5),
    "strided": rows(6, seed=5).mT[:, ::2],
    "no-columns": rows(0, seed=5).mT,
}
vectors = pytest.mark.parametrize("given", VECTORS)


# --- conformance ----------------------------------------------------------------------------------


@forms
def test_form_is_an_information_matrix(form):
    matrix, dense = form.pair()
    assert isinstance(matrix, InformationMatrix)
    assert matrix.size == SIZE
    assert_allclose(matrix.to_dense(), dense, **TIGHT)
    assert_allclose(matrix.diagonal(), np.diag(dense), **TIGHT)
    assert isinstance(matrix.trace(), float)
    assert_allclose(matrix.trace(), np.trace(dense), **TIGHT)


@forms
@vectors
def test_product(form, given):
    # Seen to fail under order, inverse order, factor 2, columns.
    matrix, dense = form.pair()
    result = matrix @ VECTORS[given]
    assert result.shape == VECTORS[given].shape
    assert_allclose(result, dense @ VECTORS[given].numpy(), **TIGHT)


@forms
@vectors
@pytest.mark.parametrize("damping", [1e-3, 1, 50.0])
def test_damped_solve(form, given, damping):
    # Seen to fail under outside, order, inverse order, factor 2, columns.
    matrix, dense = form.pair()
    result = matrix.solve(VECTORS[given], damping)
    assert result.shape == VECTORS[given].shape
    expected = np.linalg.solve(dense + damping * np.eye(SIZE), VECTORS[given].numpy())
    assert_allclose(result, expected, rtol=1e-9, atol=1e-11 / damping)


@forms
@vectors
def test_undamped_solve_is_the_least_norm_one(form, given):
    # Seen to fail under least norm, order, inverse order, factor 2, columns.
    matrix, dense = form.pair()
    result = matrix.solve(VECTORS[given])
    inverse = np.linalg.pinv(dense, rcond=1e-10, hermitian=True)
    assert (np.linalg.matrix_rank(dense, tol=1e-10) < SIZE) == form.singular
    assert_allclose(result, inverse @ VECTORS[given].numpy(), rtol=1e-8, atol=1e-9)


@forms
@pytest.mark.parametrize("scale", [1e-12, 1e12])
@pytest.mark.parametrize("damping", [0.0, 1e-3])
def test_solve_does_not_depend_on_units(form, scale, damping):
    # Seen to fail under absolute, outside.
    unit, _ = form.pair()
    scaled, _ = form.pair(scale)
    vector = VECTORS["vector"]
    expected = unit.solve(vector, damping)
    assert_allclose(
        scale * scaled.solve(vector, scale * damping), expected, rtol=1e-7, atol=1e-7 * expected.abs().max()
    )


@forms
def test_gradient_is_left_as_it_was_and_its_type_stays(form):
    matrix, _ = form.pair()
    vector = VECTORS["vector"].clone()
    for damping in (0.0, 0.5):
        assert matrix.solve(vector, damping).dtype == torch.float64
    assert torch.equal(vector, VECTORS["vector"])


@forms
def test_zero_gradient_has_a_zero_solution(form):
    matrix, _ = form.pair()
    for damping in (0.0, 1e-3):
        assert (matrix.solve(torch.zeros(SIZE, dtype=torch.float64), damping) == 0).all()


@forms
@pytest.mark.parametrize("shape", [(), (SIZE - 1,), (SIZE + 1,), (1, SIZE), (0,)], ids=str)
def test_vector_of_another_size_is_refused(form, shape):
    matrix, _ = form.pair()
    vector = torch.ones(shape, dtype=torch.float64)
    for act in (matrix.__matmul__, matrix.solve, lambda v: matrix.solve(v, 0.1)):
        with pytest.raises(ShapeError, match=rf"\b{SIZE}\b"):
            act(vector)


# --- oracle 20: Woodbury --------------------------------------------------------------------------


@pytest.mark.parametrize("damping", [1e-4, 0.1, 3.0])
def test_woodbury_keeps_what_lies_outside_the_row_space(damping):  # [20]
    # Seen to fail under outside: R̃ᵀ(R̃R̃ᵀ + λ)⁻¹R̃g/... alone, as one library has it.
    jacobian, gradient = rows(3).numpy(), VECTORS["vector"].numpy()
    inside = np.linalg.pinv(jacobian) @ jacobian @ gradient
    assert np.linalg.norm(gradient - inside) > 0.5  # weight decay puts such a component into g
    solution = GramMatrix(rows(3), scale=1 / 3).solve(torch.from_numpy(gradient), damping).numpy()
    scaled = jacobian / np.sqrt(3)
    kernel = scaled @ scaled.T + damping * np.eye(3)
    formula = (gradient - scaled.T @ np.linalg.solve(kernel, scaled @ gradient)) / damping
    assert_allclose(solution, formula, rtol=1e-9)
    assert_allclose(scaled.T @ (scaled @ solution) + damping * solution, gradient, rtol=1e-9, atol=1e-10)
    outside = (gradient - inside) / damping
    assert_allclose(solution - np.linalg.pinv(jacobian) @ jacobian @ solution, outside, rtol=1e-8)


@pytest.mark.parametrize("damping", [0.0, 1e-8, 1e-3, 1.0])
def test_wide_and_tall_sides_agree(damping):
    wide = GramMatrix(rows(4), scale=0.5)
    tall = GramMatrix(torch.cat([rows(4), torch.zeros(5, SIZE, dtype=torch.float64)]), scale=0.5)
    inside = wide @ VECTORS["vector"]
    expected = tall.solve(inside, damping)
    assert_allclose(wide.solve(inside, damping), expected, rtol=1e-6, atol=1e-6 * expected.abs().max())


# --- near singular --------------------------------------------------------------------------------


def test_two_parameters_that_do_the_same_share_the_step():
    twin = DenseMatrix(torch.ones(2, 2, dtype=torch.float64))
    assert_allclose(twin.solve(torch.tensor([2.0, 2.0], dtype=torch.float64)), [1.0, 1.0], **TIGHT)


def test_rounding_below_zero_does_no_harm():
    # Seen to fail under least norm.
    dense = gram(3)
    spectrum, basis = np.linalg.eigh(dense.numpy())
    spectrum[:4] = [-3e-16, -1e-17, 0.0, 2e-16]
    noisy = DenseMatrix(torch.from_numpy((basis * spectrum) @ basis.T))
    for damping in (0.0, 1e-14):
        solution = noisy.solve(VECTORS["vector"], damping)
        expected = (basis[:, 4:] / spectrum[4:]) @ (basis[:, 4:].T @ VECTORS["vector"].numpy())
        assert_allclose(solution, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_singular_matrix_in_either_precision(dtype):
    # Seen to fail under least norm, absolute.
    matrix = DenseMatrix(gram(4).to(dtype))
    solution = matrix.solve(VECTORS["vector"].to(dtype))
    expected = np.linalg.pinv(gram(4).numpy(), rcond=1e-10, hermitian=True) @ VECTORS["vector"].numpy()
    assert solution.dtype == dtype
    assert_allclose(solution, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("eigenvalue", "step"), [(1e-12, 1e12), (1e-13, 1e13), (2e-15, 0.0), (0.0, 0.0)])
def test_only_rounding_counts_as_singular(eigenvalue, step):
    # Seen to fail: the cutoff a thousand times larger.
    matrix = torch.diag(torch.tensor([1.0, eigenvalue], dtype=torch.float64))
    solution = damped_solve(matrix, torch.ones(2, dtype=torch.float64))
    assert_allclose(solution, [1.0, step], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        (DenseMatrix(torch.eye(24)), "DenseMatrix(24 × 24, trace 24)"),
        (DiagonalMatrix(torch.ones(3) / 7), "DiagonalMatrix(3 × 3, trace 0.428571)"),
        (GramMatrix(torch.ones(2, 3), 0.5), "GramMatrix(3 × 3, trace 3)"),
    ],
)
def test_a_matrix_is_shown_by_its_size_and_trace(matrix, shown):
    # Seen to fail: all numbers, a screen full.
    assert repr(matrix) == shown


@pytest.mark.parametrize("matrix", [DenseMatrix(torch.eye(2)), GramMatrix(torch.eye(2), 1.0)])
def test_a_vector_of_numpy_is_told_what_to_become(matrix):
    # Seen to fail: an attribute 'dim' was missed.
    with pytest.raises(
        ShapeError, match=r"a torch tensor of 2 entries .*, got ndarray; pass torch.as_tensor"
    ):
        matrix.solve(np.ones(2), 0.1)

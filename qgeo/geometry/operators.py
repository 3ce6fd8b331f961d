"""Information matrices: positive semidefinite linear operators in the form that is cheapest for each.

Every form offers

    F @ v        product with a vector (P,) or with columns (P, m)
    F.solve(g, damping)   (F + damping·I)⁻¹ g, the least-norm solution where that is singular; damping ≥ 0
    F.to_dense() (P, P);  F.diagonal() (P,);  F.trace()

Vectors are real torch tensors, computed with in the type of F: with float64, for what qgeo computes itself,
whatever type a vector has.

`DenseMatrix`, `GramMatrix` (low rank: solved on the side that is smaller), `BlockDiagonalMatrix`,
`DiagonalMatrix`, `DirectSum`; `MatrixFreeFisher` in `matrix_free.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from qgeo.arguments import checked_real
from qgeo.errors import ShapeError
from qgeo.geometry.solve import damped_solve


@runtime_checkable
class InformationMatrix(Protocol):
    """What every form of an information matrix offers."""

    @property
    def size(self) -> int: ...

    def __matmul__(self, vector: Tensor) -> Tensor: ...

    def solve(self, gradient: Tensor, damping: float = 0.0) -> Tensor: ...

    def to_dense(self) -> Tensor: ...

    def diagonal(self) -> Tensor: ...

    def trace(self) -> float: ...


def short_form(matrix: InformationMatrix) -> str:
    """Its form, size and trace, as in `DenseMatrix(24 × 24, trace 17.3)`."""
    return f"{type(matrix).__name__}({matrix.size} × {matrix.size}, trace {matrix.trace():.6g})"


def checked_vector(size: int, vector: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """The vector (size,), or columns (size, m), in the type of a matrix.

    Raises:
        ShapeError: no tensor, another shape, or complex numbers.
    """
    if not isinstance(vector, Tensor):
        raise ShapeError(
            f"expected a torch tensor of {size} entries for this matrix, got {type(vector).__name__}; pass "
            "torch.as_tensor(vector)"
        )
    if vector.dim() not in (1, 2) or vector.shape[0] != size:
        raise ShapeError(
            f"expected a vector of {size} entries for this matrix, or columns ({size}, m), got "
            f"{tuple(vector.shape)}"
        )
    if vector.is_complex():
        raise ShapeError(f"expected a real vector for this matrix, got {vector.dtype}; pass vector.real")
    return vector if dtype is None else vector.to(dtype)


def checked_system(
    size: int, gradient: Tensor, damping: float, dtype: torch.dtype | None = None
) -> tuple[Tensor, float]:
    """The right-hand side of a solve, as `checked_vector`, and its damping.

    Raises:
        ShapeError: see `checked_vector`; ConfigurationError: a damping that is negative or no finite number.
    """
    return checked_vector(size, gradient, dtype), checked_real("damping", damping, least=0)


@dataclass(frozen=True, eq=False)
class DenseMatrix:
    """F stored entry by entry, symmetric (P, P)."""

    matrix: Tensor

    def __repr__(self) -> str:
        return short_form(self)

    @property
    def size(self) -> int:
        return len(self.matrix)

    def __matmul__(self, vector: Tensor) -> Tensor:
        return self.matrix @ checked_vector(self.size, vector, self.matrix.dtype)

    def solve(self, gradient: Tensor, damping: float = 0.0) -> Tensor:
        right, damping = checked_system(self.size, gradient, damping, self.matrix.dtype)
        return damped_solve(self.matrix, right, damping)

    def to_dense(self) -> Tensor:
        return self.matrix

    def diagonal(self) -> Tensor:
        return self.matrix.diagonal()

    def trace(self) -> float:
        return float(self.diagonal().sum())


@dataclass(frozen=True, eq=False)
class GramMatrix:
    """F = scale · RᵀR with rows R (M, P): never larger than its rows.

    With fewer rows than parameters and damping > 0 the solve goes through the M×M side (Woodbury):

        (F + λ)⁻¹ g = [g − R̃ᵀ (R̃R̃ᵀ + λ)⁻¹ R̃ g] / λ,      R̃ = √scale · R

    which keeps the component of g outside the row space.
    """

    rows: Tensor
    scale: float = 1.0

    def __repr__(self) -> str:
        return short_form(self)

    @property
    def size(self) -> int:
        return self.rows.shape[1]

    def __matmul__(self, vector: Tensor) -> Tensor:
        vector = checked_vector(self.size, vector, self.rows.dtype)
        return self.scale * (self.rows.mT @ (self.rows @ vector))

    def solve(self, gradient: Tensor, damping: float = 0.0) -> Tensor:
        gradient, damping = checked_system(self.size, gradient, damping, self.rows.dtype)
        if damping == 0 or len(self.rows) >= self.size:
            return damped_solve(self.to_dense(), gradient, damping)
        rows = self.scale**0.5 * self.rows
        inside = damped_solve(rows @ rows.mT, rows @ gradient, damping)
        solution: Tensor = (gradient - rows.mT @ inside) / damping
        return solution

    def to_dense(self) -> Tensor:
        return self.scale * (self.rows.mT @ self.rows)

    def diagonal(self) -> Tensor:
        return self.scale * self.rows.square().sum(0)

    def trace(self) -> float:
        return float(self.diagonal().sum())


@dataclass(frozen=True, eq=False)
class BlockDiagonalMatrix:
    """Square blocks along the diagonal, zero elsewhere; `order[i]` is the parameter of the i-th row."""

    blocks: tuple[Tensor, ...]
    order: Tensor

    def __repr__(self) -> str:
        return short_form(self)

    @property
    def size(self) -> int:
        return len(self.order)

    def __matmul__(self, vector: Tensor) -> Tensor:
        return self._each(vector, lambda block, part: block @ part)

    def solve(self, gradient: Tensor, damping: float = 0.0) -> Tensor:
        right, damping = checked_system(self.size, gradient, damping)
        return self._each(right, lambda block, part: damped_solve(block, part, damping))

    def to_dense(self) -> Tensor:
        dense: Tensor = torch.block_diag(*self.blocks)
        back = self.order.argsort()
        return dense[back][:, back]

    def diagonal(self) -> Tensor:
        parts = [block.diagonal() for block in self.blocks]
        if not parts:
            return torch.zeros(0, dtype=torch.float64, device=self.order.device)
        return torch.cat(parts)[self.order.argsort()]

    def trace(self) -> float:
        return float(self.diagonal().sum())

    def _each(self, vector: Tensor, act: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        vector = checked_vector(self.size, vector, self.blocks[0].dtype if self.blocks else None)
        if not self.blocks:
            return vector
        parts = vector[self.order].split([len(block) for block in self.blocks])
        image = torch.cat([act(block, part) for block, part in zip(self.blocks, parts, strict=True)])
        return torch.empty_like(image).index_copy(0, self.order, image)


@dataclass(frozen=True, eq=False)
class DiagonalMatrix:
    """Only the diagonal of F, (P,)."""

    entries: Tensor

    def __repr__(self) -> str:
        return short_form(self)

    @property
    def size(self) -> int:
        return len(self.entries)

    def __matmul__(self, vector: Tensor) -> Tensor:
        vector = checked_vector(self.size, vector, self.entries.dtype)
        return self._column(vector) * vector

    def solve(self, gradient: Tensor, damping: float = 0.0) -> Tensor:
        gradient, damping = checked_system(self.size, gradient, damping, self.entries.dtype)
        shifted = self._column(gradient) + damping
        usable = shifted > self.size * torch.finfo(shifted.dtype).eps * shifted.abs().max()
        return torch.where(usable, gradient / torch.where(usable, shifted, 1.0), 0.0)

    def to_dense(self) -> Tensor:
        return self.entries.diag()

    def diagonal(self) -> Tensor:
        return self.entries

    def trace(self) -> float:
        return float(self.entries.sum())

    def _column(self, like: Tensor) -> Tensor:
        return self.entries.view(-1, *(1,) * (like.dim() - 1))


@dataclass(frozen=True, eq=False)
class DirectSum:
    """Information matrices of parameters that follow each other, with no block between them."""

    parts: tuple[InformationMatrix, ...]

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    def __matmul__(self, vector: Tensor) -> Tensor:
        return self._each(vector, lambda part, piece: part @ piece)

    def solve(self, gradient: Tensor, damping: float = 0.0) -> Tensor:
        right, damping = checked_system(self.size, gradient, damping)
        return self._each(right, lambda part, piece: part.solve(piece, damping))

    def to_dense(self) -> Tensor:
        dense: Tensor = torch.block_diag(*(part.to_dense() for part in self.parts))
        return dense

    def diagonal(self) -> Tensor:
        return torch.cat([part.diagonal() for part in self.parts])

    def trace(self) -> float:
        return sum(part.trace() for part in self.parts)

    def _each(self, vector: Tensor, act: Callable[[InformationMatrix, Tensor], Tensor]) -> Tensor:
        pieces = checked_vector(self.size, vector).split([part.size for part in self.parts])
        return torch.cat([act(part, piece) for part, piece in zip(self.parts, pieces, strict=True)])

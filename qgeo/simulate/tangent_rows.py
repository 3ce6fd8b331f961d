"""What both engines give of tangents: rows in a frame, and products of projected tangents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from qgeo.simulate.tensors import kept_index_tensor


@dataclass(frozen=True, eq=False)
class Tangents:
    """States and tangents in one frame of the circuit.

    Attributes:
        states: (B, 2ⁿ).
        rows: (R, B, 2ⁿ), in the order in which parameters enter; a parameter's rows add up to its tangent.
        parameter_of_row: (R,) positions among the chosen parameters; count: how many were chosen.
    """

    states: Tensor
    rows: Tensor
    parameter_of_row: tuple[int, ...]
    count: int

    def ordered(self) -> Tensor:
        """(count, B, 2ⁿ), one tangent per chosen parameter, in their order."""
        if self.parameter_of_row == tuple(range(self.count)):
            return self.rows
        return _gathered(self.rows, self.parameter_of_row, self.count)

    def folded(self, matrix: Tensor) -> Tensor:
        """From a matrix (R, R) over rows to one over the chosen parameters, (count, count)."""
        if self.parameter_of_row == tuple(range(self.count)):
            return matrix
        index = kept_index_tensor(self.parameter_of_row, matrix.device)
        half = matrix.new_zeros(self.count, len(matrix)).index_add_(0, index, matrix)
        return matrix.new_zeros(self.count, self.count).index_add_(1, index, half)


class TangentSweep(Protocol):
    """Tangents of some contexts at a time: what all contexts share is made once."""

    def of(self, contexts: slice = ..., workspace: Tensor | None = None) -> Tangents:
        """States and tangents of some contexts; in a `workspace` they last until it is used again."""
        ...

    def workspace(self, contexts: int) -> Tensor:
        """Memory for the tangents of so many contexts, or fewer, uninitialised."""
        ...


@dataclass(frozen=True, eq=False)
class TangentProducts:
    """R(x)_ij = Re⟨u_i|u_j⟩ of projected tangents u = (1 − |ψ⟩⟨ψ|)∂ψ at contexts x.

    Attributes:
        summed: Σ_x R(x) over a circuit's own parameters, (P, P) float64.
        by_context: R(x) of data angles with all of them, (B, d, P + d), one matrix a context.
    """

    summed: Tensor
    by_context: Tensor


def _gathered(rows: Tensor, target: tuple[int, ...], count: int) -> Tensor:
    """(count, ...): row r added to row target[r]; rows that none is added to are zero."""
    if sorted(target) == list(range(count)):
        row_of = tuple(sorted(range(count), key=target.__getitem__))
        return rows.index_select(0, kept_index_tensor(row_of, rows.device))
    index = kept_index_tensor(target, rows.device)
    return rows.new_zeros(count, *rows.shape[1:]).index_add_(0, index, rows)

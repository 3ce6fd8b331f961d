"""Jacobians of a module's outputs over its weights, in the form that is cheapest for each module.

    J(x) = ∂ outputs(x)/∂ weights,   (o, W) at each of B contexts x

What pulls an information matrix back through the module needs only sums over contexts:

    summed(L) = Σ_x L(x) J(x)              (R, W)        from L (B, R, o)
    congruence(M) = Σ_x J(x)ᵀ M(x) J(x)    (W, W)        from M (B, o, o)

`DenseJacobian` holds J entry by entry; `LinearJacobian` is that of W h + b, J = I ⊗ (h, 1), whose entries are
mostly zero: there both sums are products of small matrices. Modules with another structure bring a form of
their own (`heads/token_jacobian.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class WeightJacobian(Protocol):
    """What every form offers."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(B, o, W)."""
        ...

    def summed(self, left: Tensor) -> Tensor:
        """Σ_x L(x) J(x), (R, W), from (B, R, o)."""
        ...

    def congruence(self, middle: Tensor) -> Tensor:
        """Σ_x J(x)ᵀ M(x) J(x), (W, W), from symmetric matrices (B, o, o)."""
        ...

    def transposed_times(self, right: Tensor) -> Tensor:
        """J(x)ᵀ R(x), (B, W, m), from (B, o, m)."""
        ...

    def dense(self) -> Tensor:
        """(B, o, W)."""
        ...


@dataclass(frozen=True, eq=False)
class DenseJacobian:
    """J entry by entry, (B, o, W)."""

    matrix: Tensor

    @property
    def shape(self) -> tuple[int, int, int]:
        batch, outputs, weights = self.matrix.shape
        return batch, outputs, weights

    def summed(self, left: Tensor) -> Tensor:
        return left.transpose(0, 1).flatten(1) @ self.matrix.flatten(0, 1)

    def congruence(self, middle: Tensor) -> Tensor:
        return self.matrix.flatten(0, 1).mT @ (middle @ self.matrix).flatten(0, 1)

    def transposed_times(self, right: Tensor) -> Tensor:
        return self.matrix.mT @ right

    def dense(self) -> Tensor:
        return self.matrix


@dataclass(frozen=True, eq=False)
class LinearJacobian:
    """Of o outputs W h + b over the entries of W, row by row, then b: J(x) = I ⊗ (h(x), 1).

    Attributes:
        features: (B, f) h; outputs: o.
    """

    features: Tensor
    outputs: int

    @property
    def shape(self) -> tuple[int, int, int]:
        batch, width = self.features.shape
        return batch, self.outputs, self.outputs * (width + 1)

    @property
    def with_one(self) -> Tensor:
        """(B, f + 1): the features and, for b, a 1."""
        return torch.cat([self.features, self.features.new_ones(len(self.features), 1)], 1)

    def summed(self, left: Tensor) -> Tensor:
        by_output = left.flatten(1).mT @ self.with_one
        return self.in_order(by_output.view(left.shape[1], self.outputs, self.features.shape[1] + 1))

    def congruence(self, middle: Tensor) -> Tensor:
        rows = self.with_one
        squares = (rows.unsqueeze(2) * rows.unsqueeze(1)).flatten(1)
        moments = middle.flatten(1).mT @ squares  # (o·o, (f + 1)²)
        by_row = moments.view(self.outputs, self.outputs, *2 * (rows.shape[1],)).transpose(1, 2)
        right = self.in_order(by_row.flatten(0, 1))
        return self.in_order(right.mT.unflatten(1, (self.outputs, rows.shape[1])))

    def transposed_times(self, right: Tensor) -> Tensor:
        by_weight = right.unsqueeze(2) * self.features[:, None, :, None]
        return torch.cat([by_weight.flatten(1, 2), right], 1)

    def dense(self) -> Tensor:
        identity = torch.eye(self.outputs, dtype=self.features.dtype, device=self.features.device)
        by_row = identity[None, :, :, None] * self.with_one[:, None, None, :]
        return self.in_order(by_row.flatten(0, 1)).view(self.shape)

    @staticmethod
    def in_order(by_row: Tensor) -> Tensor:
        """(R, o, f + 1), a row of (W, b) after the other → (R, o·f + o), all of W before b."""
        return torch.cat([by_row[..., :-1].flatten(1), by_row[..., -1]], 1)


@dataclass(frozen=True, eq=False)
class JoinedJacobian:
    """Of a few weights, entry by entry, and of others behind them in a form of their own."""

    first: DenseJacobian
    then: WeightJacobian

    @property
    def shape(self) -> tuple[int, int, int]:
        batch, outputs, weights = self.then.shape
        return batch, outputs, self.first.shape[2] + weights

    def summed(self, left: Tensor) -> Tensor:
        return torch.cat([self.first.summed(left), self.then.summed(left)], 1)

    def congruence(self, middle: Tensor) -> Tensor:
        cross = self.then.summed(self.first.transposed_times(middle))
        upper = torch.cat([self.first.congruence(middle), cross], 1)
        return torch.cat([upper, torch.cat([cross.mT, self.then.congruence(middle)], 1)])

    def transposed_times(self, right: Tensor) -> Tensor:
        return torch.cat([self.first.transposed_times(right), self.then.transposed_times(right)], 1)

    def dense(self) -> Tensor:
        return torch.cat([self.first.dense(), self.then.dense()], 2)


def none_trained(batch: int, outputs: int, like: Tensor) -> DenseJacobian:
    """The Jacobian of a module without trainable weights, (B, o, 0)."""
    return DenseJacobian(like.new_zeros(batch, outputs, 0))

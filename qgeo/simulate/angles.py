"""From values and inputs to angles, and the Jacobian of the angles.

    a = f(p),   p = (values, one row of inputs);   affine angles in one scatter, the others from their trees.

Angles are float64 whatever the type of the states: a difference of large angles, or a large angle reduced to
one turn, has no digit to lose. They become complex64 only as sines and cosines.

The Jacobian is kept by its entries, because it is sparse: an angle depends on one or two parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from qgeo.circuit.expression import Tree
from qgeo.circuit.program import Program
from qgeo.simulate.angle_tables import AngleTable, angle_tables


@dataclass(frozen=True, eq=False)
class AngleJacobian:
    """∂a/∂p by its entries: `slopes` (..., E) at (rows[e], columns[e]); a leading dimension is contexts.

    `is_identity` where every angle is the parameter of the same position.
    """

    rows: Tensor
    columns: Tensor
    slopes: Tensor
    shape: tuple[int, int]
    is_identity: bool

    def dense(self) -> Tensor:
        """(..., angles, columns)."""
        matrix = self.slopes.new_zeros(*self.slopes.shape[:-1], *self.shape)
        matrix[..., self.rows, self.columns] = self.slopes  # an angle has each column once
        return matrix

    def __matmul__(self, direction: Tensor) -> Tensor:
        """∂a/∂p · v: (..., columns) → (..., angles)."""
        if self.is_identity:
            return direction
        return _scattered(self.slopes * direction[..., self.columns], self.rows, self.shape[0])

    def transposed_times(self, cotangent: Tensor) -> Tensor:
        """(∂a/∂p)ᵀ g: (..., angles) → (..., columns)."""
        if self.is_identity:
            return cotangent
        return _scattered(self.slopes * cotangent[..., self.rows], self.columns, self.shape[1])


def shared_angles(program: Program, values: Tensor) -> Tensor:
    """(m,) float64 angles that depend on no data, from values (P,)."""
    return _evaluate(angle_tables(program, values.device).shared, values.to(torch.float64))


def context_angles(program: Program, values: Tensor, inputs: Tensor) -> Tensor:
    """(B, m) float64 angles that depend on data, from values (P,) and inputs (B, d)."""
    table = angle_tables(program, values.device).by_context
    if not len(table.offsets):
        return inputs.new_zeros(len(inputs), 0, dtype=torch.float64)
    return _evaluate(table, joined(values, inputs).to(torch.float64))


def angles_of(program: Program, values: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Both kinds of angles, (m,) and (B, m')."""
    return shared_angles(program, values), context_angles(program, values, inputs)


def joined(values: Tensor, inputs: Tensor) -> Tensor:
    """(B, P + d): every context's full parameter vector."""
    return torch.cat([values.expand(len(inputs), -1), inputs], dim=-1)


def angle_jacobian(table: AngleTable, point: Tensor) -> AngleJacobian:
    """Jacobian of one kind of angles at `point`: (columns,) for shared ones, else (B, columns)."""
    slopes = table.coefficients
    if table.curved_slopes:
        curved = evaluate_trees(table.curved_slopes, point)
        slopes = torch.cat([slopes.expand(*point.shape[:-1], -1), curved], -1)
    shape = (len(table.offsets), point.shape[-1])
    is_identity = isinstance(table.plain, slice) and table.plain == slice(0, shape[1])
    return AngleJacobian(table.rows, table.columns, slopes, shape, is_identity)


def _evaluate(table: AngleTable, point: Tensor) -> Tensor:
    if table.plain is not None:
        return point[..., table.plain]
    affine = len(table.coefficients)
    terms = point.index_select(-1, table.columns[:affine]) * table.coefficients
    angles = table.offsets.expand(*point.shape[:-1], -1).index_add(-1, table.rows[:affine], terms)
    if not table.curved:
        return angles
    return angles.index_copy(-1, table.curved_rows, evaluate_trees(table.curved, point))


def _scattered(terms: Tensor, index: Tensor, size: int) -> Tensor:
    return terms.new_zeros(*terms.shape[:-1], size).index_add_(-1, index, terms)


def derivative(program: Program, angle: int, slot: int, point: Tensor) -> Tensor | float:
    """∂angle/∂p[columns[slot]]: a number for an affine angle, else a tensor of shape point.shape[:-1]."""
    value = program.angles[angle].derivatives[slot]
    return value if isinstance(value, float) else evaluate_trees([value], point)[..., 0]


def evaluate_trees(trees: Sequence[Tree], point: Tensor) -> Tensor:
    """(..., len(trees)) values of expression trees at `point` (..., columns)."""
    return torch.stack([torch.broadcast_to(_tree(tree, point), point.shape[:-1]) for tree in trees], -1)


_FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "add": lambda *terms: sum(terms[1:], terms[0]),
    "multiply": lambda *factors: torch.stack(torch.broadcast_tensors(*factors)).prod(0),
    "power": torch.pow,
    "real": lambda x: x,
    **{name: getattr(torch, name) for name in ("exp", "log", "sin", "cos", "tan", "abs", "sign")},
    **{name: getattr(torch, name) for name in ("arcsin", "arccos", "arctan")},
}


def _tree(tree: Tree, point: Tensor) -> Tensor:
    kind, *rest = tree
    if kind == "number":
        return point.new_full((), rest[0])  # filled where it is: a tensor of a number would be moved there
    if kind == "parameter":
        return point[..., rest[0]]
    return _FUNCTIONS[kind](*(_tree(child, point) for child in rest))

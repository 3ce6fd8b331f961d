"""From values and inputs to angles, and the Jacobian of the angles.

    a = f(p),   p = (values, one row of inputs);   affine angles in one scatter, the others from their trees.

Differentiable by torch; the Jacobian is also given entry by entry, because it is sparse: an angle depends
on one or two parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from qgeo.circuit.expression import Tree
from qgeo.circuit.program import Program
from qgeo.simulate.constants import constants, real_dtype


def shared_angles(program: Program, values: Tensor, dtype: torch.dtype) -> Tensor:
    """(m,) angles that depend on no data, from values (P,)."""
    return _evaluate(program, values, slice(0, program.num_shared_angles), dtype)


def context_angles(program: Program, values: Tensor, inputs: Tensor, dtype: torch.dtype) -> Tensor:
    """(B, m) angles that depend on data, from values (P,) and inputs (B, d)."""
    rows = slice(program.num_shared_angles, len(program.angles))
    return _evaluate(program, joined(values, inputs), rows, dtype)


def joined(values: Tensor, inputs: Tensor) -> Tensor:
    """(B, P + d): every context's full parameter vector."""
    return torch.cat([values.expand(len(inputs), -1), inputs], dim=-1)


def _evaluate(program: Program, point: Tensor, rows: slice, dtype: torch.dtype) -> Tensor:
    """Angles `rows` at `point` (..., columns), in the real type that belongs to `dtype`."""
    point = point.to(real_dtype(dtype))
    table = constants(program, dtype, point.device).angles
    mine = (table.rows >= rows.start) & (table.rows < rows.stop)
    terms = point[..., table.columns[mine]] * table.coefficients[mine]
    start = table.offsets[rows].expand(*point.shape[:-1], rows.stop - rows.start)
    angles = start.index_add(-1, table.rows[mine] - rows.start, terms)
    curved = [row for row in range(rows.start, rows.stop) if program.angles[row].tree is not None]
    if not curved:
        return angles
    trees = [program.angles[row].tree for row in curved]
    position = torch.tensor(curved, device=point.device) - rows.start
    return angles.index_copy(-1, position, evaluate_trees(trees, point))


def derivative(program: Program, angle: int, slot: int, point: Tensor) -> Tensor | float:
    """∂angle/∂p[columns[slot]]: a number for an affine angle, else a tensor of shape point.shape[:-1]."""
    value = program.angles[angle].derivatives[slot]
    return value if isinstance(value, float) else evaluate_trees([value], point)[..., 0]


def evaluate_trees(trees: Sequence[Tree | None], point: Tensor) -> Tensor:
    """(..., len(trees)) values of expression trees at `point` (..., columns)."""
    return torch.stack(
        [torch.broadcast_to(_tree(tree, point), point.shape[:-1]) for tree in trees if tree], -1
    )


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
        return point.new_tensor(rest[0])
    if kind == "parameter":
        return point[..., rest[0]]
    return _FUNCTIONS[kind](*(_tree(child, point) for child in rest))

"""Information matrices as plain data: a form's name with its numbers and tensors, to be stored in a file.

    from_plain_form(plain_form(F), program) = F, entry by entry

A matrix-free F_Q is stored as the point where it was taken; the circuit itself is no plain data and comes
back from whoever has it. Forms of other packages are named, so that restoring them can refuse.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from qgeo.circuit.program import Program
from qgeo.errors import ConfigurationError
from qgeo.geometry.matrix_free import MatrixFreeFisher
from qgeo.geometry.operators import (
    BlockDiagonalMatrix,
    DenseMatrix,
    DiagonalMatrix,
    DirectSum,
    GramMatrix,
    InformationMatrix,
)

_FORMS = {
    form.__name__: form
    for form in (DenseMatrix, GramMatrix, BlockDiagonalMatrix, DiagonalMatrix, DirectSum, MatrixFreeFisher)
}


def plain_form(matrix: InformationMatrix) -> dict[str, Any]:
    """The form's name and what it holds; of a form that is not ours its name alone."""
    name = type(matrix).__name__
    if _FORMS.get(name) is not type(matrix):
        return {"form": name}
    content = {field.name: getattr(matrix, field.name) for field in fields(matrix)}
    if isinstance(matrix, DirectSum):
        content["parts"] = [plain_form(part) for part in matrix.parts]
    if isinstance(matrix, MatrixFreeFisher):
        content["program"] = list(matrix.program.columns)
    return {"form": name} | content


def from_plain_form(plain: dict[str, Any], program: Program | None = None) -> InformationMatrix:
    """The matrix that `plain_form` described.

    Args:
        program: the circuit of a matrix-free F_Q.

    Raises:
        ConfigurationError: a form that is not ours, or another circuit than the stored one's.

    >>> import torch
    >>> from_plain_form(plain_form(DiagonalMatrix(torch.tensor([1.0, 2.0])))).trace()
    3.0
    """
    content = {name: numbers for name, numbers in plain.items() if name != "form"}
    form = _FORMS.get(plain["form"])
    if form is None or not content:
        raise ConfigurationError(
            f"expected a stored information matrix of the forms {', '.join(_FORMS)}, got {plain['form']}, "
            "which cannot be stored; save where a step takes the metric anew (a multiple of refresh)"
        )
    if form is DirectSum:
        content["parts"] = tuple(from_plain_form(part, program) for part in plain["parts"])
    if form is MatrixFreeFisher:
        content["program"] = _same_circuit(plain["program"], program)
    return form(**content)


def _same_circuit(names: list[str], program: Program | None) -> Program:
    if program is None or list(program.columns) != names:
        raise ConfigurationError(
            f"expected the circuit of the stored metric, with {len(names)} parameters {names[:3]} …, got "
            f"{'none' if program is None else program}; load into an optimizer of the same head"
        )
    return program

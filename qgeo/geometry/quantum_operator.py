"""F_Q of a circuit as a linear operator, in the form that is named.

    method          holds                    product       solve                  choose it when
    "dense"         F, P² numbers            P²            P³ (Cholesky)          P up to a few thousand
    "gram"          tangents, 2·B·2ⁿ·P       4·B·2ⁿ·P      on the smaller side    B·2ⁿ < P: few, small states
    "matrix-free"   a few states             two sweeps    conjugate gradients    P or 2ⁿ too large for those

Nothing is chosen silently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from numpy.typing import ArrayLike

from qgeo.errors import ConfigurationError
from qgeo.geometry.exact import check_domain, quantum_fisher
from qgeo.geometry.matrix_free import MatrixFreeFisher
from qgeo.geometry.operators import DenseMatrix, GramMatrix, InformationMatrix
from qgeo.geometry.request import MEMORY_BUDGET, Request, note_measurements, requested
from qgeo.simulate.projection import projected_tangents
from qgeo.simulate.tangents import tangents_in_frame

METHODS = ("dense", "gram", "matrix-free")


def quantum_fisher_operator(
    circuit: Any,
    values: ArrayLike | Mapping[Any, float],
    *,
    method: str,
    parameters: Sequence[Any] | None = None,
    inputs: ArrayLike | None = None,
    input_parameters: Any = None,
    dtype: str = "complex128",
    device: str = "cpu",
    memory_budget: int = MEMORY_BUDGET,
) -> InformationMatrix:
    """F_Q = 4 Re Q, mean over contexts, as an operator: `F @ v`, `F.solve(g, damping)`, `F.diagonal()`.

    Args:
        method: "dense", "gram" or "matrix-free": see the table at the top of `quantum_operator.py`.
        others: as in `quantum_fisher`; vectors are real torch tensors (P,), or (P, m) for m columns;
            products and solutions are float64, whatever type a vector has.

    Raises:
        ConfigurationError: another method, or one that does not fit into the memory budget.
        CircuitError, ShapeError: as in `quantum_fisher`, values outside an angle's domain included.

    >>> from qiskit.circuit.library import efficient_su2
    >>> F = quantum_fisher_operator(efficient_su2(2, reps=1), [0.5] * 8, method="matrix-free")
    >>> v = torch.ones(8, dtype=torch.float64)
    >>> float(v @ (F @ v)) > 0
    True
    """
    if method not in METHODS:
        raise ConfigurationError(f"expected a method among {', '.join(METHODS)}, got {method!r}")
    note_measurements(circuit)
    request = requested(circuit, values, parameters, inputs, input_parameters, dtype=dtype, device=device)
    if method == "gram":
        return _gram(request, memory_budget)
    if method == "matrix-free":
        return _matrix_free(request)
    names = [request.program.parameters[column] for column in request.columns]
    dense = quantum_fisher(
        request.program,
        values,
        parameters=names,
        inputs=inputs,
        dtype=dtype,
        device=device,
        memory_budget=memory_budget,
    )
    return DenseMatrix(torch.from_numpy(dense).to(request.values.device))


def _gram(request: Request, memory_budget: int) -> GramMatrix:
    """Rows are real and imaginary parts of the projected tangents, doubled: F = RᵀR/B."""
    parts = []
    for chunk in request.chunks(memory_budget):
        tangents = tangents_in_frame(
            request.program,
            request.values,
            chunk,
            columns=request.columns,
            frame="middle",
            dtype=request.dtype,
        )
        projected = projected_tangents(tangents.states, tangents.ordered()).flatten(1)
        parts.append(2 * torch.view_as_real(projected.resolve_conj()).flatten(1).mT)
    rows = torch.cat(parts).to(torch.float64)
    check_domain(rows)
    return GramMatrix(rows, scale=1 / request.num_contexts)


def _matrix_free(request: Request) -> MatrixFreeFisher:
    inputs = request.values.new_zeros(1, 0) if request.inputs is None else request.inputs
    no_encoder = inputs.new_zeros(*inputs.shape, 0)
    matrix = MatrixFreeFisher(
        request.program, request.values, inputs, request.columns, no_encoder, dtype=request.dtype
    )
    check_domain(matrix.diagonal())
    return matrix

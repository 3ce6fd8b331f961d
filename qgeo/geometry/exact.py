"""Exact information matrices of a circuit: the three functions that most users call.

    quantum_geometric_tensor   Q_ij = ⟨∂_iψ|∂_jψ⟩ − ⟨∂_iψ|ψ⟩⟨ψ|∂_jψ⟩
    quantum_fisher             F_Q = 4 Re Q
    classical_fisher           F_C = Σ_y ∂_ip(y)∂_jp(y)/p(y), qubits measured in Z

each averaged over contexts where the circuit takes data. All three take the same arguments, F_C a readout
too. Measurements at the end of a circuit say which qubits F_C reads; the other two leave them out and log a
note.
"""

from __future__ import annotations

import cmath
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from qgeo.errors import ShapeError
from qgeo.geometry.classical import (
    bitstring_fisher_sum,
    channel_fisher_sum,
    marginal_fisher_sum,
    marginal_outcomes,
    rounding_of,
)
from qgeo.geometry.quantum import geometric_tensor_sum
from qgeo.geometry.request import MEMORY_BUDGET, Request, note_measurements, real_array, requested
from qgeo.simulate.meeting import Frame
from qgeo.simulate.tangents import bitstring_products, tangent_products, tangent_sweep

MatrixSum = Callable[[Tensor, Tensor], Tensor]
"""Σ over contexts of a matrix, from states (B, 2ⁿ) and tangents (R, B, 2ⁿ)."""

_ROUNDING = 1e-9
"""By which a column of probabilities may miss 1."""


def quantum_fisher(
    circuit: Any,
    values: ArrayLike | Mapping[Any, float],
    *,
    parameters: Sequence[Any] | None = None,
    inputs: ArrayLike | None = None,
    input_parameters: Any = None,
    dtype: str = "complex128",
    device: str = "cpu",
    memory_budget: int = MEMORY_BUDGET,
) -> NDArray[np.float64]:
    """Quantum Fisher information matrix F_Q = 4 Re Q, float64 (P, P), mean over contexts.

    Args:
        circuit: a `QuantumCircuit` of unitary instructions, up to resets and `initialize` at its beginning
            and measurements at its end, or a `Program` from `qgeo.compile` (compile once where you loop).
        values: one real number per trainable parameter, in `circuit.parameters` order after removing
            `input_parameters`; or a mapping from Parameters, names or ParameterVectors to numbers.
        parameters: restricts and orders the rows: Parameters or names; all trainable ones by default.
        inputs: (contexts, len(input_parameters)) real numbers, the data.
        input_parameters: the parameters that carry data (Parameters, a ParameterVector, or names), in the
            order of the columns of `inputs`. A `Program` already knows them.
        dtype: complex type of the states; "complex64" takes half the memory and is good to about 1e-5.
            From about eight qubits on it is faster too (benchmarks/README.md, "Scaling"). Angles, and sums
            over contexts, are float64 either way.
        device: where torch computes, "cpu" or "cuda".
        memory_budget: bytes of tangents and matrices held at once (4 GiB); the result does not depend on it.

    Raises:
        CircuitError: an instruction that is not unitary (named, with its position).
        ShapeError: a wrong number of values or inputs, NaN or infinite ones, an unknown parameter.
        ConfigurationError: a context does not fit into the memory budget; the message says what it needs.

    Dense and exact: time O(P² B 2ⁿ), memory O(P 2ⁿ). For a product or a solve with very many parameters or
    qubits see `quantum_fisher_operator`.

    >>> from qiskit import QuantumCircuit
    >>> from qiskit.circuit import Parameter
    >>> theta, phi = Parameter("0_theta"), Parameter("1_phi")
    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.ry(theta, 0), circuit.rz(phi, 0)
    >>> quantum_fisher(circuit, [np.pi / 6, 1.0]).round(6) + 0.0  # the Bloch sphere: diag(1, sin²θ)
    array([[1.  , 0.  ],
           [0.  , 0.25]])
    """
    note_measurements(circuit)
    request = requested(circuit, values, parameters, inputs, input_parameters, dtype=dtype, device=device)
    return _mean_of(request, partial(_products, request), memory_budget, scale=4)


def quantum_geometric_tensor(
    circuit: Any,
    values: ArrayLike | Mapping[Any, float],
    *,
    parameters: Sequence[Any] | None = None,
    inputs: ArrayLike | None = None,
    input_parameters: Any = None,
    dtype: str = "complex128",
    device: str = "cpu",
    memory_budget: int = MEMORY_BUDGET,
) -> NDArray[np.complex128]:
    """Quantum geometric tensor Q, complex Hermitian (P, P), mean over contexts.

    Its real part is the Fubini–Study metric g = F_Q/4, its imaginary part −½ the Berry curvature.
    Arguments and errors: see `quantum_fisher`.
    """
    note_measurements(circuit)
    request = requested(circuit, values, parameters, inputs, input_parameters, dtype=dtype, device=device)
    return _mean(request, "middle", geometric_tensor_sum, memory_budget)


def classical_fisher(
    circuit: Any,
    values: ArrayLike | Mapping[Any, float],
    *,
    parameters: Sequence[Any] | None = None,
    inputs: ArrayLike | None = None,
    input_parameters: Any = None,
    readout: ArrayLike | None = None,
    dtype: str = "complex128",
    device: str = "cpu",
    memory_budget: int = MEMORY_BUDGET,
) -> NDArray[np.float64]:
    """Classical Fisher information F_C of the measured bits, or of a readout of them, float64 (P, P).

    Measurements at the end of the circuit say which qubits are read: F_C is that of their marginal
    distribution, whatever the order of the bits; of two measurements into one bit the later one counts.
    Without any, all qubits are measured in Z.

    Args:
        readout: a fixed channel behind the bits, M (K, 2ᵐ) for m measured qubits: column z holds the
            probabilities with which bitstring z is given out as outcome 0 … K − 1, the lowest measured qubit
            being z's least significant bit. Parity is one, so are readout errors. None gives out the bits.
        others: see `quantum_fisher`, its errors too.

    Raises:
        ShapeError: a readout of another width, or with columns that are no probabilities.

    The sum runs over outcomes with p > 0, in floating point: whose amplitude √p is more than rounding of the
    largest. Where a probability is exactly 0 F_C may be smaller than its limit (one RY: 1 at every angle,
    but 0 at 0). F_C of a readout ⪯ F_C of the bits ⪯ F_Q.

    >>> from qiskit import QuantumCircuit
    >>> from qiskit.circuit import Parameter
    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.ry(Parameter("a"), 0), circuit.ry(Parameter("b"), 1)
    >>> classical_fisher(circuit, [1.0, 1.0]).round(6) + 0.0
    array([[1., 0.],
           [0., 1.]])
    >>> parity = [[1, 0, 0, 1], [0, 1, 1, 0]]  # of rank 1: p = (1 ± cos a cos b)/2
    >>> classical_fisher(circuit, [1.0, 1.0], readout=parity).round(6)
    array([[0.225962, 0.225962],
           [0.225962, 0.225962]])
    """
    request = requested(circuit, values, parameters, inputs, input_parameters, dtype=dtype, device=device)
    matrix_sum = _fisher_sum(request, readout)
    if matrix_sum is bitstring_fisher_sum:
        return _mean_of(request, partial(_bitstring_sum, request), memory_budget)
    return _mean(request, "end", matrix_sum, memory_budget)


def _fisher_sum(request: Request, readout: ArrayLike | None) -> MatrixSum:
    """F_C of the qubits that a program measures, behind a readout."""
    measured, num_qubits = request.program.measured, request.program.num_qubits
    if measured is None or len(measured) == num_qubits:
        if readout is None:
            return bitstring_fisher_sum
        channel = _checked_channel(readout, num_qubits)
        return partial(channel_fisher_sum, channel=channel.to(request.values.device))
    outcomes = marginal_outcomes(num_qubits, measured)
    if readout is None:
        at = outcomes.to(request.values.device)
        return partial(marginal_fisher_sum, outcomes=at, count=1 << len(measured))
    channel = _checked_channel(readout, len(measured))[:, outcomes]
    return partial(channel_fisher_sum, channel=channel.to(request.values.device))


def _checked_channel(readout: ArrayLike, num_bits: int) -> Tensor:
    """M, (K, 2ᵐ)."""
    channel = real_array(readout, "a readout")
    if channel.ndim != 2 or channel.shape[1] != 1 << num_bits:
        raise ShapeError(
            f"expected a readout of shape (outcomes, {1 << num_bits}), a column for each string of "
            f"{num_bits} measured bits, got {channel.shape}"
        )
    if (channel < 0).any() or not np.allclose(channel.sum(0), 1, rtol=0, atol=_ROUNDING):
        raise ShapeError(
            "expected a readout whose columns are probabilities, ≥ 0 with sum 1; divide each by its sum"
        )
    return torch.from_numpy(channel)


def _products(request: Request, inputs: Tensor | None) -> Tensor:
    """Σ over a chunk's contexts of F_Q/4."""
    return tangent_products(
        request.program,
        request.values,
        inputs,
        request.columns,
        len(request.columns),
        dtype=request.dtype,
        tiles=request.tiles(inputs),
    ).summed


def _mean(request: Request, frame: Frame, matrix_sum: MatrixSum, memory_budget: int) -> NDArray[Any]:
    """Mean over contexts of the matrix that `matrix_sum` gives."""
    return _mean_of(request, lambda chunk: _chunk_sum(request, chunk, frame, matrix_sum), memory_budget)


def _mean_of(
    request: Request,
    chunk_sum: Callable[[Tensor | None], Tensor],
    memory_budget: int,
    *,
    scale: float = 1,
) -> NDArray[Any]:
    """Mean over contexts of a matrix, times `scale`, from its sum over a chunk of them."""
    first, *others = map(chunk_sum, request.chunks(memory_budget))
    total = sum(others, first)
    check_domain(total)
    return scale / request.num_contexts * total.cpu().numpy()


def _bitstring_sum(request: Request, inputs: Tensor | None) -> Tensor:
    """F_C of all qubits: of a program that the compiled sweeps take without holding a tangent."""
    least = rounding_of(request.dtype)
    direct = bitstring_products(
        request.program, request.values, inputs, request.columns, least, dtype=request.dtype
    )
    return _chunk_sum(request, inputs, "end", bitstring_fisher_sum) if direct is None else direct


def _chunk_sum(request: Request, inputs: Tensor | None, frame: Frame, matrix_sum: MatrixSum) -> Tensor:
    sweep = tangent_sweep(
        request.program, request.values, inputs, columns=request.columns, frame=frame, dtype=request.dtype
    )
    total: Tensor | None = None
    tiles = request.tiles(inputs)
    workspace = sweep.workspace(tiles[0].stop)  # memory that is new costs more than the products in it
    for tile in tiles:
        tangents = sweep.of(tile, workspace)
        of_tile = matrix_sum(tangents.states, tangents.rows)
        of_tile = of_tile.to(torch.complex128 if of_tile.is_complex() else torch.float64)
        total = of_tile if total is None else total + of_tile
    assert total is not None
    return tangents.folded(total)


def check_domain(matrix: Tensor) -> None:
    """Finite values can still lie outside an angle's domain: log(a) at a < 0."""
    if not cmath.isfinite(matrix.sum().item()):  # one entry that is not finite spoils the sum
        raise ShapeError(
            "expected values inside the domain of every angle (log, sqrt, arcsin, 1/x), "
            "got values where an angle or its derivative is not finite"
        )

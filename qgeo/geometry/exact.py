"""Exact information matrices of a circuit: the three functions that most users call.

    quantum_geometric_tensor   Q_ij = ⟨∂_iψ|∂_jψ⟩ − ⟨∂_iψ|ψ⟩⟨ψ|∂_jψ⟩
    quantum_fisher             F_Q = 4 Re Q
    classical_fisher           F_C = Σ_y ∂_ip(y)∂_jp(y)/p(y), all qubits measured in Z

each averaged over contexts where the circuit takes data. All three take the same arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from qgeo.circuit.program import Program
from qgeo.errors import ShapeError
from qgeo.geometry.classical import bitstring_fisher_sum
from qgeo.geometry.quantum import geometric_tensor_sum, quantum_fisher_sum
from qgeo.simulate.plan import Frame
from qgeo.simulate.tangents import tangents_in_frame

CHUNK_BYTES = 2**29
"""Contexts are taken in chunks whose tangents stay below it; the result does not depend on it."""


def quantum_fisher(
    circuit: Any,
    values: ArrayLike,
    *,
    parameters: Sequence[Any] | None = None,
    inputs: ArrayLike | None = None,
    input_parameters: Any = None,
) -> NDArray[np.float64]:
    """Quantum Fisher information matrix F_Q = 4 Re Q, float64 (P, P), mean over contexts.

    Args:
        circuit: a `QuantumCircuit` of unitary instructions, or a `Program` from `qgeo.compile` (compile
            once where you loop).
        values: one real number per trainable parameter, in `circuit.parameters` order after removing
            `input_parameters`.
        parameters: restricts and orders the rows: Parameters or names; all trainable ones by default.
        inputs: (contexts, len(input_parameters)) real numbers, the data.
        input_parameters: the parameters that carry data (Parameters, a ParameterVector, or names), in the
            order of the columns of `inputs`. A `Program` already knows them.

    Raises:
        CircuitError: an instruction that is not unitary (named, with its position).
        ShapeError: a wrong number of values or inputs, NaN or infinite ones, an unknown parameter.

    >>> from qiskit import QuantumCircuit
    >>> from qiskit.circuit import Parameter
    >>> theta, phi = Parameter("0_theta"), Parameter("1_phi")
    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.ry(theta, 0), circuit.rz(phi, 0)
    >>> quantum_fisher(circuit, [np.pi / 6, 1.0]).round(6)  # the Bloch sphere: diag(1, sin²θ)
    array([[1.  , 0.  ],
           [0.  , 0.25]])
    """
    return _mean(_request(circuit, values, parameters, inputs, input_parameters), "middle", quantum_fisher_sum)


def quantum_geometric_tensor(
    circuit: Any,
    values: ArrayLike,
    *,
    parameters: Sequence[Any] | None = None,
    inputs: ArrayLike | None = None,
    input_parameters: Any = None,
) -> NDArray[np.complex128]:
    """Quantum geometric tensor Q, complex Hermitian (P, P), mean over contexts.

    Its real part is the Fubini–Study metric g = F_Q/4, its imaginary part −½ the Berry curvature.
    Arguments and errors: see `quantum_fisher`.
    """
    return _mean(_request(circuit, values, parameters, inputs, input_parameters), "middle", geometric_tensor_sum)


def classical_fisher(
    circuit: Any,
    values: ArrayLike,
    *,
    parameters: Sequence[Any] | None = None,
    inputs: ArrayLike | None = None,
    input_parameters: Any = None,
) -> NDArray[np.float64]:
    """Classical Fisher information F_C of the bitstrings, all qubits measured in Z, float64 (P, P).

    The sum runs over outcomes with p > 1e-14; where a probability vanishes F_C may be smaller than its
    limit. F_C ⪯ F_Q. Arguments and errors: see `quantum_fisher`.
    """
    return _mean(_request(circuit, values, parameters, inputs, input_parameters), "end", bitstring_fisher_sum)


@dataclass(frozen=True, eq=False)
class _Request:
    program: Program
    values: Tensor
    inputs: Tensor | None
    columns: tuple[int, ...]


def _mean(
    request: _Request, frame: Frame, matrix_sum: Callable[[Tensor, Tensor], Tensor]
) -> NDArray[Any]:
    """Mean over contexts of the matrix whose sum over a chunk `matrix_sum` gives from states and tangents."""
    chunks = [None] if request.inputs is None else request.inputs.split(_contexts_per_chunk(request))
    total = sum(_chunk_sum(request, chunk, frame, matrix_sum) for chunk in chunks)
    assert isinstance(total, Tensor)
    _check_domain(total)
    return (total / (1 if request.inputs is None else len(request.inputs))).numpy()


def _chunk_sum(
    request: _Request, inputs: Tensor | None, frame: Frame, matrix_sum: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    found = tangents_in_frame(request.program, request.values, inputs, columns=request.columns, frame=frame)
    return found.folded(matrix_sum(found.states, found.rows))


def _check_domain(matrix: Tensor) -> None:
    """Finite values can still lie outside an angle's domain: log(a) at a < 0."""
    if not bool(torch.isfinite(matrix).all()):
        raise ShapeError(
            "expected values inside the domain of every angle (log, sqrt, arcsin, 1/x), "
            "got values where an angle or its derivative is not finite"
        )


def _contexts_per_chunk(request: _Request) -> int:
    bytes_per_context = 16 * request.program.dimension * max(1, len(request.columns))
    return max(1, CHUNK_BYTES // bytes_per_context)


def _request(
    circuit: Any, values: ArrayLike, parameters: Sequence[Any] | None, inputs: Any, input_parameters: Any
) -> _Request:
    """Check everything once, at the door."""
    program = as_program(circuit, input_parameters)
    checked = checked_values(program, values)
    return _Request(program, checked, _checked_inputs(program, inputs), _columns(program, parameters))


def as_program(circuit: Any, input_parameters: Any = None) -> Program:
    """The program itself, or the compiled circuit."""
    if not isinstance(circuit, Program):
        from qgeo.circuit.compiler import compile  # Qiskit is imported only where a circuit comes in

        return compile(circuit, input_parameters=input_parameters)
    if input_parameters is not None:
        from qgeo.circuit.compiler import input_names

        if input_names(input_parameters) != circuit.input_parameters:
            raise ShapeError(
                f"expected the program's own input parameters {list(circuit.input_parameters)}, got "
                f"{list(input_names(input_parameters))}; leave input_parameters out for a Program"
            )
    return circuit


def checked_values(program: Program, values: ArrayLike) -> Tensor:
    """(P,) float64, finite."""
    array = _real_array(values, "values")
    if array.shape != (program.num_parameters,):
        raise ShapeError(
            f"expected {program.num_parameters} values for {_names(program.parameters)}, "
            f"got {array.size if array.ndim == 1 else f'an array of shape {array.shape}'}"
        )
    return torch.from_numpy(array)


def _checked_inputs(program: Program, inputs: Any) -> Tensor | None:
    if not program.num_inputs:
        if inputs is not None:
            raise ShapeError("expected no inputs for a circuit without input_parameters; name them")
        return None
    wanted = f"inputs of shape (contexts, {program.num_inputs}) for {_names(program.input_parameters)}"
    if inputs is None:
        raise ShapeError(f"expected {wanted}, got none")
    array = _real_array(inputs, "inputs")
    if array.ndim != 2 or array.shape[1] != program.num_inputs or not len(array):
        raise ShapeError(f"expected {wanted}, got an array of shape {array.shape}")
    return torch.from_numpy(array)


def _real_array(numbers: Any, what: str) -> NDArray[np.float64]:
    try:
        array = np.array(numbers, dtype=np.float64)
    except (TypeError, ValueError):
        raise ShapeError(f"expected real numbers as {what}, got {type(numbers).__name__}") from None
    if not np.isfinite(array).all():
        position = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ShapeError(f"expected finite {what}, got {array.flat[position]} at position {position}")
    return array


def _columns(program: Program, parameters: Sequence[Any] | None) -> tuple[int, ...]:
    if parameters is None:
        return tuple(range(program.num_parameters))
    names = [p if isinstance(p, str) else getattr(p, "name", p) for p in parameters]
    position = {name: column for column, name in enumerate(program.parameters)}
    unknown = [name for name in names if name not in position]
    if unknown or len(set(names)) < len(names):
        raise ShapeError(
            f"expected distinct trainable parameters among {_names(program.parameters)}, got {names}"
        )
    return tuple(position[name] for name in names)


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) < 5 else f"{names[0]} … {names[-1]}"

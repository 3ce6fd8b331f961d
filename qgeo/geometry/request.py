"""What is asked of a circuit: everything checked once, at the door, and cut into chunks that fit.

Contexts are taken in chunks whose tangents stay within a memory budget; the result does not depend on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qgeo.arguments import shown
from qgeo.circuit.names import parameter_names
from qgeo.circuit.program import Program
from qgeo.errors import ConfigurationError, ShapeError

MEMORY_BUDGET = 4 * 2**30
"""Bytes of tangents and matrices held at once, unless another budget is given."""

TILE_BYTES = 2**24
"""Contexts are taken in tiles of about so many bytes of tangents, which stay in a cache."""

_KEPT = 3
"""Of every block’s states and matrices in a graph and backward: measured, 1.9 to 3.1 on 4 to 12 qubits."""

DTYPES = {"complex128": torch.complex128, "complex64": torch.complex64}


def check_budget(memory_budget: float) -> None:
    """
    Raises:
        ConfigurationError: it is no positive number of bytes.
    """
    is_number = isinstance(memory_budget, Real) and not isinstance(memory_budget, bool)
    if not is_number or not memory_budget > 0:
        raise ConfigurationError(
            f"expected memory_budget in bytes, a number above 0, got {memory_budget!r}; 4 GiB are 4 * 2**30"
        )


@dataclass(frozen=True, eq=False)
class Request:
    """A program at a point, and the trainable columns wanted.

    Attributes:
        values: (P,) float64; inputs: (B, d) float64, or None for a circuit without data.
        columns: positions of the wanted parameters; dtype: complex type of the states.
    """

    program: Program
    values: Tensor
    inputs: Tensor | None
    columns: tuple[int, ...]
    dtype: torch.dtype = torch.complex128

    @property
    def num_contexts(self) -> int:
        return 1 if self.inputs is None else len(self.inputs)

    def chunks(self, memory_budget: int) -> Iterator[Tensor | None]:
        """Inputs in chunks whose tangents fit; one chunk of None without data.

        Raises:
            ConfigurationError: one context alone does not fit; the message says what it needs.
        """
        check_budget(memory_budget)
        fixed, per_context = self._bytes()
        if fixed + per_context > memory_budget:
            raise ConfigurationError(
                f"expected a memory budget of at least {_size(fixed + per_context)} for the tangents of "
                f"{len(self.columns)} parameters on {self.program.num_qubits} qubits, got "
                f"{_size(memory_budget)}; choose fewer qubits or parameters, or from Python raise "
                "memory_budget or use quantum_fisher_operator(method='matrix-free')"
            )
        if self.inputs is None:
            return iter([None])
        fitting = min(len(self.inputs), (memory_budget - fixed) // per_context)
        return iter(self.inputs.split(max(1, int(fitting))))

    def tiles(self, inputs: Tensor | None) -> list[slice]:
        """A chunk's contexts in tiles of equal size, the last one perhaps smaller; one tile on a GPU."""
        count = 1 if inputs is None else len(inputs)
        if self.values.device.type != "cpu":
            return [slice(0, count)]  # there is no such cache, and many small products leave it idle
        bytes_per_context = 2 * self._amplitude_bytes * max(1, len(self.columns)) * self.program.dimension
        tiles = -(-count * bytes_per_context // TILE_BYTES)
        step = -(-count // min(count, tiles))
        return [slice(start, start + step) for start in range(0, count, step)]

    @property
    def _amplitude_bytes(self) -> int:
        return 16 if self.dtype == torch.complex128 else 8

    def _bytes(self) -> tuple[int, int]:
        """Bytes whatever the number of contexts, and bytes for each of them."""
        rows = 2 * len(self.columns) + len(self.program.block_shapes)  # two buffers; states before blocks
        shared, per_context = _matrix_entries(self.program)
        fixed = self._amplitude_bytes * shared + 4 * 8 * len(self.columns) ** 2
        return fixed, self._amplitude_bytes * (rows * self.program.dimension + per_context)


def check_kept_states(request: Request, memory_budget: int) -> None:
    """
    Raises:
        ConfigurationError: a graph that keeps every block's tangents does not fit into the memory budget.
    """
    check_budget(memory_budget)
    program, contexts = request.program, request.num_contexts
    shared, per_context = _matrix_entries(program)
    states = (1 + program.num_parameters) * len(program.block_shapes) * program.dimension * contexts
    needed = _KEPT * request._amplitude_bytes * (states + contexts * per_context + shared)
    if needed > memory_budget:
        raise ConfigurationError(
            f"expected a memory budget of at least {_size(needed)} to differentiate F_Q of "
            f"{request.program.num_parameters} parameters on {request.program.num_qubits} qubits at "
            f"{request.num_contexts} contexts, got {_size(memory_budget)}; choose fewer of these, or raise "
            "memory_budget"
        )


@lru_cache(maxsize=256)
def _matrix_entries(program: Program) -> tuple[int, int]:
    """Entries of all block matrices: shared ones, and those that every context has of its own."""
    entries = [0, 0]
    for block in program.block_shapes:
        entries[block.per_context] += 4 * block.num_rotations * 4**block.num_qubits
    return entries[0], entries[1]


def requested(
    circuit: Any,
    values: Any,
    parameters: Sequence[Any] | None,
    inputs: Any,
    input_parameters: Any,
    *,
    dtype: str = "complex128",
    device: str = "cpu",
) -> Request:
    """The request, checked.

    Raises:
        CircuitError: an instruction that is not unitary.
        ShapeError: a wrong number of values or inputs, NaN or infinite ones, an unknown parameter.
        ConfigurationError: another data type than complex128 and complex64, or a device that is not there.
    """
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ConfigurationError(f"expected a dtype among {', '.join(DTYPES)}, got {dtype!r}")
    program = as_program(circuit, input_parameters)
    checked, data = checked_values(program, values), _checked_inputs(program, inputs)
    columns = _columns(program, parameters)
    at = _device(device)
    return Request(program, checked.to(at), None if data is None else data.to(at), columns, DTYPES[dtype])


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # a meta tensor is made, and has no numbers
    except (RuntimeError, AssertionError, TypeError):
        raise ConfigurationError(
            f"expected a device that torch can use here, got {shown(name)}; 'cpu' is always one"
        ) from None
    return device


def _size(count: float) -> str:
    if count < 2**1000:
        return f"{count / 2**30:.3g} GiB"
    return f"2^{int(count).bit_length() - 31} GiB"  # no float is so large


def as_program(circuit: Any, input_parameters: Any = None) -> Program:
    """The program itself, or the compiled circuit."""
    if not isinstance(circuit, Program):
        from qgeo.circuit.compiler import compile  # Qiskit is imported only where a circuit comes in

        return compile(circuit, input_parameters=input_parameters)
    if input_parameters is not None:
        named = parameter_names(input_parameters)
        if named != circuit.given_inputs:
            raise ShapeError(
                f"expected the program's own input parameters {list(circuit.given_inputs)}, got "
                f"{list(named)}; leave input_parameters out for a Program"
            )
    return circuit


def note_measurements(circuit: Any) -> None:
    """Log a note where a circuit ends in measurements that F_Q leaves out; a `Program` has none."""
    if not isinstance(circuit, Program):
        from qgeo.circuit.measured import note_measurements

        note_measurements(circuit)


def checked_values(program: Program, values: Any) -> Tensor:
    """(P,) float64, finite, in the order of the program's parameters."""
    array = real_array(in_order(values, program.parameters), "values")
    if array.shape != (program.num_parameters,):
        raise ShapeError(
            f"expected {program.num_parameters} values for {span(program.parameters)}, "
            f"got {array.size if array.ndim == 1 else f'an array of shape {array.shape}'}"
        )
    return torch.from_numpy(array)


def _checked_inputs(program: Program, inputs: Any) -> Tensor | None:
    if not program.num_inputs:
        if inputs is not None:
            raise ShapeError("expected no inputs for a circuit without input_parameters; name them")
        return None
    count = len(program.given_inputs)
    wanted = f"inputs of shape (contexts, {count}) for {span(program.given_inputs)}"
    if inputs is None:
        raise ShapeError(f"expected {wanted}, got none")
    array = real_array(inputs, "inputs")
    if array.ndim != 2 or array.shape[1] != count or not len(array):
        raise ShapeError(f"expected {wanted}, got an array of shape {array.shape}")
    return torch.from_numpy(array if program.amplitudes is None else program.amplitudes.encoded(array))


def in_order(values: Any, names: Sequence[str]) -> Any:
    """Values by parameter, as Qiskit takes them, in the order of `names`; anything else as it is.

    Args:
        values: a mapping from Parameters, names, or ParameterVectors (with as many numbers) to numbers.

    Raises:
        ShapeError: a parameter that is not there, or none for one that is.

    >>> in_order({"b": 0.4, "a": 0.3}, ("a", "b"))
    [0.3, 0.4]
    """
    if not isinstance(values, Mapping):
        return values
    pairs = [pair for key, given in values.items() for pair in _numbers(key, given)]
    numbers = dict(pairs)
    if len(numbers) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ShapeError(f"expected each parameter once, got {twice} twice, by its name or its vector too")
    unknown = [name for name in numbers if name not in set(names)]
    missing = [name for name in names if name not in numbers]
    if unknown or missing:
        what = f"one for {span(unknown)}" if unknown else f"none for {span(missing)}"
        raise ShapeError(f"expected values for {span(names)}, got {what}")
    return [numbers[name] for name in names]


def _numbers(key: Any, given: Any) -> list[tuple[str, Any]]:
    """The names and numbers that an entry of a mapping stands for."""
    if isinstance(key, str) or not isinstance(key, Iterable):
        return [(key if isinstance(key, str) else getattr(key, "name", repr(key)), given)]
    elements, numbers = list(key), np.ravel(given)
    if len(elements) != len(numbers):
        raise ShapeError(f"expected {len(elements)} values for a vector of parameters, got {len(numbers)}")
    return [(element.name, number) for element, number in zip(elements, numbers, strict=True)]


def real_array(numbers: Any, what: str) -> NDArray[np.float64]:
    """Finite real numbers as a float64 array.

    Raises:
        ShapeError: complex, infinite or other things; the message says where.
    """
    if isinstance(numbers, Tensor):
        numbers = numbers.detach().cpu().numpy()
    try:
        given = np.asarray(numbers)
        is_none = given.dtype == object and any(each is None for each in given.flat)  # which numpy makes NaN
        if is_none or given.dtype.kind not in "biufO":
            raise TypeError
        array = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise ShapeError(f"expected real numbers as {what}, got {_not_real(numbers)}") from None
    if not np.isfinite(array).all():
        position = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ShapeError(f"expected finite {what}, got {array.flat[position]} at position {position}")
    return array


def _not_real(numbers: Any) -> str:
    """The first thing among what should be real numbers that is none, and where it stands."""
    if hasattr(numbers, "dtype"):
        return str(numbers.dtype)
    if isinstance(numbers, list | tuple):
        for position, each in enumerate(numbers):
            if not isinstance(each, Real | Tensor | np.ndarray):
                return f"{shown(each)} at position {position}"
    return shown(numbers)


def _columns(program: Program, parameters: Sequence[Any] | None) -> tuple[int, ...]:
    if parameters is None:
        return tuple(range(program.num_parameters))
    names = list(parameter_names(parameters, "parameters"))
    position = {name: column for column, name in enumerate(program.parameters)}
    unknown = [name for name in names if name not in position]
    if unknown or len(set(names)) < len(names):
        raise ShapeError(
            f"expected distinct trainable parameters among {span(program.parameters)}, got {names}"
        )
    return tuple(position[name] for name in names)


def span(names: Sequence[str]) -> str:
    """Names for a message: all of a few, the first and the last of many."""
    return ", ".join(names) if len(names) < 5 else f"{names[0]} … {names[-1]}"

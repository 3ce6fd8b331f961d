"""The structures that Python and the compiled sweeps share, as `layout.h` has them, and their number.

Rows of tables are named tuples of 32-bit integers, everything else a ctypes structure. The number of both
sides is derived from the names, offsets and sizes of all fields: a library with another one was built from
other sources and would read one field as another.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]

INTERFACE = 1
"""Raised by hand, here and in layout.h, when the arguments of a function or the meaning of a field change."""

LANES = 8
"""Numbers side by side in a vector register: 512 bits, and on narrower machines two or four registers."""

AMPLITUDE_BYTES = 2 * LANES * 8
"""Of an `amplitude`: real and imaginary parts of every lane."""

ROTATION_NUMBERS = 32
"""Of a `rotation`, in doubles."""

ROTATION, MONOMIAL, DENSE = range(3)
"""Kinds of operations."""


class Operation(NamedTuple):
    """`operation` of layout.h."""

    kind: int
    angle: int
    x: int
    z: int
    size: int
    first_number: int
    first_index: int
    unused: int = 0


class KernelStep(NamedTuple):
    """`step` of layout.h."""

    first: int
    last: int
    phases: int


class Bundle(NamedTuple):
    """`bundle` of layout.h."""

    first_row: int
    rows: int
    first_step: int
    last_step: int


Row = Operation | KernelStep | Bundle


def table(kind: type[Row], rows: Iterable[Row]) -> Ints:
    """(rows, fields) int32."""
    return np.array(list(rows), dtype=np.int32).reshape(-1, len(kind._fields))


_NUMBER, _ADDRESS = ctypes.c_int64, ctypes.c_void_p
_Fields = list[tuple[str, type]]


def _fields(*of_type: tuple[type, str]) -> _Fields:
    return [(name, kind) for kind, names in of_type for name in names.split()]


class CCircuit(ctypes.Structure):
    """`circuit` of layout.h."""

    _fields_ = _fields(
        (_NUMBER, "num_qubits num_operations num_steps num_phases num_shared num_by_context"),
        (_ADDRESS, "operations steps numbers indices shared by_context"),
    )


class CTangentOrder(ctypes.Structure):
    """`tangent_order` of layout.h."""

    _fields_ = _fields(
        (_NUMBER, "frame width num_bundles forward num_shared_entries num_context_entries"),
        (_ADDRESS, "bundles first_entry row_of_entry shared_slopes context_slopes"),
    )


class CDestination(ctypes.Structure):
    """`destination` of layout.h."""

    _fields_ = _fields((_NUMBER, "summed by_context all"), (_ADDRESS, "parameter"))


@lru_cache(maxsize=1)
def layout_number() -> int:
    """The number that `qgeo_layout` of a library built from these sources announces."""
    number = 14695981039346656037  # FNV-1a of 64 bits: Fowler, Noll and Vo
    for value in _described():
        number = (number ^ value) * 1099511628211 % 2**64
    return number


def _described() -> Iterable[int]:
    """Every size, then the fields of every structure, their letters, offset and size, and its size."""
    yield from (INTERFACE, LANES, AMPLITUDE_BYTES, 8 * ROTATION_NUMBERS)
    for kind in (Operation, KernelStep, Bundle):
        for place, name in enumerate(kind._fields):
            yield from (*name.encode(), 4 * place, 4)
        yield 4 * len(kind._fields)
    for structure in (CCircuit, CTangentOrder, CDestination):
        for name, *_ in structure._fields_:
            field = getattr(structure, name)
            yield from (*name.encode(), field.offset, field.size)
        yield ctypes.sizeof(structure)

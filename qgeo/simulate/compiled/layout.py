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

INTERFACE = 2
"""Raised by hand, here and in layout.h, when the arguments of a function or the meaning of a field change."""

MOST_MASKS = 5
"""Most masks of one operation: its entries are a table of 2^masks numbers."""

ROTATION, MONOMIAL, DENSE = range(3)
"""Kinds of operations."""


class Operation(NamedTuple):
    """`operation` of layout.h."""

    kind: int
    angle: int
    x: int
    num_masks: int
    real: int
    first_index: int
    first_number: int
    first_vector: int


class KernelStep(NamedTuple):
    """`step` of layout.h."""

    first: int
    last: int
    phases: int


class Row(NamedTuple):
    """`row` of layout.h."""

    first: int
    last: int


class Insertion(NamedTuple):
    """`insertion` of layout.h."""

    step: int
    operation: int
    entry: int


TableRow = Operation | KernelStep | Row | Insertion


def table(kind: type[TableRow], rows: Iterable[TableRow]) -> Ints:
    """(rows, fields) int32."""
    return np.array(list(rows), dtype=np.int32).reshape(-1, len(kind._fields))


_NUMBER, _REAL, _ADDRESS = ctypes.c_int64, ctypes.c_double, ctypes.c_void_p
_Fields = list[tuple[str, type]]


def _fields(*of_type: tuple[type, str]) -> _Fields:
    return [(name, kind) for kind, names in of_type for name in names.split()]


class CCircuit(ctypes.Structure):
    """`circuit` of layout.h."""

    _fields_ = _fields(
        (_NUMBER, "num_qubits contexts_in_lanes num_operations num_steps num_phases num_vectors"),
        (_NUMBER, "num_shared num_by_context"),
        (_REAL, "start_re start_im"),
        (_ADDRESS, "operations steps numbers indices shared by_context"),
    )


class CTangentOrder(ctypes.Structure):
    """`tangent_order` of layout.h."""

    _fields_ = _fields(
        (_NUMBER, "frame num_rows forward num_shared_entries num_context_entries"),
        (_ADDRESS, "rows insertions shared_slopes context_slopes"),
    )


class CDestination(ctypes.Structure):
    """`destination` of layout.h."""

    _fields_ = _fields((_NUMBER, "summed by_context all"), (_ADDRESS, "parameter"))


class CTeam(ctypes.Structure):
    """`team` of layout.h."""

    _fields_ = _fields((_NUMBER, "index count"), (_ADDRESS, "barrier"))


class CCall(ctypes.Structure):
    """`call` of layout.h."""

    _fields_ = [
        *_fields((_ADDRESS, "circuit order destination")),
        ("members", CTeam),
        *_fields(
            (_NUMBER, "first last contexts"),
            (_REAL, "least"),
            (_ADDRESS, "states others sums by_context workspace shared_workspace"),
        ),
    ]


@lru_cache(maxsize=1)
def layout_number() -> int:
    """The number that `qgeo_layout` of a library built from these sources announces."""
    number = 14695981039346656037  # FNV-1a of 64 bits: Fowler, Noll and Vo
    for value in _described():
        number = (number ^ value) * 1099511628211 % 2**64
    return number


def _described() -> Iterable[int]:
    """Every constant, then the fields of every structure, their letters, offset and size, and its size."""
    yield from (INTERFACE, MOST_MASKS)
    for kind in (Operation, KernelStep, Row, Insertion):
        for place, name in enumerate(kind._fields):
            yield from (*name.encode(), 4 * place, 4)
        yield 4 * len(kind._fields)
    for structure in (CCircuit, CTangentOrder, CDestination, CTeam, CCall):
        for name, *_ in structure._fields_:
            field = getattr(structure, name)
            yield from (*name.encode(), field.offset, field.size)
        yield ctypes.sizeof(structure)

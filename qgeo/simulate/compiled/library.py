"""The compiled library of `sweeps.c`: structures and functions, threads to call them, rooms to work in."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

LANES = 8
"""Numbers side by side in a vector register."""

MOST_KEPT_BYTES = 2**26
"""Of memory that is kept from one call to the next."""

_NUMBER, _ADDRESS = ctypes.c_int64, ctypes.c_void_p


def _fields(*of_type: tuple[type, str]) -> list[tuple[str, type]]:
    return [(name, kind) for kind, names in of_type for name in names.split()]


class CCircuit(ctypes.Structure):
    """`circuit` of operations.h."""

    _fields_ = _fields(
        (_NUMBER, "num_qubits num_operations num_steps num_phases num_shared num_by_context"),
        (_ADDRESS, "operations steps numbers indices shared by_context"),
    )


class CTangentOrder(ctypes.Structure):
    """`tangent_order` of sweeps.c."""

    _fields_ = _fields(
        (_NUMBER, "frame width num_bundles forward num_shared_entries num_context_entries"),
        (_ADDRESS, "bundles first_entry row_of_entry shared_slopes context_slopes"),
    )


class CPlaces(ctypes.Structure):
    """`places` of products.h."""

    _fields_ = _fields((_NUMBER, "own data all"), (_ADDRESS, "parameter"))


_ARGUMENTS = {
    "qgeo_states": (_ADDRESS, _NUMBER, _NUMBER, _ADDRESS, _ADDRESS),
    "qgeo_gradient": (_ADDRESS, _NUMBER, _NUMBER, *[_ADDRESS] * 5),
    "qgeo_tangents": (_ADDRESS, _ADDRESS, *[_NUMBER] * 3, *[_ADDRESS] * 3),
    "qgeo_gram": (_ADDRESS, _ADDRESS, _ADDRESS, _NUMBER, _NUMBER, *[_ADDRESS] * 3),
    "qgeo_bundles": (_ADDRESS, _ADDRESS, *[_NUMBER] * 3, _ADDRESS, _ADDRESS),
    "qgeo_gram_of_bundles": (_ADDRESS, _ADDRESS, _ADDRESS, _NUMBER, _NUMBER, _ADDRESS, _ADDRESS),
}


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL | None:
    """The compiled sweeps, or None where they were not built: no C compiler at installation."""
    found = find_spec("qgeo.simulate.compiled._kernel")
    if found is None or found.origin is None:
        return None
    compiled = ctypes.CDLL(found.origin)
    for name, arguments in _ARGUMENTS.items():
        function = getattr(compiled, name)
        function.argtypes, function.restype = arguments, None
    return compiled


def in_threads(function: Callable[..., None], calls: Sequence[tuple[Any, ...]]) -> None:
    """The first call here, every other one in a thread of its own; done when all are."""
    waiting = [_threads(os.getpid()).submit(function, *arguments) for arguments in calls[1:]]
    function(*calls[0])
    for other in waiting:
        other.result()


@contextmanager
def rooms(numbers: Sequence[int]) -> Iterator[list[int]]:
    """Addresses of rooms of so many float64 each, uninitialised, for the time of a call.

    The last one's memory is used again: pages that are new cost more than the arithmetic in them.
    """
    kept = _kept_rooms(os.getpid())
    try:
        own = kept.pop()
    except IndexError:  # the first call, or others are at work in it
        own = torch.empty(0, dtype=torch.float64)
    if len(own) < sum(numbers):
        own = torch.empty(sum(numbers), dtype=torch.float64)
    try:
        yield [own.data_ptr() + own.itemsize * start for start in accumulate(numbers[:-1], initial=0)]
    finally:
        if not kept and own.nbytes <= MOST_KEPT_BYTES:
            kept.append(own)


@lru_cache(maxsize=1)
def _kept_rooms(process: int) -> list[Tensor]:
    """At most a few rooms of this process."""
    del process
    return []


@lru_cache(maxsize=1)
def _threads(process: int) -> ThreadPoolExecutor:
    """Threads of this process: a fork starts without any."""
    del process
    return ThreadPoolExecutor(torch.get_num_threads(), thread_name_prefix="qgeo")

"""The compiled library of `sweeps.c`: its structures, its functions, and threads to call them from."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import torch

LANES = 8
"""Numbers side by side in a vector register."""

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


@lru_cache(maxsize=1)
def _threads(process: int) -> ThreadPoolExecutor:
    """Threads of this process: a fork starts without any."""
    del process
    return ThreadPoolExecutor(torch.get_num_threads(), thread_name_prefix="qgeo")

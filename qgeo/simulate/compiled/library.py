"""The compiled library of `sweeps.c`: its functions, threads to call them, workspaces to call them in."""

from __future__ import annotations

import ctypes
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from qgeo.simulate.compiled.layout import layout_number

MOST_KEPT_BYTES = 2**26
"""Of memory that is kept from one call to the next: chosen, so that a process that is done keeps little."""

_NUMBER, _ADDRESS = ctypes.c_int64, ctypes.c_void_p

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
    """The compiled sweeps, or None where they were not built (no C compiler then) or are refused."""
    spec = find_spec("qgeo.simulate.compiled._kernel")
    if spec is None or spec.origin is None:
        return None
    compiled = accepted(ctypes.CDLL(spec.origin))
    if compiled is not None:
        for name, arguments in _ARGUMENTS.items():
            function = getattr(compiled, name)
            function.argtypes, function.restype = arguments, None
    return compiled


def accepted(compiled: ctypes.CDLL) -> ctypes.CDLL | None:
    """The library, or None with a warning where its structures are not those of `layout.py`."""
    announced = _announced(compiled)
    if announced == layout_number():
        return compiled
    warnings.warn(
        f"expected compiled sweeps with the structures {layout_number():016x}, got {announced:016x}, built "
        "from other sources; install qgeo again to build them, until then everything runs through torch, "
        "with the same results but slower",
        stacklevel=2,
    )
    return None


def _announced(compiled: ctypes.CDLL) -> int:
    """The number of its structures; 0 of a library from before there was one."""
    function = getattr(compiled, "qgeo_layout", None)
    if function is None:
        return 0
    function.argtypes, function.restype = (), ctypes.c_uint64
    return int(function())


def in_threads(function: Callable[..., None], calls: Sequence[tuple[Any, ...]]) -> None:
    """The first call here, every other one in a thread of its own; done when all are."""
    waiting = [_threads(os.getpid()).submit(function, *arguments) for arguments in calls[1:]]
    function(*calls[0])
    for other in waiting:
        other.result()


@contextmanager
def workspaces(numbers: Sequence[int]) -> Iterator[list[int]]:
    """Addresses of workspaces of so many float64 each, uninitialised, for the time of a call.

    The last call's memory is used again: pages that are new cost more than the arithmetic in them
    (benchmarks/NOTES.md, "workspaces that are used again").
    """
    kept = _kept(os.getpid())
    try:
        memory = kept.pop()
    except IndexError:  # the first call, or others are at work in it
        memory = torch.empty(0, dtype=torch.float64)
    if len(memory) < sum(numbers):
        memory = torch.empty(sum(numbers), dtype=torch.float64)
    try:
        starts = accumulate(numbers[:-1], initial=0)
        yield [memory.data_ptr() + memory.itemsize * start for start in starts]
    finally:
        if not kept and memory.nbytes <= MOST_KEPT_BYTES:
            kept.append(memory)


@lru_cache(maxsize=1)
def _kept(process: int) -> list[Tensor]:
    """The memory that this process has kept: at most a few pieces."""
    del process
    return []


@lru_cache(maxsize=1)
def _threads(process: int) -> ThreadPoolExecutor:
    """Threads of this process: a fork starts without any."""
    del process
    return ThreadPoolExecutor(torch.get_num_threads(), thread_name_prefix="qgeo")

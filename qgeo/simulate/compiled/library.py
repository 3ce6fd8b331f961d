"""The compiled library: its functions by precision, and workspaces to call them in."""

from __future__ import annotations

import ctypes
import mmap
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qgeo.simulate.compiled.layout import layout_number

MOST_KEPT_BYTES = 2**26
"""Of memory that is kept from one call to the next for good: chosen, so that a process that is done keeps
little. More is kept until the system needs it elsewhere."""

_CAN_BE_TAKEN_BACK = hasattr(mmap, "MADV_FREE")

_HUGE_PAGES_FROM = 2**22  # bytes: two of the pages that the system is asked for

_SWEEPS = (
    "states",
    "probabilities",
    "gradient",
    "probability_gradient",
    "tangents",
    "quantum_gram",
    "classical_gram",
)
_SIZES = {
    "states_bytes": 1,
    "state_bytes": 1,
    "shared_bytes": 1,
    "gradient_bytes": 1,
    "tangents_bytes": 1,
    "rows_bytes": 2,
}

Sweep = Callable[[Any], None]
"""A function of a pointer to a `CCall`."""


@dataclass(frozen=True, eq=False)
class Sweeps:
    """The functions of `sweeps.h` for states of one type, and how many bytes of memory they want; a register
    has `lanes` numbers."""

    dtype: torch.dtype
    lanes: int
    states: Sweep
    gradient: Sweep
    probabilities: Sweep
    probability_gradient: Sweep
    tangents: Sweep
    quantum_gram: Sweep
    classical_gram: Sweep
    states_bytes: Callable[..., int]
    state_bytes: Callable[..., int]
    shared_bytes: Callable[..., int]
    gradient_bytes: Callable[..., int]
    tangents_bytes: Callable[..., int]
    rows_bytes: Callable[..., int]

    @property
    def real(self) -> torch.dtype:
        """The type of a probability."""
        return torch.float64 if self.dtype == torch.complex128 else torch.float32


@lru_cache(maxsize=2)
def sweeps_of(dtype: torch.dtype) -> Sweeps | None:
    """The compiled sweeps for complex128 or complex64, on the longest registers that the processor has, or
    None where they were not built or are refused."""
    compiled = library()
    if compiled is None:
        return None
    is_long = bool(compiled.qgeo_has_long_registers())
    suffix = ("complex128" if dtype == torch.complex128 else "complex64") + ("_long" if is_long else "")
    functions = {name: getattr(compiled, f"qgeo_{name}_{suffix}") for name in (*_SWEEPS, *_SIZES)}
    for name, function in functions.items():
        function.argtypes = (ctypes.c_void_p,) * _SIZES.get(name, 1)
        function.restype = ctypes.c_int64 if name in _SIZES else None
    return Sweeps(dtype, (64 if is_long else 32) // (dtype.itemsize // 2), **functions)


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL | None:
    """The compiled library, or None where it was not built (no C compiler then) or is refused."""
    spec = find_spec("qgeo.simulate.compiled._kernel")
    if spec is None or spec.origin is None:
        return None
    return accepted(ctypes.CDLL(spec.origin))


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


@dataclass(frozen=True, eq=False)
class Memory:
    """Bytes from an address on; numpy takes a microsecond to say which, so that it is asked once."""

    content: NDArray[np.uint8]
    address: int
    pages: mmap.mmap


def lent(size: int) -> Memory:
    """So many bytes, uninitialised, from the start of a register on; to be given back after the call.

    The last call's memory is used again: pages that are new cost more than the arithmetic in them
    (benchmarks/NOTES.md, "workspaces that are used again").
    """
    kept = _kept(os.getpid())
    try:
        memory = kept.pop()
    except IndexError:  # the first call, or others are at work in it
        return _memory(size)
    return memory if memory.content.nbytes >= size else _memory(size)


def give_back(memory: Memory) -> None:
    """Keep it for the next call, unless there is some. Much of it stays the system's to take back."""
    kept = _kept(os.getpid())
    is_much = memory.content.nbytes > MOST_KEPT_BYTES
    if kept or (is_much and not _CAN_BE_TAKEN_BACK):
        return
    if is_much:
        memory.pages.madvise(mmap.MADV_FREE)
    kept.append(memory)


def _memory(size: int) -> Memory:
    """New memory, whole pages; large ones where there are any, which are made 512 times more rarely."""
    own = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}
    pages = mmap.mmap(-1, max(size, mmap.PAGESIZE), **own)  # shared ones, the default, are no large ones
    if size >= _HUGE_PAGES_FROM and hasattr(mmap, "MADV_HUGEPAGE"):
        pages.madvise(mmap.MADV_HUGEPAGE)
    content = np.frombuffer(pages, dtype=np.uint8)
    return Memory(content, content.ctypes.data, pages)


@lru_cache(maxsize=1)
def _kept(process: int) -> list[Memory]:
    """The memory that this process has kept: at most a few pieces."""
    del process
    return []

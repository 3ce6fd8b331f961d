"""Calls of a sweep side by side, a thread each: in torch's own where they can be had, else in Python's.

After a loop of its own torch's threads spin for a while, on cores that ours would need; as ours they start at
once (benchmarks/NOTES.md, "torch's threads").
"""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import torch

from qgeo.simulate.compiled.layout import CCall
from qgeo.simulate.compiled.library import Sweep, library

_HOME = os.getpid()
"""An OpenMP runtime that was used before a fork hangs after it: elsewhere Python's threads are taken."""


def in_threads(function: Sweep, calls: ctypes.Array[CCall]) -> None:
    """All calls at once; members of a team wait for each other. Done when all are."""
    if len(calls) == 1:
        function(calls)
        return
    openmp = _openmp() if os.getpid() == _HOME else None
    if openmp is None or not openmp.ran(function, calls):
        _in_python_threads(function, calls)


def _in_python_threads(function: Sweep, calls: ctypes.Array[CCall]) -> None:
    """The first call here, every other one in a thread of its own, none of which may be lacking: one sequence
    of calls at a time."""
    pool = _pool(os.getpid())
    with pool.in_use:
        threads = pool.of(len(calls) - 1)
        waiting = [threads.submit(function, ctypes.byref(call)) for call in calls[1:]]
        function(calls)
        for other in waiting:
            other.result()


@dataclass(frozen=True, eq=False)
class _OpenMP:
    """A runtime's functions, and ours that calls them."""

    start: Any
    own: Any
    all: Any
    in_threads: Any

    def ran(self, function: Sweep, calls: ctypes.Array[CCall]) -> bool:
        """Whether there was a thread for every call; if not, nothing was done."""
        return bool(self.in_threads(self.start, self.own, self.all, function, calls, len(calls)))


@lru_cache(maxsize=1)
def _openmp() -> _OpenMP | None:
    """The runtime that torch has loaded, where it is GNU's."""
    compiled = library()
    found = sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))
    if compiled is None or not found:
        return None
    runtime = ctypes.CDLL(str(found[0]))
    function = compiled.qgeo_in_threads
    function.argtypes = (*[ctypes.c_void_p] * 5, ctypes.c_int)
    names = ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")
    start, own, everyone = (ctypes.cast(getattr(runtime, name), ctypes.c_void_p) for name in names)
    return _OpenMP(start, own, everyone, function)


@dataclass(eq=False)
class _Pool:
    """Threads, as many as were ever wanted at once."""

    in_use: Lock = field(default_factory=Lock)
    threads: ThreadPoolExecutor | None = None
    size: int = 0

    def of(self, count: int) -> ThreadPoolExecutor:
        """At least so many."""
        if self.threads is None or self.size < count:
            if self.threads is not None:
                self.threads.shutdown(wait=False)
            self.threads, self.size = ThreadPoolExecutor(count, thread_name_prefix="qgeo"), count
        return self.threads


@lru_cache(maxsize=1)
def _pool(process: int) -> _Pool:
    """That of this process: a fork starts without any."""
    del process
    return _Pool()

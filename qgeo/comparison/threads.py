"""One thread a run: the same sums on every machine, and workers that share the cores.

A comparison has one worker per core, and each keeps to its core. Torch and linear algebra are held to one
thread here. Aer counts the cores by itself, whatever OpenMP is told: its simulators are made with `THREADS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

THREADS = 1
"""Of every library in a run. The circuits of heads are small: two threads of Aer's on two cores took five
times the processor time of one, for the same samples (benchmarks/README.md, "Workers on Aer")."""


@contextmanager
def single_thread() -> Iterator[None]:
    """Everything inside runs in one thread: torch, BLAS, OpenMP."""
    before = torch.get_num_threads()
    with threadpool_limits(limits=THREADS):
        torch.set_num_threads(THREADS)
        try:
            yield
        finally:
            torch.set_num_threads(before)

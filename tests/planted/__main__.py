"""Records the pools of the planted checks, or those named: PYTHONPATH=tests python -m planted [NAME …]

What is there is kept: to record a pool anew, remove its file. A pool that was cut off goes on.
"""

from __future__ import annotations

import sys
from functools import partial
from time import perf_counter

from planted.plans import PLANS, plan
from planted.pool import record


def show(name: str, started: float, done: int, count: int) -> None:
    print(f"{name}: data draw {done} of {count}, {perf_counter() - started:.0f} s", flush=True)


for chosen in sys.argv[1:] or PLANS:
    record(chosen, plan(chosen), partial(show, chosen, perf_counter()))

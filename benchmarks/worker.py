"""A measuring process: it says what it computed, then times itself whenever it is asked to.

    python -m benchmarks.ours MEASUREMENT CIRCUIT N LAYERS CONTEXTS < requests

Out comes a JSON line {"value": …, "first": seconds}; then, for every line in with the seconds of a turn, one
with the median {"seconds": …} of its calls. It ends with its input. Whatever libraries print goes to the
standard error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter
from typing import Any, TextIO

import numpy as np

from benchmarks.case import Case

Call = Callable[[], Any]
"""One computation, waited for: a matrix or a gradient, of any library."""

Preparation = Callable[[Case], Call]


def serve(measurements: Mapping[str, Preparation]) -> None:
    """The whole life of a worker; its case comes from the command line."""
    answers = _own_output()
    name, circuit, *sizes = sys.argv[1:]
    started = perf_counter()
    call = measurements[name](Case(circuit, *map(int, sizes)))
    value = call()
    _answer(answers, value=fingerprint(value), first=perf_counter() - started)
    for line in sys.stdin:
        _answer(answers, seconds=turn(call, float(line)))


def turn(call: Call, budget: float) -> float:
    """Median seconds of the calls that fit into `budget`, one at least, after one that does not count."""
    if (once := _seconds(call)) > budget:
        return once
    spent: list[float] = []
    while not spent or sum(spent) < budget:
        spent.append(_seconds(call))
    return median(spent)


def fingerprint(value: Any) -> tuple[float, float]:
    """Norm, and a sum that every entry and its place counts in: what two processes compare."""
    entries = np.asarray(value, np.float64).ravel()
    return float(np.linalg.norm(entries)), float(entries @ np.cos(np.arange(len(entries))))


def _seconds(call: Call) -> float:
    started = perf_counter()
    call()
    return perf_counter() - started


def _own_output() -> TextIO:
    """The standard output for answers alone."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _answer(answers: TextIO, **content: Any) -> None:
    answers.write(json.dumps(content) + "\n")
    answers.flush()

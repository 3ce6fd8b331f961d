"""F_Q and the gradient of ⟨Z₀⟩ by qubits, types and threads: what grows as it must, and what does not.

    python -m benchmarks.scaling SECONDS      a JSON line; no width is begun after SECONDS

RY–RZ–CX layers, four of them at every width n, P = 8n. F_Q should grow as P²·2ⁿ (products of tangents) and a
gradient as gates·2ⁿ (sweeps); a growth per qubit divided by that is 1 where nothing else costs, above where
memory sets the speed, below where calls do. Types and threads of one width take turns in one process.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise, product
from pathlib import Path
from statistics import median
from time import monotonic

import numpy as np
import torch
from matplotlib import rc_context
from matplotlib.figure import Figure

import qgeo
from benchmarks.circuits import layered_circuit
from benchmarks.markdown import section
from benchmarks.ours import gradient_of_z
from benchmarks.worker import Call, turn

QUBITS, LAYERS = range(8, 21), 4
TYPES, THREADS = ("complex128", "complex64"), (2, 1)
ROUNDS, TURN_SECONDS = 3, 0.1
SLOW_SECONDS = 1.0
"""One round is enough for calls that take longer."""

MEMORY = 8 * 2**30
"""Bytes of tangents at once: P = 160 at n = 20 are 2.5 GiB in complex128, with workspaces beside them."""

TITLE = "Scaling"
REMARK = (
    "RY–RZ–CX layers, four of them, P = 8n; complex128 on two threads: milliseconds, growth from the line "
    "before divided by that of P²·2ⁿ (F_Q) or of gates·2ⁿ (gradient of ⟨Z₀⟩), and times of complex128 / "
    "complex64 and of one thread / two. Growth above 1 where memory sets the speed, below where calls do"
)

Setting = tuple[str, int]
"""Type and threads."""


@dataclass(frozen=True)
class Width:
    """Seconds of a call at n qubits, by "type threads"."""

    kind: str
    n: int
    seconds: dict[str, float]

    def of(self, dtype: str = "complex128", threads: int = 2) -> float:
        return self.seconds[f"{dtype} {threads}"]

    @property
    def work(self) -> float:
        """What the seconds should be in proportion to."""
        parameters, gates = 2 * self.n * LAYERS, (3 * self.n - 1) * LAYERS
        return (parameters**2 if self.kind == "fisher" else gates) * 2.0**self.n


def fisher(program: qgeo.Program, values: np.ndarray, dtype: str) -> Call:
    return lambda: qgeo.quantum_fisher(program, values, dtype=dtype, memory_budget=MEMORY)


KINDS: dict[str, Callable[[qgeo.Program, np.ndarray, str], Call]] = {
    "fisher": fisher,
    "gradient": gradient_of_z,
}
TITLES = {"fisher": "F_Q", "gradient": "gradient of ⟨Z₀⟩"}


def measured(seconds: float) -> Iterator[Width]:
    """Width by width, all kinds at each, until the time is over."""
    began = monotonic()
    for n, kind in product(QUBITS, KINDS):
        if monotonic() - began > seconds:
            print(f"  no time left for n={n}", file=sys.stderr, flush=True)
            return
        print(f"  {TITLES[kind]}, n={n}", file=sys.stderr, flush=True)
        yield Width(kind, n, _in_turns(kind, n))


def _in_turns(kind: str, n: int) -> dict[str, float]:
    program = qgeo.compile(layered_circuit(n, LAYERS, data=False)[0])
    values = np.random.default_rng(0).uniform(-np.pi, np.pi, program.num_parameters)
    calls = {dtype: KINDS[kind](program, values, dtype) for dtype in TYPES}
    for dtype in reversed(TYPES):
        calls[dtype]()  # memory is new, and a turn of slow calls has none that does not count
    spent: dict[Setting, list[float]] = {}
    for _ in range(ROUNDS):
        for dtype, threads in product(TYPES, THREADS):
            turns = spent.setdefault((dtype, threads), [])
            if not turns or turns[-1] < SLOW_SECONDS:
                torch.set_num_threads(threads)
                turns.append(turn(calls[dtype], TURN_SECONDS))
    return {f"{dtype} {threads}": median(turns) for (dtype, threads), turns in spent.items()}


# --- table and figure ---------------------------------------------------------------------------------------


def scaling_section(found: list[Width]) -> list[str]:
    header = ["what", "n", "ms", "growth / expected", "complex128 / complex64", "one thread / two"]
    rows = [row for kind in KINDS for row in _rows([each for each in found if each.kind == kind])]
    return [*section(TITLE, REMARK, header, rows), "\n![Seconds by qubits](scaling.svg)"]


def _rows(widths: list[Width]) -> Iterator[list[str]]:
    growths = ["–", *(f"{_growth(*pair):.2f}" for pair in pairwise(widths))]
    for width, growth in zip(widths, growths, strict=True):
        by_type = width.of() / width.of(dtype="complex64")
        by_threads = width.of(threads=1) / width.of()
        sizes = [TITLES[width.kind], str(width.n), f"{1e3 * width.of():.3g}"]
        yield [*sizes, growth, f"{by_type:.2f}", f"{by_threads:.2f}"]


def _growth(narrow: Width, wide: Width) -> float:
    return (wide.of() / narrow.of()) / (wide.work / narrow.work)


def draw_scaling(found: list[Width], path: Path) -> None:
    """Seconds by qubits, for types and threads; grey: growth as expected, through the last point."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, kind in zip(panels, KINDS, strict=True):
        widths = [each for each in found if each.kind == kind]
        sizes, last = [each.n for each in widths], widths[-1]
        panel.semilogy(sizes, [1e3 * last.of() * each.work / last.work for each in widths], color="0.7")
        for color, dtype in enumerate(TYPES):
            for threads, style in ((1, "o:"), (2, "o-")):
                milliseconds = [1e3 * each.of(dtype, threads) for each in widths]
                label = f"{dtype}, {'one thread' if threads == 1 else 'two threads'}"
                panel.semilogy(sizes, milliseconds, style, color=f"C{color}", markersize=3, label=label)
        panel.set_xlabel(f"qubits, {TITLES[kind]}")
    panels[0].set_ylabel("ms")
    panels[0].legend(fontsize=7, frameon=False)
    with rc_context({"svg.hashsalt": "scaling"}):
        figure.savefig(path, metadata={"Date": None})


def parsed(found: list[dict[str, object]]) -> list[Width]:
    return [Width(**each) for each in found]  # type: ignore[arg-type]


if __name__ == "__main__":
    print(json.dumps([asdict(width) for width in measured(float(sys.argv[1]))]))

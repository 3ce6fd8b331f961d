"""qgeo on a GPU: the same numbers as on the CPU, then its times beside those of JAX on the same card.

    python -m benchmarks.gpu --out FOLDER [--seconds 300] [--qubits 16 18 …] [--profile] [--device cpu]

First every check of `gpu_checks.py`, a line each. Then a table: the gradient of an energy (Ising chain), F_Q,
and products F_Q v, of RY–RZ–CX layers, complex128 and complex64, by the calls that users make. The opponent
(`opponents/jax_gpu.py`) runs in a process of its own and takes turns with ours; both are compiled and warm, a
figure is the median of calls, each waited for. Ratios are JAX / qgeo. After every row `gpu.json` and `gpu.md`
are written anew; a row that fails says why, and no row begins after `--seconds`.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch

import qgeo
from benchmarks.circuits import layered_circuit
from benchmarks.energies import ising, uniform
from benchmarks.gpu_checks import checks, difference
from benchmarks.gpu_opponent import FORMS, Opponent, Timing
from benchmarks.gpu_table import Case, Row, cells, table, written

QUBITS = (16, 18, 20, 22, 24, 26)
TYPES = ("complex128", "complex64")
TOLERANCE = {"complex128": 1e-10, "complex64": 1e-4}
"""Of a check, relative to the largest number, against complex128 on the CPU."""

SHARED = 22
"""Up to so many qubits both processes keep their memory while the other one runs; beyond, JAX's ends."""

MEASURED_SECONDS, LEAST, MOST = 0.3, 3, 50
SLOWER = 1.5
"""A form of JAX's that was so many times slower than the other one is not asked again at more qubits."""


@dataclass(frozen=True)
class Card:
    """The device, and what has no meaning on a CPU."""

    device: torch.device

    @property
    def is_gpu(self) -> bool:
        return self.device.type == "cuda"

    @property
    def name(self) -> str:
        return torch.cuda.get_device_name(self.device) if self.is_gpu else "CPU (a dry run)"

    def wait(self) -> None:
        if self.is_gpu:
            torch.cuda.synchronize(self.device)

    def emptied(self) -> None:
        """Gives back what is kept, and forgets the peak."""
        if self.is_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)

    @property
    def peak(self) -> int:
        return torch.cuda.max_memory_allocated(self.device) if self.is_gpu else 0

    @property
    def budget(self) -> int:
        """Bytes for tangents: nine tenths of what is free."""
        return int(0.9 * torch.cuda.mem_get_info(self.device)[0]) if self.is_gpu else 2**32


def main() -> int:
    options = _options()
    card, started = Card(torch.device(options.device)), perf_counter()
    options.out.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {"machine": _machine(card), "checks": [], "rows": []}
    print(json.dumps(report["machine"]), flush=True)
    if not options.no_checks:
        report["checks"] = list(_checked(card))
        written(options.out, report, [])
    if options.profile:
        try:
            _profiled(card, options.out)
        except Exception as raised:  # the table does not depend on it
            print(f"no profile: {_words(raised)}", flush=True)
    rows: list[Row] = []
    for row in _rows(card, cases(options.qubits), lambda: perf_counter() - started < options.seconds):
        rows.append(row)
        written(options.out, report, rows)
        print(f"{perf_counter() - started:4.0f} s", cells(row, rows), flush=True)
    written(options.out, report, rows)
    print("\n".join(table(rows)))
    return int(any(not check["agrees"] for check in report["checks"]))


def _machine(card: Card) -> dict[str, str]:
    versions = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
    cuda = str(torch.version.cuda)
    return {"card": card.name, "cuda": cuda, "copies": _copies(card), "qgeo": qgeo.__version__, **versions}


def _copies(card: Card) -> str:
    """What the card's memory moves, read and written: no sweep over a state can be faster."""
    source = torch.randn(2**28 if card.is_gpu else 2**20, dtype=torch.float64, device=card.device)
    target, timing = torch.empty_like(source), Timing(call=lambda: target.copy_(source))
    _timed(card, timing)
    return f"{2 * source.nbytes / timing.median / 1e12:.2f} TB/s"


# --- correctness --------------------------------------------------------------------------------------------


def _checked(card: Card) -> Iterator[dict[str, Any]]:
    """A line for every check."""
    for check in checks():
        try:
            expected = _on_the_cpu(check.name, check.compute)
            error: float | str = difference(check.compute(card.device), expected)
        except Exception as raised:  # the next one may run
            error = f"{type(raised).__name__}: {str(raised)[:200]}"
        agrees = isinstance(error, float) and error <= TOLERANCE[check.dtype]
        shown = f"{error:.1e}" if isinstance(error, float) else error
        print(f"{'ok  ' if agrees else 'FAIL'} {check.dtype:10} {check.name}: {shown}", flush=True)
        yield {"name": check.name, "dtype": check.dtype, "difference": error, "agrees": agrees}


_known: dict[str, torch.Tensor] = {}


def _on_the_cpu(name: str, compute: Callable[[torch.device], torch.Tensor]) -> torch.Tensor:
    """In complex128, which comes first, for both types."""
    if name not in _known:
        _known[name] = compute(torch.device("cpu")).detach()
    return _known[name]


# --- times --------------------------------------------------------------------------------------------------


def cases(qubits: list[int]) -> list[Case]:
    main_kinds = [
        Case(kind, n, dtype) for n in qubits for dtype, kind in product(TYPES, ("energy", "graph", "fisher"))
    ]
    return main_kinds + [Case("product", n, dtype) for n in qubits for dtype in TYPES]


def _rows(card: Card, cases: list[Case], is_time: Callable[[], bool]) -> Iterator[Row]:
    left_out: dict[tuple[str, str, str], str] = {}
    opponent, width = Opponent(card.is_gpu), 0
    theirs: dict[str, Timing] = {}
    for case in cases:
        if not is_time():
            print(f"no time left for {case}", flush=True)
            break
        if case.n != width:
            opponent.end()
            width = case.n
        if case.kind == "graph":  # beside the same calls of JAX's as the row before
            yield _replayed(card, case, theirs)
            continue
        yield (row := _row(card, case, opponent, left_out))
        theirs = row.theirs
        left_out |= _to_leave_out(row)
    opponent.end()


def _row(card: Card, case: Case, opponent: Opponent, left_out: dict[tuple[str, str, str], str]) -> Row:
    """Ours, JAX's forms, ours again, as often as memory allows both at once."""
    row = Row(case, _prepared(card, case))
    for form in FORMS:
        why_not = left_out.get((case.kind, case.dtype, form))
        request = asdict(case) | {"layers": case.layers, "form": form}
        row.theirs[form] = Timing(why_not=why_not) if why_not else opponent.prepare(request)
        for _ in range(2 if case.n <= SHARED else 1):
            opponent.time(row.theirs[form])
            if case.n <= SHARED:
                _timed(card, row.ours)
        if case.n > SHARED:
            opponent.end()
    _timed(card, row.ours)
    row.ours.call = None
    card.emptied()
    return row


def _replayed(card: Card, case: Case, theirs: dict[str, Timing]) -> Row:
    row = Row(case, _prepared(card, case), theirs)
    _timed(card, row.ours)
    row.ours.call = None
    card.emptied()
    return row


def _prepared(card: Card, case: Case) -> Timing:
    """Our call at a case, its first one and those of a turn."""
    card.emptied()
    try:
        started = perf_counter()
        call = _CALLS[case.kind](card, case)
        value = call()
        card.wait()
        timing = Timing(call=call, value=value, first=perf_counter() - started)
    except Exception as raised:
        return Timing(why_not=_words(raised))
    _timed(card, timing)
    timing.peak = card.peak
    return timing


def _timed(card: Card, timing: Timing) -> None:
    """A turn: seconds of warm calls."""
    if timing.call is None:
        return
    try:
        timing.call()
        spent: list[float] = []
        while len(spent) < LEAST or (sum(spent) < MEASURED_SECONDS and len(spent) < MOST):
            card.wait()
            started = perf_counter()
            timing.call()
            card.wait()
            spent.append(perf_counter() - started)
        timing.seconds += spent
    except Exception as raised:
        timing.call, timing.why_not = None, _words(raised)
        card.emptied()


def _words(raised: Exception) -> str:
    return f"{type(raised).__name__}: {(str(raised).splitlines() or [''])[0][:160]}"


def _module(card: Card, case: Case) -> qgeo.Expectation:
    circuit, _ = layered_circuit(case.n, case.layers, data=False)
    return qgeo.Expectation(circuit, ising(case.n), values=uniform(circuit), dtype=case.dtype).to(card.device)


def _gradient(module: qgeo.Expectation) -> torch.Tensor:
    module.values.grad = None
    module().sum().backward()
    assert module.values.grad is not None
    return module.values.grad


def _energy(card: Card, case: Case) -> Callable[[], float]:
    module = _module(card, case)
    return lambda: float(_gradient(module).double().norm())


def _graph(card: Card, case: Case) -> Callable[[], float]:
    """Recorded once and replayed, at the values it was recorded with: the host launches nothing itself."""
    if not card.is_gpu:
        raise RuntimeError("a CPU has no CUDA graphs")
    module, aside = _module(card, case), torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            _gradient(module)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        gradient = _gradient(module)

    def call() -> float:
        graph.replay()
        return float(gradient.double().norm())

    return call


def _fisher(card: Card, case: Case) -> Callable[[], float]:
    circuit, _ = layered_circuit(case.n, case.layers, data=False)
    program, values, budget = qgeo.compile(circuit), uniform(circuit), card.budget

    def call() -> float:
        matrix = qgeo.quantum_fisher(
            program, values, dtype=case.dtype, device=str(card.device), memory_budget=budget
        )
        return float(np.trace(matrix))

    return call


def _product(card: Card, case: Case) -> Callable[[], float]:
    circuit, _ = layered_circuit(case.n, case.layers, data=False)
    program, values = qgeo.compile(circuit), uniform(circuit)
    vector = torch.from_numpy(np.random.default_rng(1).normal(size=len(values))).to(card.device)
    matrix = qgeo.quantum_fisher_operator(
        program, values, method="matrix-free", dtype=case.dtype, device=str(card.device)
    )
    return lambda: float((matrix @ vector).norm())


_CALLS: dict[str, Callable[[Card, Case], Callable[[], float]]] = {
    "energy": _energy,
    "graph": _graph,
    "fisher": _fisher,
    "product": _product,
}


def _to_leave_out(row: Row) -> dict[tuple[str, str, str], str]:
    """JAX's forms that are no longer asked at more qubits: slower than the other one, or out of memory."""
    kind, n, dtype, best = row.case.kind, row.case.n, row.case.dtype, row.best
    found = {}
    for form, timing in row.theirs.items():
        if timing.seconds and best and median(timing.seconds) > SLOWER * median(best.seconds):
            found[kind, dtype, form] = f"slower at n = {n}"
        elif timing.why_not and not timing.why_not.startswith(("slower", "failed")):
            found[kind, dtype, form] = f"failed at n = {n}: {timing.why_not}"
    return found


def _profiled(card: Card, out: Path) -> None:
    """What a gradient and an F_Q at 20 qubits spend their time on, kernel by kernel."""
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if card.is_gpu else [])]
    n, lines = 20 if card.is_gpu else 8, []
    for kind in ("energy", "fisher", "product"):
        for dtype in TYPES:
            call = _CALLS[kind](card, Case(kind, n, dtype))
            call()
            with profile(activities=activities, record_shapes=True) as profiled:
                call()
                card.wait()
            by = "self_device_time_total" if card.is_gpu else "self_cpu_time_total"
            table = profiled.key_averages(group_by_input_shape=True).table(sort_by=by, row_limit=18)
            lines.append(f"{kind} {dtype} n={n}\n{table}")
            card.emptied()
    (out / "profile.txt").write_text("\n".join(lines), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for gpu.json, gpu.md")
    parser.add_argument("--seconds", type=float, default=300, help="after which no row begins")
    parser.add_argument("--qubits", type=int, nargs="+", default=list(QUBITS))
    parser.add_argument("--no-checks", action="store_true", help="times alone")
    parser.add_argument("--profile", action="store_true", help="profile.txt: kernels by time")
    parser.add_argument("--device", default="cuda", help="cpu for a dry run without a GPU")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

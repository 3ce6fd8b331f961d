"""What was measured on a GPU, case by case, and the files it is written to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.gpu_opponent import Timing

KINDS = {
    "energy": "energy and its gradient",
    "graph": "the same as a CUDA graph",
    "fisher": "F_Q",
    "product": "F_Q v",
}


@dataclass(frozen=True)
class Case:
    kind: str
    n: int
    dtype: str

    @property
    def layers(self) -> int:
        """Two; one where the tangents of two do not fit on a card of 80 GB."""
        return 1 if self.kind == "fisher" and self.n >= 24 else 2

    @property
    def parameters(self) -> int:
        return 2 * self.n * self.layers


@dataclass
class Row:
    """What was measured of a case: seconds and bytes, or why not."""

    case: Case
    ours: Timing
    theirs: dict[str, Timing] = field(default_factory=dict)

    @property
    def best(self) -> Timing | None:
        """JAX's faster form."""
        measured = [each for each in self.theirs.values() if each.seconds]
        return min(measured, key=lambda each: median(each.seconds), default=None)


HEADER = (
    "what",
    "n",
    "P",
    "type",
    "qgeo, ms",
    "GiB",
    "JAX, ms (form)",
    "GiB",
    "JAX / qgeo",
    "64 / 128",
    "differ by",
)


def written(out: Path, report: dict[str, Any], rows: list[Row]) -> None:
    plain = [{**asdict(row.case), "layers": row.case.layers, "qgeo": row.ours.plain()} for row in rows]
    for entry, row in zip(plain, rows, strict=True):
        entry["jax"] = {form: timing.plain() for form, timing in row.theirs.items()}
    report["rows"] = plain
    (out / "gpu.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    machine = ", ".join(f"{name} {value}" for name, value in report["machine"].items())
    agree = sum(check["agrees"] for check in report["checks"])
    text = [
        f"{machine}.",
        "",
        f"{agree} of {len(report['checks'])} checks agree with the CPU.",
        "",
        *table(rows),
    ]
    (out / "gpu.md").write_text("\n".join(text) + "\n", encoding="utf-8")


def table(rows: list[Row]) -> list[str]:
    return [_line(HEADER), _line(["---"] * len(HEADER)), *(_line(cells(row, rows)) for row in rows)]


def _line(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"


def cells(row: Row, rows: list[Row]) -> list[str]:
    case, ours, best = row.case, row.ours, row.best
    ratio = f"{best.median / ours.median:.2f}" if best and ours.seconds else "–"
    form = next((name for name, timing in row.theirs.items() if timing is best), "")
    reasons = "; ".join(f"{name}: {timing.why_not}" for name, timing in row.theirs.items())
    theirs = f"{1e3 * best.median:.2f} ({form})" if best else reasons
    differ = f"{abs(best.value / ours.value - 1):.0e}" if best and ours.seconds else "–"
    sizes = [KINDS[case.kind], str(case.n), str(case.parameters), case.dtype]
    memory = [f"{each.peak / 2**30:.2f}" if each else "–" for each in (ours, best)]
    mine = f"{1e3 * ours.median:.2f}" if ours.seconds else str(ours.why_not)
    return [*sizes, mine, memory[0], theirs, memory[1], ratio, _by_type(case, rows), differ]


def _by_type(case: Case, rows: list[Row]) -> str:
    """How many times as long complex64 takes as complex128, in the row of the former."""
    pair = {row.case.dtype: row.ours for row in rows if (row.case.kind, row.case.n) == (case.kind, case.n)}
    if case.dtype != "complex64" or len(pair) < 2 or not all(each.seconds for each in pair.values()):
        return "–"
    return f"{pair['complex64'].median / pair['complex128'].median:.2f}"

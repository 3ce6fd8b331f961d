"""How far F_Q of RY–RZ–CX layers is from what its arithmetic and its memory traffic need on this machine.

    python -m benchmarks.roofline        a JSON line

What is needed is counted from the circuit alone (`needed`). Rates are measured here: real operations a second
from the part of F_Q that grows as P², whatever computes it, and bytes a second of a core's cache.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp

import qgeo
from benchmarks.case import Case
from benchmarks.markdown import section
from benchmarks.ours import mean_quantum_fisher, quantum_fisher
from benchmarks.worker import Call, turn

CASES = tuple(Case("layered", *sizes) for sizes in ((10, 4), (12, 6), (14, 4), (10, 4, 16)))
ROUNDS, TURN_SECONDS = 5, 0.2

FLOPS_A_ROTATION = 8
"""Real operations on an amplitude: c·a ± s·b, s real up to a sign or an i, is two multiplications and two
multiply-adds of real numbers; counted as four multiply-add pairs, which is what a processor issues."""

FLOPS_OF_PHASES = 8
"""The same for one product with a complex phase: a whole row of RZ at once, as strings of Zs commute."""

FLOPS_OF_OVERLAP = 8
"""⟨ψ|∂ψ⟩, an amplitude's complex multiply-add; its outer product is subtracted from a P × P matrix."""

ROTATIONS_A_PASS = 4
"""Sixteen amplitudes of eight tangents fill 32 vector registers of 512 bits: rotations on four qubits
between reading and writing. Phases ride along."""

BYTES_OF_AMPLITUDE = 2 * 16
"""Read and written, complex128."""

TITLE = "Distance from the roofline"
REMARK = (
    "F_Q, complex128. Products of tangents: half of the matrix, by symmetry. Sweeps: tangents enter at their "
    "own row of rotations and move to the row where the least is to do. Roofline: products + the longer of "
    "the sweeps' arithmetic and traffic"
)


@dataclass(frozen=True)
class Needed:
    """Real operations of products and of sweeps, and bytes that sweeps move."""

    gram: float
    sweeps: float
    traffic: float


def needed(case: Case) -> Needed:
    """Counted from the rows of the circuit: RY, RZ, RY, RZ …, n rotations each.

    A tangent of a row is moved through all rows between its own and the frame, of which the cheapest is
    taken; rotations of its own row commute with it. ψ is moved through all rows. CX gates are carried behind
    the rotations and cost nothing.
    """
    amplitudes = max(case.contexts, 1) * 2.0**case.n
    flops, passes = _of_rows(case.n, case.layers)
    ways = [_ways(row, case) for row in range(2 * case.layers + 1)]
    sweep_flops = min(_along(way, flops) for way in ways) + sum(flops)
    sweep_passes = min(_along(way, passes) for way in ways) + sum(passes)
    entries = case.num_parameters  # each tangent is written once, from ψ
    return Needed(
        gram=2.0 * case.num_parameters**2 * amplitudes,  # 4 P² for all entries
        sweeps=(sweep_flops + FLOPS_OF_OVERLAP * entries) * amplitudes,
        traffic=(sweep_passes + entries) * BYTES_OF_AMPLITUDE * amplitudes,
    )


def _of_rows(n: int, layers: int) -> tuple[list[float], list[float]]:
    """Operations on an amplitude, and passes, of every row."""
    flops = [FLOPS_A_ROTATION * n, FLOPS_OF_PHASES] * layers
    passes = [n / ROTATIONS_A_PASS, 0] * layers
    return [float(each) for each in flops], [float(each) for each in passes]


def _ways(frame: int, case: Case) -> list[int]:
    """How many tangents cross each row, if the frame lies before row `frame`."""
    rows = 2 * case.layers
    before = [case.n * row for row in range(rows)]  # those of earlier rows, on their way forward
    after = [case.n * (rows - 1 - row) for row in range(rows)]
    return [before[row] if row < frame else after[row] for row in range(rows)]


def _along(way: list[int], cost: list[float]) -> float:
    return sum(count * each for count, each in zip(way, cost, strict=True))


# --- rates --------------------------------------------------------------------------------------------------


PRODUCTS = ((10, 40), (10, 80), (11, 40))
"""(n, P) at which the rate of products is measured: the best counts. Larger ones leave the cache: 78 Gflop/s
a core at n = 10, P = 128, where these have 100 to 115."""


def best_flop_rate() -> float:
    """The best rate that products of tangents were seen to have."""
    return max(flop_rate(*sizes) for sizes in PRODUCTS)


def flop_rate(n: int, size: int) -> float:
    """Real operations a second of products of tangents: from F_Q with P, 2P and 3P diagonal rotations.

    On one thread, times threads. Their tangents enter and do not move, so that t(P) = a + bP + cP² with the
    products in c alone, and t(3P) − 2 t(2P) + t(P) = 2cP².
    """
    calls, threads = [_diagonal_fisher(n, times * size) for times in (1, 2, 3)], torch.get_num_threads()
    torch.set_num_threads(1)
    once, twice, thrice = (
        min(each) for each in zip(*(_turns(calls) for _ in range(2 * ROUNDS)), strict=True)
    )
    torch.set_num_threads(threads)
    return float(threads * 2.0 * 2 * size**2 * 2**n / (thrice - 2 * twice + once))


def _turns(calls: list[Call]) -> list[float]:
    return [turn(call, TURN_SECONDS / 2) for call in calls]


def _diagonal_fisher(n: int, size: int) -> Call:
    """F_Q of rotations about the first strings of Zs, short ones first."""
    strings = [qubits for width in range(1, n + 1) for qubits in combinations(range(n), width)][:size]
    circuit = QuantumCircuit(n)
    for qubits, angle in zip(strings, ParameterVector("t", size), strict=True):
        circuit.append(PauliEvolutionGate(SparsePauliOp("Z" * len(qubits)), angle), qubits)
    program, values = qgeo.compile(circuit), np.random.default_rng(0).uniform(-3, 3, size)
    return lambda: qgeo.quantum_fisher(program, values)


def cache_rate(numbers: int = 2**15) -> float:
    """Bytes a second, read and written, of every core's second-level cache: 256 KiB in place, on one core."""
    row, times = np.ones(numbers), 50

    def passes() -> None:
        for _ in range(times):
            np.negative(row, out=row)

    seconds = min(turn(passes, TURN_SECONDS) for _ in range(ROUNDS))
    return torch.get_num_threads() * times * 2 * row.nbytes / seconds


# --- the table ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """Milliseconds: needed for products, for the sweeps' arithmetic and for their traffic; and taken."""

    label: str
    gram: float
    sweeps: float
    traffic: float
    taken: float

    @property
    def roofline(self) -> float:
        return self.gram + max(self.sweeps, self.traffic)


def measured(case: Case, flops: float, byte_rate: float) -> Measured:
    call = mean_quantum_fisher(case) if case.contexts else quantum_fisher(case)
    call()
    taken = min(turn(call, TURN_SECONDS) for _ in range(ROUNDS))
    need = needed(case)
    parts = (need.gram / flops, need.sweeps / flops, need.traffic / byte_rate, taken)
    return Measured(case.label, *(1e3 * seconds for seconds in parts))


def roofline_section(found: dict[str, object]) -> list[str]:
    header = [
        "case",
        "products, ms",
        "sweeps, ms",
        "traffic, ms",
        "roofline, ms",
        "measured, ms",
        "measured / roofline",
    ]
    rows = [Measured(**row) for row in found["rows"]]  # type: ignore[attr-defined]
    rates = f"\nRates: {found['flops']:.0f} Gflop/s of the products, {found['bytes']:.0f} GB/s of the caches."
    return [*section(TITLE, REMARK, header, map(_cells, rows)), rates]


def _cells(row: Measured) -> list[str]:
    parts = (row.gram, row.sweeps, row.traffic, row.roofline, row.taken)
    return [row.label, *(f"{each:.3g}" for each in parts), f"{row.taken / row.roofline:.2f}"]


if __name__ == "__main__":
    flops, byte_rate = best_flop_rate(), cache_rate()
    rows = [asdict(measured(case, flops, byte_rate)) for case in CASES]
    print(json.dumps({"flops": flops / 1e9, "bytes": byte_rate / 1e9, "rows": rows}))

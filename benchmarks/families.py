"""F_Q by families of circuits: how many times as long as RY–RZ–CX layers of the same size.

    python -m benchmarks.families        a JSON line: figures of every family at 8 and at 12 qubits

Two references: RY–RZ–CX layers with as many parameters, and with as many Pauli rotations (a parameter of QAOA
or of coupled cluster moves many). A family and both are timed in turns; figures are medians over rounds.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from qiskit import QuantumCircuit

import qgeo
from benchmarks.circuits import family, layered_with, num_rotations
from benchmarks.generators import TITLES
from benchmarks.markdown import section
from benchmarks.worker import Call, turn

QUBITS = (8, 12)
ROUNDS, TURN_SECONDS = 5, 0.05
AIM = 2.0
"""No family should take longer than so many times the reference of as many parameters."""

TITLE = "Families of circuits"
REMARK = (
    "F_Q of one circuit, complex128, warm: milliseconds, and times those of RY–RZ–CX layers with as many "
    "parameters, and with as many Pauli rotations (in rounds: median, range)"
)


@dataclass(frozen=True)
class Family:
    """A name of `circuits.family`, what it is called in a table, and its layers."""

    name: str
    title: str
    layers: int = 4
    least_qubits: int = 2


FAMILIES = (
    Family("ryrzcx", "RY, RZ, CX"),
    Family("ryrzcz", "RY, RZ, CZ"),
    Family("ucx", "U, CX"),
    Family("crx", "RY, CRX"),
    Family("cp", "RY, CP"),
    Family("rxrzz", "RX, RZZ"),
    Family("h", "H, RY, RZ, CX"),
    Family("iqp", "IQP: H, RZ, RZZ"),
    Family("ecr", "native: RZ, SX, ECR"),
    Family("cz", "native: RZ, SX, CZ"),
    Family("qaoa", "QAOA", layers=8),
    Family("maqaoa", "multi-angle QAOA"),
    Family("noncommuting", "non-commuting layers"),
    Family("onenoncommuting", "one non-commuting generator"),
    Family("strings3", TITLES["strings3"]),
    Family("strings4", TITLES["strings4"]),
    Family("strings6", TITLES["strings6"]),
    Family("strings12", TITLES["strings12"], least_qubits=12),
    Family("ucc", TITLES["ucc"], layers=5),
    Family("random", "random gates"),
)


@dataclass(frozen=True)
class Figures:
    """Of a family at one width: median seconds, and ratios to the references by rounds."""

    title: str
    n: int
    parameters: int
    rotations: int
    seconds: float
    by_parameters: list[float]
    by_rotations: list[float]


def measured(which: Family, n: int) -> Figures:
    circuit = family(which.name, n, which.layers)
    parameters, rotations = circuit.num_parameters, num_rotations(circuit)
    references = [layered_with(n, parameters), layered_with(n, rotations)]
    calls = [_fisher(each) for each in (circuit, *references)]
    for call in calls:
        call()
    rounds = [[turn(call, TURN_SECONDS) for call in calls] for _ in range(ROUNDS)]
    return Figures(
        which.title,
        n,
        parameters,
        rotations,
        median(own for own, _, _ in rounds),
        [own / reference for own, reference, _ in rounds],
        [own / reference for own, _, reference in rounds],
    )


def _fisher(circuit: QuantumCircuit) -> Call:
    program = qgeo.compile(circuit)
    values = np.random.default_rng(0).uniform(-np.pi, np.pi, program.num_parameters)
    return lambda: qgeo.quantum_fisher(program, values)


def measured_all() -> list[Figures]:
    found = []
    for n in QUBITS:
        for which in FAMILIES:
            if n >= which.least_qubits:
                found.append(measured(which, n))
                print(f"  {which.title}, n={n}", file=sys.stderr, flush=True)
    return found


# --- table and figure ---------------------------------------------------------------------------------------


def families_section(found: list[Figures]) -> list[str]:
    header = ["family", "n", "P", "rotations", "ms", "× equal P", "× equal rotations"]
    slow = [each for each in found if median(each.by_parameters) > AIM]
    lines = section(TITLE, REMARK, header, map(_cells, found))
    return [
        *lines,
        f"\nAbove {AIM:g} at equal P: {len(slow)} of {len(found)}.\n",
        "![Times of F_Q by families of circuits](families.svg)",
    ]


def _cells(figures: Figures) -> list[str]:
    return [
        figures.title,
        str(figures.n),
        str(figures.parameters),
        str(figures.rotations),
        f"{1e3 * figures.seconds:.3g}",
        _range(figures.by_parameters),
        _range(figures.by_rotations),
    ]


def _range(ratios: list[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def draw_families(found: list[Figures], path: Path) -> None:
    """Two bars a family, one a width, at equal P; the line is at the aim."""
    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.subplots()
    titles = [which.title for which in reversed(FAMILIES)]
    for number, n in enumerate(QUBITS):
        chosen = [each for each in found if each.n == n]
        places = [titles.index(each.title) + 0.2 - 0.4 * number for each in chosen]
        ratios = [median(each.by_parameters) for each in chosen]
        axes.barh(places, ratios, height=0.36, color=f"C{number}", label=f"n = {n}")
    axes.axvline(AIM, color="0.7")
    axes.set_yticks(range(len(titles)), titles)
    axes.set_xscale("log")
    axes.set_xlabel("time of F_Q, in times of RY, RZ, CX layers with as many parameters")
    axes.legend(frameon=False)
    with rc_context({"svg.hashsalt": "families"}):
        figure.savefig(path, metadata={"Date": None})


def parsed(found: list[dict[str, object]]) -> list[Figures]:
    return [Figures(**each) for each in found]  # type: ignore[arg-type]


if __name__ == "__main__":
    print(json.dumps([asdict(each) for each in measured_all()]))

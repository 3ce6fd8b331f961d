"""Error against shots of every estimator, beside qiskit-machine-learning's LinCombQGT: `make bench-shots`.

The circuit: three repetitions of RY, RZ and a CX chain on 4 qubits, 24 parameters. The error: relative
Frobenius distance from the exact matrix that the method aims at (F_Q, its blocks, its diagonal, or F_C),
median over repetitions, against *all* shots of all circuits. Writes estimators.md, with the coverage of error
bars (`coverage_table.py`), and estimators.svg.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

import qgeo
from benchmarks.coverage_table import coverage_section
from benchmarks.opponents.lin_comb_shots import LinCombFromShots
from qgeo.estimators.allocation import VarianceWeighted
from qgeo.estimators.block_diagonal import BlockDiagonalQFI
from qgeo.estimators.diagonal import DiagonalQFI
from qgeo.estimators.estimate import FisherEstimate
from qgeo.estimators.lin_comb import LinCombQFI
from qgeo.estimators.mid_circuit import MidCircuitQFI
from qgeo.estimators.parameter_shift import ParameterShiftQFI
from qgeo.estimators.random_measurement import RandomMeasurementQFI
from qgeo.estimators.repair import bounded, generator_gaps, nearest_positive_semidefinite, shrunk
from qgeo.estimators.sampled_cfi import SampledCFI
from qgeo.estimators.spsa import SPSAQFI
from qgeo.estimators.stein import SteinQFI

HERE = Path(__file__).parent
REPETITIONS = 21
GOAL = 0.1
Matrix = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Method:
    """A method, what it aims at, and the shots per circuit that it is tried with."""

    name: str
    make: Callable[[np.random.Generator], Any]
    aim: str
    shots: tuple[int, ...]
    repetitions: int = REPETITIONS


MANY, FEW = (64, 1024, 16384), (256, 1024, 4096)
METHODS = (
    Method("LinCombQGT (qiskit-ML)", LinCombFromShots, "F_Q", (64, 256, 1024, 4096)),
    Method("lin-comb", lambda g: LinCombQFI(generator=g), "F_Q", (64, 256, 1024, 4096)),
    Method(
        "lin-comb, variance-weighted",
        lambda g: LinCombQFI(generator=g, allocation=VarianceWeighted()),
        "F_Q",
        (64, 256, 1024, 4096),
    ),
    Method("mid-circuit", lambda g: MidCircuitQFI(generator=g), "F_Q", (64, 256, 1024), 11),
    Method("parameter-shift", lambda g: ParameterShiftQFI(generator=g), "F_Q", (16, 64, 256, 1024), 11),
    Method("spsa, 100 pairs, ε = .1", lambda g: SPSAQFI(generator=g), "F_Q", MANY, 11),
    Method(
        "spsa, 100 pairs, ε = .5", lambda g: SPSAQFI(generator=g, spread=0.5), "F_Q", (64, 1024, 16384), 11
    ),
    Method("stein, 200, σ = .1", lambda g: SteinQFI(generator=g, draws=200), "F_Q", MANY, 11),
    Method(
        "stein, 200, σ = .3",
        lambda g: SteinQFI(generator=g, draws=200, spread=0.3),
        "F_Q",
        (64, 1024, 16384),
        11,
    ),
    Method(
        "random-measurement, 20", lambda g: RandomMeasurementQFI(generator=g), "F_Q", (256, 1024, 4096), 5
    ),
    Method("block-diagonal", lambda g: BlockDiagonalQFI(generator=g), "blocks", (64, 256, 1024, 4096)),
    Method("diagonal", lambda g: DiagonalQFI(generator=g), "diagonal", (64, 256, 1024, 4096)),
    Method("sampled-cfi", lambda g: SampledCFI(generator=g), "F_C", (256, 1024, 4096, 16384)),
)


def circuit() -> QuantumCircuit:
    """RY RZ CX-chain, three times, on four qubits."""
    theta, built = iter(ParameterVector("theta", 24)), QuantumCircuit(4)
    for _ in range(3):
        for gate in (built.ry, built.rz):
            for qubit in range(4):
                gate(next(theta), qubit)
        for qubit in range(3):
            built.cx(qubit, qubit + 1)
    return built


def aims(built: QuantumCircuit, values: Matrix) -> dict[str, Matrix]:
    """The exact matrices."""
    exact = qgeo.quantum_fisher(built, values)
    blocks = BlockDiagonalQFI().estimate(built, values, shots=None).matrix
    classical = qgeo.classical_fisher(built, values)
    return {"F_Q": exact, "blocks": blocks, "diagonal": np.diag(exact.diagonal()), "F_C": classical}


@dataclass(frozen=True)
class Row:
    """One method at one number of shots per circuit."""

    method: str
    per_circuit: int
    circuits: int
    total: int
    error: float
    quartiles: tuple[float, float]


def measure(method: Method, built: QuantumCircuit, values: Matrix, aim: Matrix) -> list[Row]:
    """A row per number of shots."""
    rows = []
    for shots in method.shots:
        estimator = method.make(np.random.default_rng(shots))
        estimator.estimate(built, values, shots=shots)  # circuits are made and transpiled once
        errors = []
        for _ in range(method.repetitions):
            found = estimator.estimate(built, values, shots=shots)
            errors.append(np.linalg.norm(found.matrix - aim) / np.linalg.norm(aim))
        low, middle, high = np.quantile(errors, [0.25, 0.5, 0.75])
        rows.append(Row(method.name, shots, found.circuits, found.shots, middle, (low, high)))
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def shots_to_goal(rows: list[Row], goal: float = GOAL) -> float:
    """Total shots at which the median error is `goal`: log-log interpolation, else along 1/√shots from the
    nearest row; infinite where more shots do not help (the error has stopped falling above the goal)."""
    totals, errors = np.array([r.total for r in rows], float), np.array([r.error for r in rows])
    if errors.min() <= goal <= errors.max():
        order = np.argsort(errors)
        return float(np.exp(np.interp(np.log(goal), np.log(errors[order]), np.log(totals[order]))))
    nearest = int(np.argmin(np.abs(np.log(errors / goal))))
    slope = np.log(errors[-2] / errors[-1]) / np.log(totals[-1] / totals[-2])
    if errors.min() > goal and slope < 0.4:
        return np.inf
    return float(totals[nearest] * (errors[nearest] / goal) ** 2)


def repairs(built: QuantumCircuit, values: Matrix, exact: Matrix) -> list[tuple[str, float, float, float]]:
    """Per repair: bias of the trace, norm of the bias, and root mean square error, relative to ‖F‖."""
    estimator, gaps = LinCombQFI(generator=np.random.default_rng(5)), generator_gaps(built, values)
    raw = [estimator.estimate(built, values, shots=128) for _ in range(200)]
    forms: dict[str, Callable[[FisherEstimate], FisherEstimate]] = {
        "raw": lambda e: e,
        "nearest positive semidefinite": nearest_positive_semidefinite,
        "shrunk": shrunk,
        "bounded": lambda e: bounded(e, gaps),
        "shrunk, then nearest positive semidefinite": lambda e: nearest_positive_semidefinite(shrunk(e)),
    }
    scale, found = np.linalg.norm(exact), []
    for name, repair in forms.items():
        errors = np.array([repair(estimate).matrix - exact for estimate in raw])
        bias = errors.mean(0)
        rms = float(np.sqrt((errors**2).sum((1, 2)).mean()) / scale)
        found.append((name, float(np.trace(bias)), float(np.linalg.norm(bias) / scale), rms))
    return found


def bases(built: QuantumCircuit, values: Matrix, exact: Matrix) -> list[tuple[str, float, float]]:
    """Relative error of 800 exact draws per kind of basis, and the part that is sampling noise."""
    found = []
    for kind in ("haar", "clifford", "local"):
        estimator = RandomMeasurementQFI(generator=np.random.default_rng(1), draws=800, bases=kind)
        estimate = estimator.estimate(built, values, shots=None)
        scale = np.linalg.norm(exact)
        noise = float(np.linalg.norm(estimate.stderr) / scale)
        found.append((kind, float(np.linalg.norm(estimate.matrix - exact) / scale), noise))
    return found


def draw(rows: list[Row], path: Path) -> None:
    """Median error against all shots, quartiles as bars."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    markers = "osD^vPX*<>hd8"
    for index, name in enumerate(dict.fromkeys(row.method for row in rows)):
        own = [row for row in rows if row.method == name]
        errors = np.array([row.error for row in own])
        spread = np.abs(np.array([row.quartiles for row in own]).T - errors)
        style = {"marker": markers[index % len(markers)], "color": f"C{index % 10}", "markersize": 4}
        dashes = "--" if index == 0 else "-"
        axes.errorbar([r.total for r in own], errors, yerr=spread, label=name, linestyle=dashes, **style)
    axes.axhline(GOAL, color="0.7", zorder=0)
    axes.set(xscale="log", yscale="log", xlabel="all shots", ylabel="relative Frobenius error (median)")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    with rc_context({"svg.hashsalt": "estimators"}):
        figure.savefig(path, metadata={"Date": None})


def page(rows: list[Row], of_repairs: list[Any], of_bases: list[Any]) -> str:
    """The Markdown page."""
    names = list(dict.fromkeys(row.method for row in rows))
    goals = {name: shots_to_goal([row for row in rows if row.method == name]) for name in names}
    versions = ", ".join(f"{p} {version(p)}" for p in ("qiskit", "qiskit-aer", "qiskit-machine-learning"))
    lines = [
        "# Error against shots",
        "",
        f"Made by `make bench-shots` on {datetime.now(UTC):%Y-%m-%d}: {platform.machine()}, Python "
        f"{platform.python_version()}, {versions}.",
        "",
        __doc__.split("\n", 2)[2].split(" Writes")[0].strip(),
        "",
        "![Error against shots](estimators.svg)",
        "",
        "| method | aim | distinct bindings | shots to 10% | of LinCombQGT's |",
        "|---|---|---|---|---|",
    ]
    reference = goals[names[0]]
    for method in METHODS:
        own = [row for row in rows if row.method == method.name]
        goal = goals[method.name]
        share = f"{goal / reference:.2f}" if method.aim == "F_Q" and np.isfinite(goal) else "–"
        shown = f"{goal:,.0f}" if np.isfinite(goal) else "not reached"
        lines.append(f"| {method.name} | {method.aim} | {own[0].circuits:,} | {shown} | {share} |")
    lines += [
        "",
        "| method | shots per circuit | all shots | median error | quartiles |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.method} | {r.per_circuit:,} | {r.total:,} | {r.error:.4f} | {r.quartiles[0]:.4f}, "
        f"{r.quartiles[1]:.4f} |"
        for r in rows
    ]
    lines += [
        *(
            "",
            "## Repairs",
            "",
            "200 estimates by lin-comb, 128 shots per circuit; norms relative to ‖F_Q‖.",
        ),
        *(
            "",
            "| repair | bias of the trace | norm of the bias | rms error |",
            "|---|---|---|---|",
        ),
        *(f"| {name} | {trace:+.3f} | {bias:.4f} | {rms:.4f} |" for name, trace, bias, rms in of_repairs),
        *("", "## Random bases", "", "800 bases each, exact probabilities; error relative to ‖F_Q‖, and its"),
        *("part that is sampling noise.", "", "| bases | error | sampling noise |", "|---|---|---|"),
        *(f"| {kind} | {error:.3f} | {noise:.3f} |" for kind, error, noise in of_bases),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Everything, in about half an hour."""
    built = circuit()
    values = np.random.default_rng(0).uniform(-np.pi, np.pi, built.num_parameters)
    exact = aims(built, values)
    rows = [row for method in METHODS for row in measure(method, built, values, exact[method.aim])]
    draw(rows, HERE / "estimators.svg")
    text = page(rows, repairs(built, values, exact["F_Q"]), bases(built, values, exact["F_Q"]))
    text += "\n" + "\n".join(coverage_section()) + "\n"
    (HERE / "estimators.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

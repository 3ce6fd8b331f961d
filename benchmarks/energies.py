"""Natural-gradient steps on energies beside those of PennyLane and qiskit-algorithms.

    python -m benchmarks.energies [--only NAME_PART]

Both sides start at the same numbers and take the same steps: energy, gradient, metric, solve, update. An
opponent runs in a process of its own, for as few steps as its speed allows (some take a minute or two); ours
are medians of warm steps, right after it. Times are processor times, which other work on the machine changes
least; run it with OMP_NUM_THREADS=1, so that both sides have one thread. The table has the ratio, and by how
much the energies of all steps differ.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import process_time

import numpy as np
import torch
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp

import qgeo
from benchmarks.circuits import layered_circuit
from benchmarks.processes import measure

WARM_UP, MEASURED = 5, 100
ETA, LAM, TIME_STEP = 0.05, 1e-3, 0.01
"""PennyLane's step and damping; Δτ of imaginary time. The opponents' scripts have the same."""

HEADER = (
    "opponent",
    "circuit",
    "opponent, ms a step",
    "qgeo, ms a step",
    "ratio",
    "energies differ by, steps",
)


@dataclass(frozen=True, eq=False)
class Case:
    """An opponent's script with its words, steps that it takes, and the same of ours.

    Attributes:
        size: (n, layers), which the script is given too; lr, damping: of `NaturalGradient`.
    """

    opponent: str
    script: tuple[str, ...]
    size: tuple[int, int]
    steps: int
    module: Callable[[int, int], qgeo.Expectation]
    lr: float
    damping: float
    metric: str = "quantum"


# --- energies -----------------------------------------------------------------------------------------------


def ising_of_layers(n: int, layers: int) -> qgeo.Expectation:
    """RY–RZ–CX layers at random numbers."""
    circuit, _ = layered_circuit(n, layers, data=False)
    return qgeo.Expectation(circuit, ising(n), values=uniform(circuit))


def ising_of_efficient_su2(n: int, reps: int) -> qgeo.Expectation:
    """`efficient_su2` at random numbers."""
    circuit = efficient_su2(n, reps=reps)
    return qgeo.Expectation(circuit, ising(n), values=uniform(circuit))


def documented(n: int, reps: int) -> qgeo.Expectation:
    """The two-qubit case of `VarQITE`'s documentation."""
    circuit = efficient_su2(n, reps=reps)
    weights = [0.2252, 0.5716, 0.3435, -0.4347, 0.091, 0.091]
    hamiltonian = SparsePauliOp(["II", "ZZ", "IZ", "ZI", "YY", "XX"], weights)
    return qgeo.Expectation(circuit, hamiltonian, values=np.full(circuit.num_parameters, np.pi / 2))


def uniform(circuit: QuantumCircuit) -> np.ndarray:
    """Angles in [−π, π)."""
    values: np.ndarray = np.random.default_rng(0).uniform(-np.pi, np.pi, circuit.num_parameters)
    return values


def ising(n: int) -> SparsePauliOp:
    """−Σ Z_q Z_{q+1} − Σ X_q."""
    chain = [("ZZ", [q, q + 1], -1.0) for q in range(n - 1)]
    return SparsePauliOp.from_sparse_list(chain + [("X", [q], -1.0) for q in range(n)], n)


# --- cases --------------------------------------------------------------------------------------------------


def _pennylane(name: str, word: str, metric: str, steps: tuple[int, int]) -> list[Case]:
    """At 8 and at 10 qubits."""
    script = ("pennylane_energy.py", word)
    return [
        Case(f"QNGOptimizer, {name}", script, size, count, ising_of_layers, 4 * ETA, 4 * LAM, metric)
        for size, count in zip(((8, 4), (10, 4)), steps, strict=True)
    ]


_VARQITE = ("varqite_energy.py",)
CASES = (
    Case("VarQITE", _VARQITE, (2, 1), 100, documented, 2 * TIME_STEP, 0.0),
    Case("VarQITE", _VARQITE, (6, 2), 20, ising_of_efficient_su2, 2 * TIME_STEP, 4e-3),
    *_pennylane('"diag"', "diag", "quantum-diagonal", (10, 10)),
    *_pennylane('"block-diag"', "block-diag", "quantum-block-diagonal", (10, 10)),
    *_pennylane("adjoint_metric_tensor", "adjoint", "quantum", (1, 1)),
    *_pennylane("approx=None", "full", "quantum", (1, 1)),
)


# --- measurements -------------------------------------------------------------------------------------------


def natural_steps(case: Case) -> tuple[float, list[float]]:
    """Median seconds of a warm step; energies before each step."""
    module, times, energies = case.module(*case.size), [], []
    optimizer = qgeo.NaturalGradient(module, metric=case.metric, lr=case.lr, damping=case.damping)
    for _ in range(WARM_UP + max(MEASURED, case.steps)):
        started = process_time()
        optimizer.zero_grad()
        energy = module().sum()
        energy.backward()
        optimizer.step()
        times.append(process_time() - started)
        energies.append(energy.item())
    return median(times[WARM_UP:]), energies


def row(case: Case) -> list[str]:
    """A line of the table."""
    script, *words = case.script
    label = f"n={case.size[0]}, P={case.module(*case.size).values.numel()}"
    sizes = [str(number) for number in (*case.size, case.steps)]
    theirs = measure([f"benchmarks/opponents/{script}", *words, *sizes])
    if isinstance(theirs, str):
        return [case.opponent, label, theirs, "", "", ""]
    seconds, energies = natural_steps(case)
    reached = np.array(theirs["energies"])
    apart = np.abs(reached - energies[: len(reached)]).max()
    figures = [f"{1e3 * theirs['median']:,.0f}", f"{1e3 * seconds:.2f}", f"{theirs['median'] / seconds:,.0f}"]
    return [case.opponent, label, *figures, f"{apart:.0e}, {case.steps}"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.energies")
    parser.add_argument("--only", default="", help="opponents whose name contains this")
    wanted = parser.parse_args().only.lower()
    torch.set_num_threads(1)
    for cells in (HEADER, ["---"] * len(HEADER)):
        print("| " + " | ".join(cells) + " |")
    for case in CASES:
        if wanted in case.opponent.lower():
            print("| " + " | ".join(row(case)) + " |", flush=True)


if __name__ == "__main__":
    main()

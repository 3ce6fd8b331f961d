"""`qgeo fisher` in a terminal: a circuit file and values in, a matrix with its cost out."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qgeo.system import memory_bytes
from qgeo.terminal.circuit_file import CircuitSource
from qgeo.terminal.console import tables
from qgeo.terminal.fisher_estimate import (
    EXACT,
    FisherOptions,
    check_options,
    estimated_report,
    information_kind,
    method_kind,
)

_WIDEST_PRINTED = 12
"""Columns that fit a terminal."""
_MOST_FLAGGED = 6
"""Entries that are named; more do not fit a line."""


def fisher_report(
    path: Path, values: Path | None, seed: int | None, options: FisherOptions, *, parametrize: bool = False
) -> dict[str, Any]:
    """The content of `qgeo fisher --json`: parameters, matrix, stderr (None for exact), method, cost; of an
    estimate also `flagged`, which entries' bias may exceed their standard error; `fisher` where --fisher
    was given, `values` where --parametrize was.

    Raises:
        ConfigurationError: an unknown method or backend, options that do not go together; none or both of
            values and seed.
        CircuitError, ShapeError: a file that holds no such circuit (or too large a one), or no such values.
    """
    check_options(options)
    given = CircuitSource(path, values, seed, parametrize).load()
    if information_kind(options) != "classical":
        given = given.unmeasured()
    compute = _exact if options.method == EXACT else estimated_report
    report = compute(given.circuit, given.values, options)
    given.print_notes()
    return report | {"values": given.values.tolist()} if parametrize else report


def print_fisher(report: dict[str, Any]) -> None:
    """The matrix where it fits, its standard errors, its eigenvalues, its cost."""
    console, matrix, names = tables(), np.array(report["matrix"]), report["parameters"]
    kind, size = report.get("fisher") or method_kind(report["method"]), f"{len(names)} × {len(names)}"
    console.print(f"{kind} Fisher information, {size}, method {report['method']}")
    if len(names) <= _WIDEST_PRINTED:
        _print_matrix(names, matrix)
    if report["stderr"] is not None and len(names):
        errors = np.array(report["stderr"])
        relative = float(np.linalg.norm(errors)) / max(float(np.linalg.norm(matrix)), 1e-300)
        console.print(
            f"standard errors: mean {errors.mean():.3g}, largest {errors.max():.3g}, "
            f"relative Frobenius {relative:.3g} (shot noise alone, not a device's errors)",
            soft_wrap=True,
        )
    _print_flagged(names, np.array(report.get("flagged", []), dtype=bool))
    if names:
        spectrum = np.linalg.eigvalsh(matrix)[::-1]
        shown = " ".join(f"{value:.6g}" for value in spectrum[:_WIDEST_PRINTED])
        more = " …" if len(spectrum) > _WIDEST_PRINTED else ""
        console.print(f"eigenvalues: {shown}{more}; trace {matrix.trace():.6f}", soft_wrap=True)
    cost = report["cost"]
    ran = f"{cost['circuits']:,} circuits, {cost['shots']:,} shots, " if cost["circuits"] else ""
    console.print(f"{ran}{cost['seconds']:.3f} s; --json prints every entry")


def _print_flagged(names: list[str], flagged: NDArray[np.bool_]) -> None:
    if not flagged.any():
        return
    entries = np.argwhere(np.triu(flagged)).tolist()
    shown = ", ".join(f"({names[i]}, {names[j]})" for i, j in entries[:_MOST_FLAGGED])
    more = " …" if len(entries) > _MOST_FLAGGED else ""
    tables().print(
        f"flagged, as their bias may exceed their standard error: {shown}{more}; take more shots, or a "
        "smaller spread",
        soft_wrap=True,
    )


def _print_matrix(names: list[str], matrix: NDArray[np.float64]) -> None:
    console, width = tables(), max([10, *map(len, names)])
    console.print(" " * width + "".join(f"{name:>{width + 1}}" for name in names), soft_wrap=True)
    for name, row in zip(names, matrix, strict=True):
        cells = "".join(f"{value:>{width + 1}.6f}" for value in row)
        console.print(f"{name:<{width}}{cells}", soft_wrap=True)


def _exact(circuit: QuantumCircuit, values: NDArray[np.float64], options: FisherOptions) -> dict[str, Any]:
    from qgeo.circuit.compiler import compile
    from qgeo.geometry.exact import classical_fisher, quantum_fisher

    started = perf_counter()
    fisher = classical_fisher if information_kind(options) == "classical" else quantum_fisher
    matrix = fisher(compile(circuit), values, memory_budget=_memory_budget())
    report = {
        "parameters": [parameter.name for parameter in circuit.parameters],
        "matrix": matrix.tolist(),
        "stderr": None,
        "method": "exact",
        "cost": {"circuits": 0, "shots": 0, "seconds": perf_counter() - started},
    }
    return report if options.fisher is None else report | {"fisher": options.fisher}


def _memory_budget() -> int:
    """Three quarters of this machine's memory."""
    return memory_bytes() * 3 // 4

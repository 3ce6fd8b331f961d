"""`qgeo fisher` in a terminal: a circuit file and values in, a matrix with its cost out."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qgeo.array_files import array_bytes
from qgeo.errors import ConfigurationError
from qgeo.geometry.spectra import rank
from qgeo.system import memory_bytes
from qgeo.terminal.circuit_file import CircuitAtValues, CircuitSource
from qgeo.terminal.console import check_new_file, tables, write_new_file
from qgeo.terminal.fisher_estimate import (
    EXACT,
    FisherOptions,
    check_options,
    estimated_report,
    information_kind,
    method_kind,
)
from qgeo.terminal.progress import saying
from qgeo.terminal.spectrum import print_spectrum, spectrum_report

_WIDEST_PRINTED = 12
"""Columns that fit a terminal."""
_MOST_FLAGGED = 6
"""Entries that are named; more do not fit a line."""


def fisher_report(
    path: Path, values: Path | None, seed: int | None, options: FisherOptions, *, parametrize: bool = False
) -> dict[str, Any]:
    """The content of `qgeo fisher --json`: parameters, matrix, stderr (None for exact), method, cost; of an
    estimate also `flagged`, which entries' bias may exceed their standard error; what the spectrum says
    (`spectrum.py`); `classical`, F_C beside an exact F_Q; `values`; `fisher` where --fisher was given.

    Raises:
        ConfigurationError: an unknown method or backend, options that do not go together; none or both of
            values and seed.
        CircuitError, ShapeError: a file that holds no such circuit (or too large a one), or no such values.
    """
    check_options(options)
    loaded = CircuitSource(path, values, seed, parametrize).load()
    is_quantum = information_kind(options) != "classical"
    given = loaded.unmeasured() if is_quantum else loaded
    if options.method == EXACT:
        with saying("computing"):
            report = _exact(given.circuit, given.values, options) | (_beside(loaded) if is_quantum else {})
    else:
        report = estimated_report(given.circuit, given.values, options)
    report |= spectrum_report(report["parameters"], _square(report["matrix"]))
    given.print_notes()
    return report | {"values": given.values.tolist()}


def print_fisher(report: dict[str, Any]) -> None:
    """The matrix where it fits, its standard errors, its eigenvalues, its cost."""
    console, matrix, names = tables(), _square(report["matrix"]), report["parameters"]
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
        print_spectrum(report)
    if names and "classical" in report:
        _print_kept(matrix, _square(report["classical"]))
    cost = report["cost"]
    ran = f"{cost['circuits']:,} circuits, {cost['shots']:,} shots, " if cost["circuits"] else ""
    console.print(f"{ran}{cost['seconds']:.3f} s; --json prints every entry")


def check_out(path: Path) -> None:
    """Before anything is computed.

    Raises:
        ConfigurationError: an ending that no form has, a file that exists, or a folder that does not.
    """
    if path.suffix not in _FORMS:
        raise ConfigurationError(
            f"expected --out to end in {', '.join(_FORMS)}, got {path}; name a file such as F.npz"
        )
    check_new_file(path)


def write_fisher(report: dict[str, Any], path: Path) -> None:
    """Write a report: .json all of it, .csv the matrix under its parameters' names, .npz arrays.

    Raises:
        ConfigurationError: see `check_out`; or the file cannot be written.
    """
    check_out(path)
    write_new_file(path, _FORMS[path.suffix](report))


def _as_json(report: dict[str, Any]) -> bytes:
    return (json.dumps(report, indent=1) + "\n").encode()


def _as_csv(report: dict[str, Any]) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["", *report["parameters"]])
    rows.writerows([name, *row] for name, row in zip(report["parameters"], report["matrix"], strict=True))
    return text.getvalue().encode()


def _as_arrays(report: dict[str, Any]) -> bytes:
    """Named as in the report; those that it has."""
    names = ("matrix", "stderr", "classical", "values", "eigenvalues")
    arrays = {name: np.array(report[name]) for name in names if report.get(name) is not None}
    return array_bytes(arrays | {"parameters": np.array(report["parameters"], dtype=str)})


_FORMS = {".json": _as_json, ".csv": _as_csv, ".npz": _as_arrays}


def _square(rows: list[list[float]]) -> NDArray[np.float64]:
    """Also of no parameters."""
    return np.array(rows, dtype=float).reshape(len(rows), len(rows))


def _print_kept(quantum: NDArray[np.float64], classical: NDArray[np.float64]) -> None:
    """What the measurement keeps of F_Q."""
    of_state, of_outcomes = float(np.trace(quantum)), float(np.trace(classical))
    share = f", {of_outcomes / of_state:.1%} of that of F_Q" if of_state > 0 else ""
    tables().print(
        f"F_C of the outcomes: trace {of_outcomes:.6f}{share}; rank {rank(classical)}", soft_wrap=True
    )


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


def _beside(given: CircuitAtValues) -> dict[str, Any]:
    """F_C of the bits that are measured, beside F_Q; nothing where only F_Q fits into the memory."""
    from qgeo.geometry.exact import classical_fisher

    try:
        matrix = classical_fisher(given.circuit, given.values, memory_budget=_memory_budget())
    except ConfigurationError:
        return {}
    return {"classical": matrix.tolist()}


def _memory_budget() -> int:
    """Three quarters of this machine's memory."""
    return memory_bytes() * 3 // 4

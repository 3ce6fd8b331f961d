"""`qgeo fisher` in a terminal: a circuit file and values in, a matrix with its cost out."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from qgeo.circuit.qasm import load_qasm
from qgeo.errors import ConfigurationError, ShapeError
from qgeo.terminal.console import messages, tables

METHODS = ("exact",)
_WIDEST_PRINTED = 12


def fisher_report(path: Path, values: Path | None, seed: int | None, method: str) -> dict[str, Any]:
    """The content of `qgeo fisher --json`: parameters, matrix, stderr (None for exact), method, cost.

    Raises:
        ConfigurationError: an unknown method; none or both of values and seed.
        CircuitError, ShapeError: a file that holds no such circuit (or too large a one), or no such values.
    """
    if method not in METHODS:
        raise ConfigurationError(f"expected a method of {', '.join(METHODS)}, got {method!r}")
    if (values is None) == (seed is None):
        raise ConfigurationError("expected one of --values FILE and --random SEED; give exactly one")
    if seed is not None and seed < 0:
        raise ConfigurationError(f"expected a seed of 0 or more for --random, got {seed}")
    loaded = load_qasm(path)
    if loaded.warning:
        messages().print(f"warning: {loaded.warning}", soft_wrap=True)
    names = [parameter.name for parameter in loaded.circuit.parameters]
    chosen = random_values(len(names), seed) if values is None else read_values(values, names)
    return _exact(loaded.circuit, chosen)


def random_values(count: int, seed: int | None) -> NDArray[np.float64]:
    """Uniform in (−π, π) from `numpy.random.default_rng(seed)`."""
    return np.random.default_rng(seed).uniform(-np.pi, np.pi, count)


def read_values(path: Path, names: list[str]) -> NDArray[np.float64]:
    """One number per line in parameter order, or `name,value` lines in any order, or a .npy array.

    Raises:
        ShapeError: no such file, another count, a line that is no number, an unknown or repeated name.
    """
    if path.suffix == ".npy":
        return _read_npy(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ShapeError(f"expected a text file of values at {path}: {reason}") from None
    rows = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if any("," in line for _, line in rows):
        return _named(rows, names)
    if len(rows) != len(names):
        raise ShapeError(_wrong_count(names, len(rows)))
    return np.array([_number(line, number) for number, line in rows])


def print_fisher(report: dict[str, Any]) -> None:
    """The matrix where it fits, its eigenvalues, its cost."""
    console, matrix = tables(), np.array(report["matrix"])
    names = report["parameters"]
    console.print(f"quantum Fisher information, {len(names)} × {len(names)}, method {report['method']}")
    if len(names) <= _WIDEST_PRINTED:
        width = max([10, *map(len, names)])
        console.print(" " * width + "".join(f"{name:>{width + 1}}" for name in names), soft_wrap=True)
        for name, row in zip(names, matrix, strict=True):
            cells = "".join(f"{value:>{width + 1}.6f}" for value in row)
            console.print(f"{name:<{width}}{cells}", soft_wrap=True)
    if names:
        spectrum = np.linalg.eigvalsh(matrix)[::-1]
        shown = " ".join(f"{value:.6g}" for value in spectrum[:_WIDEST_PRINTED])
        more = " …" if len(spectrum) > _WIDEST_PRINTED else ""
        console.print(f"eigenvalues: {shown}{more}; trace {matrix.trace():.6f}", soft_wrap=True)
    console.print(f"{report['cost']['seconds']:.3f} s; --json prints every entry")


def _exact(circuit: Any, values: NDArray[np.float64]) -> dict[str, Any]:
    from qgeo.circuit.compiler import compile
    from qgeo.geometry.exact import quantum_fisher

    started = perf_counter()
    matrix = quantum_fisher(compile(circuit), values, memory_budget=_memory_budget())
    return {
        "parameters": [parameter.name for parameter in circuit.parameters],
        "matrix": matrix.tolist(),
        "stderr": None,
        "method": "exact",
        "cost": {"circuits": 0, "shots": 0, "seconds": perf_counter() - started},
    }


def _memory_budget() -> int:
    """Three quarters of this machine's memory, or the library's default where the system does not tell."""
    from qgeo.geometry.request import MEMORY_BUDGET

    if not hasattr(os, "sysconf"):  # Windows
        return MEMORY_BUDGET
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 3 // 4


def _read_npy(path: Path) -> NDArray[np.float64]:
    try:
        content = np.load(BytesIO(path.read_bytes()), allow_pickle=False)
    except (OSError, ValueError, EOFError, BadZipFile):
        content = None
    if not isinstance(content, np.ndarray) or content.dtype.kind not in "fiu" or content.ndim != 1:
        problem = "found none" if not path.exists() else "got another file"
        raise ShapeError(
            f"expected a .npy file of a vector of real numbers at {path}, {problem}; save it with numpy.save"
        )
    return content.astype(float)


def _named(rows: list[tuple[int, str]], names: list[str]) -> NDArray[np.float64]:
    found: dict[str, float] = {}
    for number, line in rows:
        name, _, value = (part.strip() for part in line.rpartition(","))
        if name not in names or name in found:
            problem = "a name given twice" if name in found else "an unknown name"
            raise ShapeError(
                f"expected name,value for {_span(names)}, got {problem} on line {number}: {name!r}"
            )
        found[name] = _number(value, number)
    missing = [name for name in names if name not in found]
    if missing:
        raise ShapeError(f"expected a value for every parameter, got none for {', '.join(missing[:8])}")
    return np.array([found[name] for name in names])


def _number(text: str, line: int) -> float:
    try:
        return float(text)
    except ValueError:
        raise ShapeError(f"expected a number on line {line} of --values, got {text[:40]!r}") from None


def _wrong_count(names: list[str], got: int) -> str:
    return (
        f"expected {len(names)} values for {_span(names)}, got {got}; "
        "pass one value per line in --values, or use --random SEED"
    )


def _span(names: list[str]) -> str:
    return ", ".join(names) if len(names) < 5 else f"{names[0]} … {names[-1]}"

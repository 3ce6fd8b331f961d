"""Numbers for a circuit's parameters, from a file or from a seed."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from qgeo.circuit.qasm_read import original_name
from qgeo.errors import ShapeError


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
    numbers: dict[str, float] = {}
    for number, line in rows:
        written, _, value = (part.strip() for part in line.rpartition(","))
        name = written if written in names else original_name(written)  # as the circuit's file may call it
        if name not in names or name in numbers:
            problem = "a name given twice" if name in numbers else "an unknown name"
            raise ShapeError(
                f"expected name,value for {_span(names)}, got {problem} on line {number}: {name!r}"
            )
        numbers[name] = _number(value, number)
    missing = [name for name in names if name not in numbers]
    if missing:
        raise ShapeError(f"expected a value for every parameter, got none for {', '.join(missing[:8])}")
    return np.array([numbers[name] for name in names])


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

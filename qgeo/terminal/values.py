"""Numbers for a circuit's parameters, from a file or from a seed."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qgeo.circuit.qasm.read import original_name
from qgeo.errors import ShapeError

_MOST_BYTES = 2**26  # of a file of values, chosen: eight million numbers


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
        lines = _content(path).decode("utf-8-sig").splitlines()
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
        vector = _vector(_content(path))
    except (OSError, ValueError, EOFError):
        vector = None
    if vector is None:
        problem = "found none" if not path.exists() else "got another file"
        raise ShapeError(
            f"expected a .npy file of a vector of real numbers at {path}, {problem}; save it with numpy.save"
        )
    return vector.astype(float)


def _content(path: Path) -> bytes:
    """The bytes of a file of values.

    Raises:
        ShapeError: it is too large for one.
    """
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ShapeError(f"expected at most {_MOST_BYTES:,} bytes of values at {path}, got more")
    return content


def _vector(content: bytes) -> NDArray[Any] | None:
    """The real vector in the content of a .npy file, if it is one; its header is held against its size."""
    stream = BytesIO(content)
    old = np.lib.format.read_magic(stream) == (1, 0)
    read = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    fits = len(shape) == 1 and shape[0] * dtype.itemsize == len(content) - stream.tell()
    if dtype.kind not in "fiu" or not fits:
        return None
    return np.frombuffer(content, dtype, offset=stream.tell())


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

"""Numbers for a circuit's parameters, from a file or from a seed."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qgeo.circuit.qasm.read import original_name
from qgeo.errors import ShapeError

_NPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"  # how files of numpy.save and numpy.savez begin
_MOST_BYTES = 2**26  # of a file of values, chosen: eight million numbers


def random_values(count: int, seed: int | None) -> NDArray[np.float64]:
    """Uniform in (−π, π) from `numpy.random.default_rng(seed)`."""
    return np.random.default_rng(seed).uniform(-np.pi, np.pi, count)


def read_values(path: Path, names: list[str]) -> NDArray[np.float64]:
    """Numbers in parameter order, by lines or commas, or `name,value` lines in any order, or a .npy
    array, whatever it is called.

    Raises:
        ShapeError: no such file, another kind of file, another count, a line that is no number, an unknown or
            repeated name.
    """
    try:
        content = _content(path)
    except OSError as error:
        kind = "a .npy file of a vector of real numbers" if path.suffix == ".npy" else "a text file of values"
        problem = "found none" if isinstance(error, FileNotFoundError) else error.strerror
        raise ShapeError(f"expected {kind} at {path}: {problem}; check the path") from None
    if path.suffix == ".npy" or content.startswith(_NPY):
        return _from_npy(content, path)
    return _from_text(_decoded(content, path), names)


def _from_npy(content: bytes, path: Path) -> NDArray[np.float64]:
    try:
        vector = _vector(content)
    except (ValueError, EOFError):
        vector = None
    if vector is None:
        raise ShapeError(
            f"expected a .npy file of a vector of real numbers at {path}, got another file; save it with "
            "numpy.save"
        )
    return vector.astype(float)


def _decoded(content: bytes, path: Path) -> str:
    kind = "an archive such as .npz" if content.startswith(_ZIP) else "a binary file"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ShapeError(
            f"expected a text file of values at {path}, got {kind}; write one number per line, or save one "
            "vector with numpy.save as .npy"
        )
    return text


def _from_text(text: str, names: list[str]) -> NDArray[np.float64]:
    rows = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    numbers = [_numbers(line) for _, line in rows]
    if any("," in line for _, line in rows) and None in numbers:
        return _named(rows, names)
    pairs = zip(rows, numbers, strict=True)
    plain = [found or [_number(line, place)] for (place, line), found in pairs]
    flat = [number for row in plain for number in row]
    if len(flat) != len(names):
        raise ShapeError(_wrong_count(names, len(flat)))
    return np.array(flat)


def _numbers(line: str) -> list[float] | None:
    """The numbers of a line that holds nothing else, with commas between them."""
    try:
        return [float(cell) for cell in line.removesuffix(",").split(",")]
    except ValueError:
        return None


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
            problem = "a name given twice" if name in numbers else "an unknown name" if name else "no name"
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

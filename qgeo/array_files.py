"""Arrays in .npz files: what is read is what was expected, and nothing is believed before it is checked.

A header may claim terabytes, a compressed member unpack to them, an array hold pickled objects. So whoever
reads says what must be there (`ArraySpec`); names, types and shapes are compared, and no more bytes are
unpacked than those take, before an array is made.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from qgeo.files import Storage

_HEADER_BYTES = 20_000
"""Of an array's header at most; numpy's own limit is 10,000 characters."""

_MEMBER_BYTES = 1_000
"""Of a member of an archive beside its content: names, sizes, a little growth of what does not compress."""


@dataclass(frozen=True)
class ArraySpec:
    """An array that is expected; None as a length allows any."""

    shape: tuple[int | None, ...]
    dtype: DTypeLike

    @property
    def size(self) -> int:
        """Numbers in it, where all lengths are known."""
        return math.prod(length or 0 for length in self.shape)

    def fits(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
        """Whether an array of this shape and type is the expected one."""
        lengths = zip(shape, self.shape, strict=False)
        return (
            dtype == np.dtype(self.dtype)
            and len(shape) == len(self.shape)
            and all(wanted in (None, length) for length, wanted in lengths)
        )

    def __str__(self) -> str:
        lengths = ", ".join("any" if length is None else str(length) for length in self.shape)
        return f"({lengths}) of {np.dtype(self.dtype)}"


Arrays = dict[str, NDArray[Any]]


class _ForeignError(Exception):
    """An archive that holds something else than was expected; the message says what."""


def size_of(specs: Mapping[str, ArraySpec]) -> int:
    """Bytes of arrays whose lengths are all known."""
    return sum(spec.size * np.dtype(spec.dtype).itemsize for spec in specs.values())


def archive_overhead(specs: Mapping[str, ArraySpec]) -> int:
    """Bytes that an archive takes beside its arrays, at most."""
    return _MEMBER_BYTES * (len(specs) + 1)


def array_bytes(arrays: Mapping[str, NDArray[Any]], *, compressed: bool = True) -> bytes:
    """The content of an .npz file."""
    buffer = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    (np.savez_compressed if compressed else np.savez)(buffer, **named)
    return buffer.getvalue()


def read_arrays(
    storage: Storage,
    path: Path,
    expected: Mapping[str, ArraySpec],
    *,
    most: int,
    advice: str | None = None,
) -> Arrays:
    """The arrays of an .npz file, if they are those expected.

    Args:
        most: bytes that they may take together.
        advice: what to do about a damaged file.

    Raises:
        the storage's error: the file is missing, damaged, or holds other arrays; nothing larger than `most`
            is read or unpacked.
    """
    content = storage.read_bytes(path, most + archive_overhead(expected), advice)
    return parsed_arrays(storage, path, content, expected, most=most, advice=advice)


def parsed_arrays(
    storage: Storage,
    path: Path,
    content: bytes,
    expected: Mapping[str, ArraySpec],
    *,
    most: int,
    advice: str | None = None,
) -> Arrays:
    """The arrays in the content of an .npz file; see `read_arrays`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _unpacked(archive, expected, most)
    except _ForeignError as error:
        raise storage.damaged(path, str(error), advice) from None
    except Exception as error:  # zipfile and numpy raise a dozen kinds on strange bytes
        reason = f"expected arrays, got a damaged file ({type(error).__name__})"
        raise storage.damaged(path, reason, advice) from None


def _unpacked(archive: zipfile.ZipFile, expected: Mapping[str, ArraySpec], most: int) -> Arrays:
    names = [name.removesuffix(".npy") for name in archive.namelist()]
    if sorted(names) != sorted(expected):
        raise _ForeignError(f"expected {len(expected)} arrays {_listed(expected)}, got {_listed(names)}")
    arrays: Arrays = {}
    for name, spec in expected.items():
        arrays[name] = _array(archive, name, spec, most)
        most -= arrays[name].nbytes
    return arrays


def _array(archive: zipfile.ZipFile, name: str, spec: ArraySpec, most: int) -> NDArray[Any]:
    with archive.open(f"{name}.npy") as member:
        content = member.read(most + _HEADER_BYTES + 1)
    stream = io.BytesIO(content)
    shape, in_columns, dtype = _header(stream)
    if not spec.fits(shape, dtype):
        raise _ForeignError(f"expected array {name} to be {spec}, got {ArraySpec(shape, dtype)}")
    size = math.prod(shape) * dtype.itemsize
    data = content[stream.tell() :]
    if len(data) != size or size > most:
        raise _ForeignError(f"expected {min(size, most):,} bytes of array {name}, got another number")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if in_columns else "C").copy()


def _header(stream: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, in_columns, dtype = read(stream)
    if dtype.hasobject or min(shape, default=0) < 0:
        raise _ForeignError("expected numbers, got objects or negative lengths")
    return shape, in_columns, dtype


def _listed(names: Any) -> str:
    names = sorted(names)
    return ", ".join(names) if len(names) <= 4 else f"{names[0]} … {names[-1]} ({len(names)} in all)"

"""What can happen to a file: one table for ledgers and run folders; a command that must end in a sentence."""

from __future__ import annotations

import io
import os
import signal
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from qgeo.cli import run

Damage = Callable[[Path], None]


def content(change: Callable[[bytes], bytes]) -> Damage:
    return lambda path: path.write_bytes(change(path.read_bytes()))


def replaced(make: Damage) -> Damage:
    """Something else under the name."""

    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


def flipped(whole: bytes, place: int) -> bytes:
    """One bit is another."""
    return whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(5 * 2**30)


WHOLE: dict[str, Damage] = {
    "missing": Path.unlink,
    "empty": content(lambda _: b""),
    "cut": content(lambda whole: whole[: len(whole) // 2]),
    "flipped": content(lambda whole: flipped(whole, len(whole) // 4) if whole else b"x"),
    "junk": content(lambda _: bytes(range(256)) * 4),
    "no UTF-8": content(lambda whole: whole.replace(b'"', b'"\xff', 1)[:-1] + b"\xfe"),
    "byte order mark": content(lambda whole: b"\xef\xbb\xbf" + whole),
    "deep": content(lambda _: b"[" * 200_000),
    "deep objects": content(lambda _: b'{"a":' * 100_000),
    "number": content(lambda _: b"3"),
    "huge number": content(lambda _: b"9" * 5000),
    "no number": content(lambda _: b"NaN"),
    "list": content(lambda _: b"[]"),
    "object": content(lambda _: b"{}"),
    "pipe": replaced(os.mkfifo),
    "folder": replaced(Path.mkdir),
    "ring of links": replaced(lambda path: path.symlink_to(path.name)),
    "device": replaced(lambda path: path.symlink_to("/dev/zero")),
    "five gigabytes": sparse,
}


def header(shape: str, body: bytes = b"") -> bytes:
    """An array whose header says so."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


def archived(make: Callable[[dict[str, np.ndarray]], dict[str, bytes | np.ndarray]]) -> Damage:
    """Other members in an archive of arrays."""

    def damage(path: Path) -> None:
        with np.load(path) as arrays:
            members = make({name: arrays[name] for name in arrays.files})
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, member in members.items():
                archive.writestr(f"{name}.npy", member if isinstance(member, bytes) else saved(member))
        path.write_bytes(buffer.getvalue())

    return damage


def saved(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def first_changed(change: Callable[[np.ndarray], np.ndarray]) -> Damage:
    def make(arrays):
        name = min(arrays)
        return arrays | {name: change(arrays[name])}

    return archived(make)


ARRAYS: dict[str, Damage] = {
    "terabytes": archived(lambda arrays: dict.fromkeys(arrays, header("(1000000000000, 2)", bytes(8)))),
    "bomb": archived(lambda arrays: dict.fromkeys(arrays, bytes(10**7))),
    "objects": first_changed(lambda _: np.array([{}], dtype=object)),
    "other type": first_changed(lambda array: array.astype(np.float32)),
    "other shape": first_changed(lambda array: array[..., None]),
    "other numbers": first_changed(lambda array: np.ones_like(array)),
    "no numbers": first_changed(lambda array: np.full(array.shape, np.nan)),
    "one more": archived(lambda arrays: arrays | {"zzz": np.zeros(3)}),
    "one less": archived(lambda arrays: {name: arrays[name] for name in sorted(arrays)[1:]}),
    "other names": archived(lambda arrays: {f"x{name}": array for name, array in arrays.items()}),
}


def damages_of(path: Path) -> dict[str, Damage]:
    return WHOLE | (ARRAYS if path.suffix == ".npz" else {})


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Whatever hangs is a failure."""

    def too_long(*_: object) -> None:
        raise AssertionError(f"expected an end within {seconds} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def ended(capsys, *arguments: object) -> tuple[int, str]:
    """A command that ends within seconds: with 0, or with 2 and one sentence. Status and standard output."""
    capsys.readouterr()
    with within(20):
        status = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    *before, last = captured.err.splitlines() or [""]
    assert status in (0, 2), captured.err
    assert status == 0 or last.startswith("qgeo: "), captured.err
    assert not any(line.startswith(("qgeo: ", "Traceback")) for line in before), captured.err
    return status, captured.out

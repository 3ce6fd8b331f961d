"""Files that survive a crash: complete or absent, on the disk before the next step, mode 0600."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qgeo.errors import LedgerError


def make_folder(path: Path) -> None:
    """A folder of mode 0700, with its parents.

    Raises:
        LedgerError: it cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(f"expected a place for a new folder at {path}: {error.strerror}") from None


def write_bytes(path: Path, content: bytes) -> None:
    """Write, fsync, rename, fsync the folder: mode 0600; complete or not there.

    Raises:
        LedgerError: the disk is full or the folder cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
        _sync_folder(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise LedgerError(f"cannot write {path}: {error.strerror}; nothing was posted after this") from None


def write_json(path: Path, content: Any) -> None:
    """JSON, as `write_bytes` does."""
    write_bytes(path, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        LedgerError: it is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LedgerError(f"expected a ledger file at {path}, found none") from None
    except OSError as error:
        raise LedgerError(f"expected a ledger's folder, cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise LedgerError(f"expected readable JSON at {path}: {error}") from None


def digest(content: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def checked_bytes(path: Path, wanted: str) -> bytes:
    """A file's content, if its SHA-256 is the one recorded.

    Raises:
        LedgerError: it is missing, or somebody changed it; it is not read further.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LedgerError(f"cannot read {path}: {error.strerror}") from None
    if digest(content) != wanted:
        raise LedgerError(f"expected {path} as it was written (SHA-256 {wanted[:12]}…), got another content")
    return content


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time; others wait."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

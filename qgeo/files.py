"""Files that survive a crash: complete or absent, on the disk before the next step; read back without trust.

A `Storage` is one kind of folder (a ledger, a run folder): the error that its files raise, the mode that new
ones get. Everything that qgeo reads back, it reads through one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qgeo.errors import QGeoError


@dataclass(frozen=True)
class Storage:
    """How the files of one kind of folder are written and read.

    name: of the kind, in messages; error: raised for a file that cannot be written, read or trusted.
    file_mode, folder_mode: of what is new; when_full: what to know or do where nothing can be written;
    when_damaged, when_missing: what to do about a file that cannot be read, or is not there.
    """

    name: str
    error: type[QGeoError]
    file_mode: int
    folder_mode: int
    when_full: str
    when_damaged: str
    when_missing: str

    def make_folder(self, path: Path) -> None:
        """A folder, with its parents.

        Raises:
            the storage's error: it cannot be made.
        """
        try:
            path.mkdir(mode=self.folder_mode, parents=True, exist_ok=True)
        except OSError as error:
            raise self.error(f"cannot write {path}: {error.strerror}; {self.when_full}") from None

    def write_bytes(self, path: Path, content: bytes) -> None:
        """Write, fsync, rename, fsync the folder: complete or not there.

        Raises:
            the storage's error: the disk is full or the folder cannot be written.
        """
        draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            self._write_draft(draft, content)
            os.replace(draft, path)
            _sync_folder(path.parent)
        except OSError as error:
            _remove(draft)
            raise self.error(f"cannot write {path}: {error.strerror}; {self.when_full}") from None

    def write_text(self, path: Path, text: str) -> None:
        """UTF-8, as `write_bytes` does."""
        self.write_bytes(path, text.encode("utf-8"))

    def write_json(self, path: Path, content: Any) -> None:
        """JSON, as `write_bytes` does.

        Raises:
            ValueError: NaN or an infinity, which no reader would take.
        """
        self.write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")

    def read_bytes(self, path: Path) -> bytes:
        """The content of a file.

        Raises:
            the storage's error: it is missing or cannot be read.
        """
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise self.error(
                f"expected a {self.name} file at {path}, found none; {self.when_missing}"
            ) from None
        except OSError as error:
            raise self._damaged(path, error.strerror) from None

    def read_json(self, path: Path) -> Any:
        """The content of a JSON file.

        Raises:
            the storage's error: it is missing or damaged.
        """
        try:
            return json.loads(self.read_bytes(path).decode("utf-8"))
        except ValueError as error:
            raise self._damaged(path, f"expected JSON, {error}") from None

    def checked_bytes(self, path: Path, wanted: str) -> bytes:
        """A file's content, if its SHA-256 is the one recorded.

        Raises:
            the storage's error: it is missing, or somebody changed it; it is not read further.
        """
        content = self.read_bytes(path)
        if digest(content) != wanted:
            raise self.error(
                f"expected {path} as it was written (SHA-256 {wanted[:12]}…), got another content"
            )
        return content

    def _write_draft(self, draft: Path, content: bytes) -> None:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, self.file_mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(draft, self.file_mode)  # whatever the umask

    def _damaged(self, path: Path, reason: str | None) -> QGeoError:
        return self.error(f"cannot read {path}: {reason}; {self.when_damaged}")


def digest(content: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time; others wait."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove(draft: Path) -> None:
    try:
        draft.unlink(missing_ok=True)
    except OSError:  # below a file, or a name too long: it was never there
        return


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

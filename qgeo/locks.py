"""One process at a time in a folder; whoever waits, or is refused, is told for whom.

The locks are the system's, through filelock, so that they end with their holder, however that ends. A file
beside each says who that is: process, host, command, since when.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from qgeo.errors import QGeoError
from qgeo.files import FileModel, Storage

_log = logging.getLogger(__name__)
_COMMAND = 200  # characters of a command line that are kept

_WRITING = ".lock"
_RUNNING = ".running"
"""Names of the files that are locked: while something is written or posted; while a run goes on."""


class Holder(FileModel):
    """Who holds a lock."""

    process: int
    host: str
    command: str
    since: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.host} since {self.since} ({self.command})"


@contextmanager
def locked(folder: Path, storage: Storage) -> Iterator[None]:
    """Hold the lock of a folder; waiting for it is said, with who holds it, as a warning of the log.

    Raises:
        the storage's error: the folder cannot be written.
    """
    lock = _lock(folder / _WRITING)
    if not _is_free(lock, storage):
        _log.warning("qgeo: waiting for %s, which %s holds", folder, _holder(folder / _WRITING, storage))
        lock.acquire()
    with _held(lock, storage):
        yield


@contextmanager
def alone(folder: Path, storage: Storage) -> Iterator[None]:
    """Be the one process that goes on with a folder.

    Raises:
        the storage's error: another one does, or the folder cannot be written.
    """
    lock = _lock(folder / _RUNNING)
    if not _is_free(lock, storage):
        holder = _holder(folder / _RUNNING, storage)
        raise storage.error(f"expected nobody at work in {folder}, {holder} is; wait until it ends")
    with _held(lock, storage):
        yield


def at_work(folder: Path, storage: Storage) -> str | None:
    """Who goes on with a folder right now; None where nobody does, or nobody could say."""
    path = folder / _RUNNING
    if not path.exists():
        return None
    lock = _lock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return _holder(path, storage)
    except OSError:  # a folder that can only be read
        return None
    lock.release()
    return None


def _lock(path: Path) -> FileLock:
    return FileLock(path, mode=0o600, fallback_to_soft=False)


def _is_free(lock: FileLock, storage: Storage) -> bool:
    """Whether nobody had it; then it is ours."""
    path = Path(lock.lock_file)
    if not path.parent.is_dir():  # which filelock would make
        raise storage.error(
            f"cannot lock {path.parent}: expected a folder, found none; {storage.when_missing}"
        )
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    except OSError as error:
        raise storage.error(
            f"cannot lock {path.parent}: {error.strerror}; {storage.when_full}, check that {path} can be "
            "written, or put it on another disk"
        ) from None
    return True


@contextmanager
def _held(lock: FileLock, storage: Storage) -> Iterator[None]:
    try:
        _sign(Path(lock.lock_file), storage)
        yield
    finally:
        with suppress(OSError):
            _signature(Path(lock.lock_file)).unlink(missing_ok=True)
        lock.release()


def _signature(lock: Path) -> Path:
    """Beside the lock: Windows lets nobody read a file that is locked."""
    return lock.with_name(f"{lock.name}-holder")


def _holder(lock: Path, storage: Storage) -> str:
    try:
        return str(storage.read_json(_signature(lock), Holder))
    except QGeoError:  # it is just being written, or damaged
        return "another process"


def _sign(lock: Path, storage: Storage) -> None:
    """Say who holds it; the next holder overwrites it."""
    holder = Holder(
        process=os.getpid(),
        host=socket.gethostname(),
        command=" ".join(sys.argv)[:_COMMAND],
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    with suppress(QGeoError):  # a full disk: it is held all the same
        storage.write_json(_signature(lock), holder)

"""One process at a time in a folder; whoever waits is told for whom.

The lock is the system's (`flock`), so that it ends with its holder, however that ends. The file `.lock` says
who that is: process, host, command, since when.
"""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from qgeo.errors import QGeoError
from qgeo.files import FileModel, Storage

_log = logging.getLogger(__name__)
_COMMAND = 200  # characters of a command line that are kept


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
    descriptor = _opened(folder, storage)
    try:
        _wait(descriptor, folder, storage)
        _sign(descriptor)
        yield
    finally:
        os.close(descriptor)


def _opened(folder: Path, storage: Storage) -> int:
    try:
        return os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise storage.error(
            f"cannot lock {folder}: {error.strerror}; {storage.when_full}, check that {folder / '.lock'} can "
            "be written"
        ) from None


def _wait(descriptor: int, folder: Path, storage: Storage) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _log.warning("qgeo: waiting for %s, which %s holds", folder, _holder(folder, storage))
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        raise storage.error(f"cannot lock {folder}: {error.strerror}; put it on another disk") from None


def _holder(folder: Path, storage: Storage) -> str:
    try:
        return str(storage.read_json(folder / ".lock", Holder))
    except QGeoError:  # it is just being written, or damaged
        return "another process"


def _sign(descriptor: int) -> None:
    """Say who holds it; the next holder overwrites it."""
    holder = Holder(
        process=os.getpid(),
        host=socket.gethostname(),
        command=" ".join(sys.argv)[:_COMMAND],
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    with suppress(OSError):  # a full disk: it is held all the same
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, holder.model_dump_json().encode(), 0)

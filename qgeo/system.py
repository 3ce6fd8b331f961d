"""What operating systems do differently, each thing once: Linux, macOS, Windows.

Locks are filelock's (`locks.py`), the clock since the machine was started is in `backends/clock.py`; nothing
else asks which system it is on.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread, main_thread
from typing import BinaryIO

import psutil

_ON_WINDOWS = os.name == "nt"
_PLAIN_BYTES = getattr(os, "O_BINARY", 0)  # Windows would end lines in its own way
_NEVER_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
_WAITS_FOR_READERS = (0.02, 0.05, 0.1, 0.2, 0.5) if _ON_WINDOWS else ()
"""Seconds, chosen: Windows lets nobody replace a file while another process reads it (a virus scanner)."""

MOST_WORKERS = 61 if _ON_WINDOWS else 2**15
"""Windows waits for no more processes at once (documented at `ProcessPoolExecutor`)."""


def memory_bytes() -> int:
    """Of this machine."""
    return int(psutil.virtual_memory().total)


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_alive(process: int) -> bool:
    """Whether there is a process of this number. (`os.kill(process, 0)` would interrupt it on Windows.)"""
    try:
        return bool(psutil.pid_exists(process))
    except OverflowError:  # no system has such numbers
        return False


@contextmanager
def interrupts_put_off() -> Iterator[None]:
    """Ctrl-C waits until this ends; in processes that are started inside, until they let it through.

    Nothing changes where it is ignored: a handler of ours would not be inherited, and the new processes would
    heed what their command ignores.
    """
    is_here = hasattr(signal, "pthread_sigmask") and current_thread() is main_thread()  # Windows; a thread
    if not is_here or signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        yield
        return
    came: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number))  # another thread may get it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # which new processes inherit
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
    if came:
        raise KeyboardInterrupt


def end_at_interrupts() -> None:
    """From now on Ctrl-C ends this process without a word, also one that was put off; one that was started to
    ignore it, as scripts start what runs in their background, goes on ignoring it."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def opened_regular(path: Path) -> BinaryIO:
    """A regular file, to read; whoever opened a pipe as usual would wait for its writer.

    Raises:
        OSError: it cannot be opened, or is a folder, pipe or device.
    """
    descriptor = os.open(path, os.O_RDONLY | _PLAIN_BYTES | _NEVER_WAITING)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, "expected a regular file, got a folder, pipe or device")


def write_synced(path: Path, content: bytes, mode: int) -> None:
    """Write a file anew; its bytes are on the disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _PLAIN_BYTES, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(mode)  # whatever the umask


def replace_file(draft: Path, path: Path) -> None:
    """Give a file its name, whatever has it now."""
    for wait in _WAITS_FOR_READERS:
        try:
            draft.replace(path)
            return
        except PermissionError:
            time.sleep(wait)
    draft.replace(path)


def replace_folder(draft: Path, path: Path) -> None:
    """Give a folder its name, which nothing or an empty folder has."""
    if path.is_dir():
        path.rmdir()  # which a rename does by itself where the system is no Windows
    draft.replace(path)


def sync_folder(folder: Path) -> None:
    """The names in a folder are on the disk when this returns, where the system lets anybody ask for that.

    Windows opens no folders; its file system writes renames into a log of its own.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Makes a Python process, and all that it starts, as poor as one on Windows: for qgeo's own modules alone.

With this folder first in PYTHONPATH, modules of qgeo find no fcntl, and no os.sysconf, os.sched_getaffinity,
os.pwrite, os.O_NONBLOCK, time.CLOCK_BOOTTIME, signal.SIGKILL …; folders cannot be opened, nor replaced by a
rename; /proc is not there; os.kill with signal 0, which would interrupt, is a fault. Libraries keep what they
have: they care for other systems themselves.
"""

from __future__ import annotations

import builtins
import os
import pathlib
import signal
import sys
import time
from types import ModuleType
from typing import Any

LACKING = {
    "os": {
        *("sysconf", "sched_getaffinity", "pwrite", "pread", "fchmod", "chown", "fork", "getuid", "geteuid"),
        *("getpgid", "getpgrp", "setpgid", "setsid", "killpg", "mkfifo", "uname", "statvfs", "sync", "wait"),
        *("WNOHANG", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW"),
    },
    "time": {"CLOCK_BOOTTIME", "CLOCK_MONOTONIC", "clock_gettime", "tzset"},
    "signal": {"SIGKILL", "SIGHUP", "SIGQUIT", "SIGSTOP", "SIGUSR1", "SIGALRM", "alarm", "setitimer"},
}
MISSING = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix", "syslog", "readline"}


class Poorer(ModuleType):
    """A module without some of its names."""

    def __init__(self, whole: ModuleType) -> None:
        super().__init__(whole.__name__)
        self.__whole = whole

    def __getattr__(self, name: str) -> Any:
        if name in LACKING[self.__name__]:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} on this system")
        return REPLACED.get((self.__name__, name)) or getattr(self.__whole, name)


def open_file(path: Any, *flags: Any) -> int:
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", str(path))
    return os.open(path, *flags)


def kill(process: int, number: int) -> None:
    if number not in (signal.SIGINT, signal.SIGTERM):
        raise AssertionError(f"signal {number} would end or interrupt process {process} on Windows")
    os.kill(process, number)


REPLACED = {("os", "open"): open_file, ("os", "kill"): kill}
POORER = {module.__name__: Poorer(module) for module in (os, time, signal)}
_import, _replace, _open = builtins.__import__, pathlib.Path.replace, pathlib.Path.open


def imported(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
    importer = (globals or {}).get("__name__") or ""
    if level == 0 and importer.split(".")[0] == "qgeo":
        if name in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r} on this system", name=name)
        if name in POORER:
            return POORER[name]
    return _import(name, globals, locals, fromlist, level)


def replace(self: pathlib.Path, target: Any) -> pathlib.Path:
    if os.path.isdir(target):
        raise PermissionError(13, "Permission denied", str(target))
    return _replace(self, target)


def opened(self: pathlib.Path, *how: Any, **more: Any) -> Any:
    if str(self).startswith("/proc/"):
        raise FileNotFoundError(2, "No such file or directory", str(self))
    mode = how[0] if how else more.get("mode", "r")
    if "b" not in mode and _asked_by_us():
        if len(how) < 3 and more.get("encoding") is None:
            raise AssertionError(f"{self}: text without an encoding is cp1252 on Windows")
        if mode != "r" and more.get("newline") is None:
            raise AssertionError(f"{self}: lines written without newline= end in CRLF on Windows")
    return _open(self, *how, **more)


def _asked_by_us() -> bool:
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__") in ("pathlib", __name__):
        frame = frame.f_back
    return frame is not None and str(frame.f_globals.get("__name__")).split(".")[0] == "qgeo"


builtins.__import__ = imported
pathlib.Path.replace, pathlib.Path.open = replace, opened

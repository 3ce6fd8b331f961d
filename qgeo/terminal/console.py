"""Where output goes: people read stderr or a table on stdout, machines read JSON on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from rich.console import Console

from qgeo.errors import ConfigurationError, StoppedError


def tables() -> Console:
    """A console on stdout, as wide as the table needs where nobody watches."""
    width = None if sys.stdout.isatty() else 120
    return Console(width=width, highlight=False, markup=False, emoji=False)


def messages() -> Console:
    """A console on stderr, for progress and warnings."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


@contextmanager
def stoppable(command: str, begun: Path) -> Iterator[None]:
    """Ctrl-C inside this ends with the command that goes on with a folder, if it was made by then.

    Args:
        begun: the file of the folder that makes it one.

    Raises:
        StoppedError: somebody pressed it.
    """
    try:
        yield
    except KeyboardInterrupt:
        if not begun.exists():
            raise StoppedError("interrupted; nothing was written or posted") from None
        raise StoppedError(
            f"interrupted; {command} {quote(str(begun.parent))} goes on where it stopped"
        ) from None


def write_new_file(path: Path, content: str | bytes) -> None:
    """Write a file that must not exist yet.

    Raises:
        ConfigurationError: it exists, or cannot be written.
    """
    check_new_file(path)
    try:
        with path.open("xb") as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}; choose another place") from None


def check_new_file(path: Path) -> None:
    """Before anything is computed for it.

    Raises:
        ConfigurationError: it exists, or its folder does not.
    """
    if os.path.lexists(path):
        raise ConfigurationError(f"expected a new file for --out, {path} exists; choose another name")
    if not path.parent.exists():
        raise ConfigurationError(
            f"cannot write {path}: expected a folder {path.parent}, found none; make it first, or choose "
            "another"
        )

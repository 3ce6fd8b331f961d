"""Where output goes: people read stderr or a table on stdout, machines read JSON on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from qgeo.errors import ConfigurationError, StoppedError

UNWATCHED_WIDTH = 120
"""Characters in a line where no terminal says how many it shows, chosen."""

_NAME_WIDTH = 11
"""Characters of a folded name in a line, at least: all else of a comparison takes 69 of 80."""


def tables() -> Console:
    """A console on stdout, as wide as most tables need where nobody watches."""
    width = None if sys.stdout.isatty() else UNWATCHED_WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False)


def messages() -> Console:
    """A console on stderr, for progress, warnings, and tables beside what a program reads."""
    width = None if sys.stderr.isatty() else UNWATCHED_WIDTH
    return Console(stderr=True, width=width, highlight=False, markup=False, emoji=False)


def print_table(console: Console, table: Table) -> None:
    """Print a table of names and numbers, nothing of which is cut.

    In a terminal that is too narrow its headers take several lines; if that is not enough it loses its frame
    and folds its names; what is too wide then, the terminal wraps.
    """
    if not console.is_terminal:
        console.width = max(console.width, _width(console, table))
    if _width(console, table) > console.width:
        for column in table.columns:
            column.header = str(column.header).replace(" ", "\n")
    if _width(console, table) > console.width:
        _fold_names(table, console)
    console.print(table)


def _width(console: Console, table: Table) -> int:
    return Measurement.get(console, console.options.update(max_width=10_000), table).maximum


def _fold_names(table: Table, console: Console) -> None:
    """Without a frame, its names in what the numbers leave; the console becomes as wide as numbers need."""
    table.box, table.padding = box.SIMPLE_HEAD, (0, 1, 0, 0)
    table.show_edge = table.pad_edge = False
    names, *numbers = table.columns
    names.overflow, names.width = "fold", _NAME_WIDTH
    for column in numbers:
        column.no_wrap = True
    spare = console.width - _width(console, table)
    names.width, console.width = _NAME_WIDTH + max(0, spare), console.width - min(0, spare)


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

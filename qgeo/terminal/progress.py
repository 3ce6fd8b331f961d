"""Progress on stderr of what takes over two seconds: bars where work is counted, else what is being done."""

from __future__ import annotations

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.status import Status

from qgeo.terminal.console import messages


def bars(*, stays: bool = True) -> Progress:
    """Bars with how many of how many are done, time passed and time left.

    Args:
        stays: whether they are still to be seen when all is done.
    """
    return Progress(
        TextColumn("{task.description:12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=messages(),
        transient=not stays,
    )


def saying(what: str) -> Status:
    """What is being done, as long as it is; nothing where nobody watches."""
    return messages().status(what)

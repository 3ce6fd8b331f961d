"""Work for pools, which their processes import from here."""

from __future__ import annotations

import os
import time
from pathlib import Path


def squared(offset: int, item: int) -> tuple[int, int]:
    """The result, and the process that has it."""
    return offset + item**2, os.getpid()


def slowly_squared(offset: int, item: int) -> tuple[int, int]:
    time.sleep(0.2)
    return squared(offset, item)


def refused(_: int, item: int) -> int:
    raise ValueError(f"no {item}")


def fatal(_: int, item: int) -> int:
    """Takes its process down."""
    os._exit(9 if item >= 0 else 1)


def fatal_once(marks: str, item: int) -> int:
    """Takes the first process down that works on item 3."""
    mark = Path(marks) / "fallen"
    if item == 3 and not mark.exists():
        mark.touch()
        os._exit(9)
    return item

"""Comparisons: configuration, training, tuning, statistics, run folder, report.

`qgeo.compare` is this room and the function that it is for, `qgeo.compare.comparison.compare`: importing
any of its files makes Python put the room where the function was, so the room can be called too.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallableRoom(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """`qgeo.compare.comparison.compare`, with the same arguments."""
        from qgeo.compare.comparison import compare

        return compare(*arguments, **options)


sys.modules[__name__].__class__ = _CallableRoom

"""Arguments of the Python interface, checked at the door: what was expected, what came, what to do.

Numbers are taken as Python, numpy or torch has them; a truth value is no number, and a string none either.
"""

from __future__ import annotations

import math
import os
from operator import index
from pathlib import Path
from typing import Any, TypeVar

from qgeo.errors import ConfigurationError, QGeoError

Kind = TypeVar("Kind")
GENERATOR_ADVICE = "torch.Generator().manual_seed(0) makes one"
_SHOWN = 60  # characters of a value that a message shows


def checked_integer(what: str, number: Any, least: int, most: int | None = None) -> int:
    """A whole number of at least `least`, and at most `most`.

    Raises:
        ConfigurationError: something else.

    >>> checked_integer("layers", 4.0, 1)
    Traceback (most recent call last):
    qgeo.errors.ConfigurationError: expected layers to be an integer, got 4.0
    """
    try:
        if isinstance(number, bool):
            raise TypeError
        whole = index(number)
    except TypeError:
        raise ConfigurationError(f"expected {what} to be an integer, got {shown(number)}") from None
    if whole < least or (most is not None and whole > most):
        limits = f"≥ {least}" if most is None else f"from {least} to {most}"
        raise ConfigurationError(f"expected {what} {limits}, got {whole}")
    return whole


def checked_real(what: str, number: Any, *, least: float | None = None, above: float | None = None) -> float:
    """A finite number, ≥ `least` or > `above`.

    Raises:
        ConfigurationError: something else.

    >>> checked_real("damping", -1, least=0)
    Traceback (most recent call last):
    qgeo.errors.ConfigurationError: expected damping ≥ 0, a finite number, got -1
    """
    try:
        real = math.nan if isinstance(number, bool | str | bytes) else float(number)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        real = math.nan
    too_small = (least is not None and real < least) or (above is not None and real <= above)
    if too_small or not math.isfinite(real):
        limit = f" ≥ {least}" if least is not None else "" if above is None else f" > {above}"
        raise ConfigurationError(f"expected {what}{limit}, a finite number, got {shown(number)}")
    return real


def checked_instance(what: str, given: Any, kind: type[Kind], advice: str) -> Kind:
    """`given`, if it is of this kind.

    Raises:
        ConfigurationError: it is of another.
    """
    if isinstance(given, kind):
        return given
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    raise ConfigurationError(
        f"expected {article} {kind.__module__.partition('.')[0]} {kind.__name__} as {what}, got "
        f"{shown(given)}; {advice}"
    )


def checked_path(what: str, path: Any, error: type[QGeoError] = ConfigurationError) -> Path:
    """A path of one of the types that paths come in.

    Args:
        what: the file and what it is for, as in "an OpenQASM file to read".

    Raises:
        error: something else.
    """
    if isinstance(path, str | os.PathLike) and isinstance(os.fspath(path), str):
        return Path(path)
    raise error(f"expected the path of {what}, a str or a Path, got {shown(path)}")


def shown(given: Any) -> str:
    """A value in a message: itself where that is short and on a line, else its type."""
    if isinstance(given, type):
        return f"the class {given.__name__}"
    text = repr(given)
    is_readable = len(text) <= _SHOWN and "\n" not in text and " at 0x" not in text
    return text if is_readable else type(given).__name__

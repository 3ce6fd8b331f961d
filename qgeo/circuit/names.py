"""Names of parameters, in whatever form they are given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qgeo.arguments import shown
from qgeo.errors import ShapeError


def parameter_names(given: Any, what: str = "input_parameters") -> tuple[str, ...]:
    """Names of Parameters, of a ParameterVector's elements, or the names themselves; of one of them too.

    Args:
        what: the argument, for the message.

    Raises:
        ShapeError: something that is no parameter and no name.

    >>> parameter_names("theta"), parameter_names(None)
    (('theta',), ())
    """
    if given is None:
        return ()
    each = given if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
    return tuple(_name(parameter, what) for parameter in each)


def _name(parameter: Any, what: str) -> str:
    name = parameter if isinstance(parameter, str) else getattr(parameter, "name", None)
    if not isinstance(name, str):
        raise ShapeError(f"expected parameters or their names as {what}, got {shown(parameter)}")
    return name

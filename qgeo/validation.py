"""What pydantic found wrong with a file or a configuration, in our words: what was expected, what came."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_SHOWN = 60  # characters of a value that a message shows


def first_problem(error: ValidationError) -> str:
    """What is wrong first, with where it is and a glimpse of what came."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        return f"expected JSON ({first['msg'].removeprefix('Invalid JSON: ')})"
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"unknown key {key!r}"
    problem = in_our_words(first)
    is_shown = first["type"] != "missing" and not isinstance(first["input"], dict | BaseModel)
    return f"{key + ': ' if key else ''}{problem}{_glimpse(first['input']) if is_shown else ''}"


_WANTED = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "text of the form {pattern}",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table of keys",
    "model_type": "a table of keys",
    "model_attributes_type": "a table of keys",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "literal_error": "{expected}",
    "missing": "a value, got none",
}
"""What was expected, by pydantic's name of a problem; its context fills the gaps."""


def in_our_words(problem: ErrorDetails) -> str:
    """A problem that pydantic found, as "expected …"; what our own validators say as it stands."""
    wanted = _WANTED.get(problem["type"])
    if wanted is None:
        return problem["msg"].removeprefix("Value error, ")
    return f"expected {wanted.format(**problem.get('ctx', {}))}"


def _glimpse(value: Any) -> str:
    shown = repr(value)
    return f", got {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'}"

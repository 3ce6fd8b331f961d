"""Every key of a configuration with type, range, default and meaning, read from its schema."""

from __future__ import annotations

import json
from typing import Any

from docs.extensions.error_sentences import escaped
from qgeo.comparison.sections import Configuration, model_at

_BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
}
_KINDS = {"integer": "integer", "number": "number", "string": "text", "boolean": "true or false"}


def markdown() -> str:
    """A table for each section, in the order of a file."""
    return "\n\n".join(section(name) for name in Configuration.model_fields)


def section(name: str) -> str:
    """The table of a section, behind what its docstring says."""
    model = model_at((name,))
    title = f"[[{name}]]" if name == "arm" else f"[{name}]"
    said = "\n\n".join(" ".join(escaped(each).split()) for each in (model.__doc__ or "").split("\n\n"))
    schema = model.model_json_schema()
    rows = (
        f"| `{key}` | {kind(field)} | {_default(field)} | {_meaning(field)} |"
        for key, field in schema["properties"].items()
    )
    head = "| key | value | default | meaning |\n|---|---|---|---|"
    return "\n".join([f"## {escaped(title)}\n\n{said}\n\n{head}", *rows])


def kind(field: dict[str, Any]) -> str:
    """The type and the range of a key, in words.

    >>> kind({"type": "integer", "minimum": 1, "maximum": 64})
    'integer, ≥ 1, ≤ 64'
    """
    if "anyOf" in field:
        return kind(next(each for each in field["anyOf"] if each["type"] != "null"))
    if field["type"] == "array":
        return f"list of: {kind(field['items'])}"
    if choices := field.get("enum") or [field[each] for each in ("const",) if each in field]:
        return " or ".join(f"`{json.dumps(each)}`" for each in choices)
    bounds = [text.format(f"{field[key]:,}") for key, text in _BOUNDS.items() if key in field]
    pattern = [f"of the form `{escaped_code(field['pattern'])}`"] if "pattern" in field else []
    return ", ".join([_KINDS[field["type"]], *bounds, *pattern])


def escaped_code(text: str) -> str:
    """Code inside a cell of a table: only the bar has a meaning there."""
    return text.replace("|", "\\|")


def _default(field: dict[str, Any]) -> str:
    if "default" not in field:
        return "required"
    return "–" if field["default"] is None else f"`{json.dumps(field['default'], ensure_ascii=False)}`"


def _meaning(field: dict[str, Any]) -> str:
    return escaped(" ".join(field["description"].split()))

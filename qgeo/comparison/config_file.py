"""A configuration as a file for people: whole, every key with what it means, ready to be changed."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

import tomli_w
from pydantic import BaseModel

from qgeo.comparison.sections import ArmSection, Configuration

_WIDTH = 100  # of a line of comment, chosen


def commented(configuration: Configuration) -> str:
    """The configuration as TOML that `config.load_configuration` reads back as the same.

    A key that is not set stands there as a comment; so do tables `[[arm]]` where there is none.

    >>> print(commented(Configuration()).splitlines()[0])
    # A configuration of qgeo compare: every key, with its value here.
    """
    lines = ["# A configuration of qgeo compare: every key, with its value here.", ""]
    for name in type(configuration).model_fields:
        section = getattr(configuration, name)
        tables = section if isinstance(section, tuple) else (section,)
        for table in tables:
            lines += _table(f"[[{name}]]" if isinstance(section, tuple) else f"[{name}]", table)
        if not tables:
            lines += map(_as_comment, _table(f"[[{name}]]", _EXAMPLE))
    return "\n".join(lines).rstrip() + "\n"


_EXAMPLE = ArmSection(head="born", metric="quantum", name="another arm", damping=0.1)


def _table(head: str, section: BaseModel) -> list[str]:
    summary = " ".join((type(section).__doc__ or "").split("\n\n")[0].split())
    return [*_comment(summary), head, *_keys(section), ""]


def _keys(section: BaseModel) -> Iterator[str]:
    for key, field in type(section).model_fields.items():
        yield from _comment(" ".join((field.description or "").split()))
        value = section.model_dump(mode="json")[key]
        yield f"# {key} =" if value is None else tomli_w.dumps({key: value}).rstrip()


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, _WIDTH)]


def _as_comment(line: str) -> str:
    return line if line.startswith("#") or not line else f"# {line}"

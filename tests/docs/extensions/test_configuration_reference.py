"""The configuration reference has every key, and says what the schema allows."""

from __future__ import annotations

import json
import re

import pytest
from pydantic import ValidationError

from docs.extensions.configuration_reference import kind, markdown, section
from qgeo.comparison.sections import Configuration, model_at

SECTIONS = [*Configuration.model_fields]


@pytest.mark.parametrize("name", SECTIONS)
def test_every_key_has_a_row_with_its_default_and_meaning(name: str) -> None:
    # Seen to fail: the first key left out; 1 as every default.
    rows = [line.split(" | ") for line in section(name).splitlines() if line.startswith("| `")]
    fields = model_at((name,)).model_fields
    assert [row[0].strip("| `") for row in rows] == [*fields]
    for (*_, default, meaning), field in zip(rows, fields.values(), strict=True):
        assert len(meaning.rstrip(" |")) > 4
        if field.is_required():
            assert default == "required"
        elif field.default is None:
            assert default == "–"
        else:
            assert json.loads(default.strip("`")) == json.loads(json.dumps(field.default))


def test_bounds_are_those_that_values_are_checked_against() -> None:
    # Seen to fail: < in place of ≤ for a largest value.
    (row,) = re.findall(r"\| `context` \| (.*?) \|", section("task"))
    assert row == "integer, ≥ 1, ≤ 64"
    model = model_at(("task",))
    model.model_validate({"context": 64})
    with pytest.raises(ValidationError):
        model.model_validate({"context": 65})
    assert kind({"type": "number", "exclusiveMinimum": 0}) == "number, > 0"
    assert kind({"anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}]}) == '`"a"` or `"b"`'


def test_all_sections_are_there() -> None:
    # Seen to fail: the table of arms under [arm].
    titles = re.findall(r"(?m)^## (.*)$", markdown().replace("\\", ""))
    assert titles == [f"[[{name}]]" if name == "arm" else f"[{name}]" for name in SECTIONS]

"""The configuration of a comparison: a TOML file, mirrored by the command line's options.

What stands in it: `sections.py`. An unknown key is an error that names it.
"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel, ValidationError

from qgeo.arguments import shown
from qgeo.comparison.sections import Configuration, PluginsSection, model_at
from qgeo.errors import ConfigurationError
from qgeo.files import Storage
from qgeo.registry import import_plugins
from qgeo.validation import in_our_words

CONFIGURATION_FILES = Storage(
    name="configuration",
    error=ConfigurationError,
    file_mode=0o644,
    folder_mode=0o755,
    when_full="choose another place",
    when_damaged="check the file",
    when_missing="check the path",
)


def load_configuration(path: Path) -> Configuration:
    """Read a TOML file; a relative `task.text`, or folder of a trunk, is looked for beside it.

    Raises:
        ConfigurationError: no such file, malformed TOML, an unknown key, a value out of range.
    """
    return parse_configuration(load_settings(path), str(path))


def load_settings(path: Path) -> dict[str, Any]:
    """The settings of a TOML file as they stand there, once they are seen to be a configuration.

    What follows from others (twins, the head that sizes are matched to) is not in them, so that they can be
    changed and parsed again.
    """
    settings = read_toml(path)
    settings.pop("environment", None)  # a run folder's own record of versions
    parsed = parse_configuration(settings, str(path))
    text, trunk = parsed.task.text, parsed.trunk.beside(path.parent)
    if trunk != parsed.trunk:
        settings["trunk"] = settings["trunk"] | {"name": trunk.name}
    if text is not None and not Path(text).is_absolute():
        settings["task"] = settings["task"] | {"text": str(path.parent / text)}
    return settings


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a dictionary, or one sentence about what is wrong with it."""
    text = CONFIGURATION_FILES.read_text(path)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ConfigurationError(f"expected TOML in {path}: {reason}") from None


def parse_configuration(settings: dict[str, Any], origin: str = "the options") -> Configuration:
    """Validate settings; the first thing that is wrong is named.

    >>> parse_configuration({"training": {"seeds": 2}}).training.seeds
    2
    """
    try:
        import_plugins(PluginsSection.model_validate(settings.get("plugins", {})).modules)
        return Configuration.model_validate(settings)
    except ValidationError as error:
        raise ConfigurationError(_first_problem(error, origin)) from None


def _first_problem(error: ValidationError, origin: str) -> str:
    problems = error.errors()  # a key that is missing may be there with a typo
    first = next((each for each in problems if each["type"] == "extra_forbidden"), problems[0])
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key {key!r} in {origin}; {_advice(first['loc'])}"
    is_shown = first["type"] != "missing" and not isinstance(first["input"], dict | BaseModel)
    given = f", got {shown(first['input'])}" if is_shown else ""
    return f"{key or 'configuration'} in {origin}: {in_our_words(first)}{given}"


def _advice(place: tuple[int | str, ...]) -> str:
    """What an unknown key may have been meant to be."""
    known = [*model_at(place[:-1]).model_fields]
    near = get_close_matches(str(place[-1]), known, n=1)
    if near:
        return f"did you mean {'.'.join(map(str, (*place[:-1], near[0])))!r}?"
    return f"expected one of {', '.join(known)}"


def dump_configuration(configuration: Configuration, environment: dict[str, str]) -> str:
    """The resolved configuration and the versions it ran with, as TOML."""
    settings = configuration.model_dump(mode="json", exclude_none=True)
    return tomli_w.dumps({**settings, "environment": environment})

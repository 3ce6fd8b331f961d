"""Every command with its arguments, options, defaults and examples, read from the program itself."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from docs.extensions.error_sentences import escaped
from docs.extensions.shell_examples import Example, by_command, examples
from qgeo.cli import app
from qgeo.commands.derived_help import DerivedHelp, registered_names
from qgeo.commands.examples import EXAMPLES

HERE = "docs/reference"


@dataclass(frozen=True)
class Command:
    """A command that does something, with its names behind `qgeo`."""

    names: tuple[str, ...]
    command: Any  # of the click that typer carries along

    @property
    def title(self) -> str:
        """As it is typed."""
        return " ".join(("qgeo", *self.names))

    @property
    def parameters(self) -> list[Any]:
        """Arguments, then options, without the hidden ones."""
        return [each for each in self.command.params if not getattr(each, "hidden", False)]

    @property
    def helps(self) -> list[str]:
        """Texts of the parameters, names of registries filled in as in a terminal."""
        texts = [each.help or "" for each in self.parameters]
        if not isinstance(self.command, DerivedHelp):
            return texts
        return [text.format_map(registered_names()) for text in texts]


def commands() -> list[Command]:
    """All of them, groups opened, in the order of `qgeo --help`."""
    return [*_below(typer.main.get_command(app), ())]


def _below(command: Any, names: tuple[str, ...]) -> Iterator[Command]:
    inside = getattr(command, "commands", None)
    if not inside:
        yield Command(names, command)
        return
    for name, each in inside.items():
        yield from _below(each, (*names, name))


def markdown() -> str:
    """A section for each command."""
    known = commands()
    of_help = {line for given in EXAMPLES.values() for line, _ in given}
    of_pages = [each for each in examples() if each.line not in of_help]
    shown = by_command(of_pages, {each.names for each in known})
    return "\n\n".join(section(each, shown.get(each.names, [])) for each in known)


def section(command: Command, shown: list[Example]) -> str:
    """Usage, what it does, its parameters, and lines of pages that call it."""
    context = command.command.make_context(command.title, [], resilient_parsing=True)
    usage = " ".join(command.command.collect_usage_pieces(context))
    parts = [f"## {command.title}", f"```\n{command.title} {usage}\n```", _prose(command.command.help or "")]
    return "\n\n".join([*parts, *_table(command), *_of_help(command), *_of_pages(shown)])


def _prose(text: str) -> str:
    return "\n\n".join(escaped(" ".join(each.split())) for each in text.split("\n\n"))


def _table(command: Command) -> list[str]:
    rows = [
        f"| {_names(each)} | {_kind(each)} | {_default(each)} | {escaped(text)} |"
        for each, text in zip(command.parameters, command.helps, strict=True)
    ]
    head = "| option or argument | value | default | meaning |\n|---|---|---|---|"
    return ["\n".join([head, *rows])] if rows else []


def _names(parameter: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts]
    return ", ".join(f"`{name if name.startswith('-') else name.upper()}`" for name in names)


def _kind(parameter: Any) -> str:
    if getattr(parameter, "is_flag", False):
        return "–"
    annotation = parameter.type_descriptor.annotation
    name = {"str": "text", "Path": "path", "int": "integer", "float": "number"}
    least = f" ≥ {parameter.min}" if parameter.min is not None else ""
    most = f" ≤ {parameter.max}" if parameter.max is not None else ""
    several = ", any number" if parameter.nargs == -1 or getattr(parameter, "multiple", False) else ""
    return name.get(getattr(annotation, "__name__", ""), str(annotation)) + least + most + several


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    plain = parameter.default if isinstance(parameter.default, str | int | float | Path) else None
    return f"`{plain}`" if plain is not None and not isinstance(plain, bool) else "–"


def _of_help(command: Command) -> list[str]:
    given = EXAMPLES.get(" ".join(command.names), ())
    lines = (f"{line}   # {remark}" if remark else line for line, remark in given)
    return ["Examples:\n\n```\n" + "\n".join(lines) + "\n```"] if given else []


def _of_pages(shown: list[Example]) -> list[str]:
    pages = dict.fromkeys(each.page for each in shown)
    return [
        f"From [{page}]({posixpath.relpath(page, HERE)}):\n\n```\n{_lines(shown, page)}\n```"
        for page in pages
    ]


def _lines(shown: list[Example], page: str) -> str:
    return "\n".join(each.line for each in shown if each.page == page)

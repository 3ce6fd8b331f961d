"""The command reference has every command with every option, as help in a terminal has."""

from __future__ import annotations

import re

import pytest

from docs.extensions.command_reference import Command, commands, markdown, section
from qgeo.cli import run
from qgeo.commands.derived_help import registered_names

ALL = commands()


@pytest.mark.parametrize("command", ALL, ids=lambda each: each.title)
def test_options_are_those_that_help_prints(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    # Seen to fail: with the last parameter left out of the table.
    assert run([*command.names, "--help"]) == 0
    options = capsys.readouterr().out.partition("Usage")[2].partition("Examples:")[0]
    printed = {*re.findall(r"(?<!\S)--[a-z-]+", options)}
    table = section(command, [])
    assert printed - {"--help"} <= {*re.findall(r"--[a-z-]+", table)}
    assert len(re.findall(r"(?m)^\| `", table)) == len(command.parameters)


def test_the_text_has_all_commands_defaults_names_and_examples() -> None:
    # Seen to fail: without the defaults; with braces in place of names of registries.
    text = markdown()
    assert [f"## {each.title}" for each in ALL] == re.findall(r"(?m)^## .*$", text)
    assert "zipf-bigram" in text
    assert not [name for name in registered_names() if f"{{{name}}}" in text.replace("\\", "")]
    assert "| required |" in text
    assert "qgeo hardware retry first   # then: qgeo hardware resume first" in text
    assert re.search(r"\| `--shots` \| integer[^|]*\| `1000` \|", text)  # of hardware plan
    assert "From [docs/hardware.md](../hardware.md):" in text

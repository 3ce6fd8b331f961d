"""Lines of pages that call qgeo: found whole, and with options that their commands have."""

from __future__ import annotations

import doctest
import re

import pytest

from docs.extensions import command_reference, shell_examples
from docs.extensions.shell_examples import Example, by_command, examples, examples_of

COMMANDS = {each.names: each for each in command_reference.commands()}


def test_lines_are_joined_and_comments_are_left_out() -> None:
    # Seen to fail: without the joining; with the comment.
    text = "```\nqgeo fisher a \\\n   --random 1   # b\nls\nyours$ qgeo doctor\n```\nqgeo not in a block\n"
    assert [each.line for each in examples_of(text, "p.md")] == ["qgeo fisher a --random 1", "qgeo doctor"]
    assert doctest.testmod(shell_examples).failed == 0


def test_a_line_is_that_of_the_longest_name_it_begins_with() -> None:
    # Seen to fail: with names of one word first.
    line = Example("qgeo study run all", "p.md")
    assert by_command([line], {("study",), ("study", "run")}) == {("study", "run"): [line]}


@pytest.mark.parametrize("example", examples(), ids=lambda each: each.line[:60])
def test_every_option_on_a_page_is_one_of_its_command(example: Example) -> None:
    # Seen to fail: `--seed` for `--seeds` on docs/compare.md.
    (names,) = by_command([example], {*COMMANDS})
    known = {name for each in COMMANDS[names].parameters for name in (*each.opts, *each.secondary_opts)}
    assert {*re.findall(r"(?<!\S)--[a-z-]+", example.line)} <= known

"""Tables in terminals of any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from qgeo.terminal.console import messages, print_table, tables

NAME, NUMBERS = "born+quantum-block-diagonal@fake_torino", ("126,679,000", "[2.746, 2.780]", "126,592.6")
HEADERS = ("method", "2-qubit gates", "test loss", "QPU s")


def printed(width, watched=True):
    table = Table(title="a title")
    for header in HEADERS:
        table.add_column(header, justify="left" if header == HEADERS[0] else "right")
    table.add_row(NAME, *NUMBERS)
    console = Console(file=io.StringIO(), width=width, force_terminal=watched, color_system=None)
    print_table(console, table)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [120, 90, 80, 60, 20])
def test_nothing_is_cut_however_narrow_the_terminal(width):
    # Seen to fail: "circui…", "born…" and numbers in two lines at 80 columns.
    text = printed(width)
    assert "…" not in text
    rows = [line for line in text.splitlines() if any(number in line for number in NUMBERS)]
    assert len(rows) == 1
    assert all(number in rows[0] for number in NUMBERS)
    assert set("".join(HEADERS).replace(" ", "")) <= set(text)
    assert width < 60 or max(map(len, text.splitlines())) <= width


def test_where_nobody_watches_a_table_is_as_wide_as_it_needs():
    assert printed(20, watched=False).splitlines()[1:] == printed(120).splitlines()[1:]


@pytest.mark.parametrize("width", [80, 60, 20])
def test_a_name_is_folded_whole(width):
    lines = [line for line in printed(width).splitlines() if line.strip()]
    firsts = "".join(line.split("  ")[0].split(NUMBERS[0])[0].strip() for line in lines[-4:])
    assert NAME.removeprefix("born+quant") in firsts.replace("─", "")


def test_both_streams_are_as_wide_where_nobody_watches():
    # Seen to fail: the plan of --fit, which goes to stderr, at 80 columns.
    assert tables().width == messages().width == 120

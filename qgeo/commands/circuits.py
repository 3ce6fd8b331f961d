"""`qgeo circuits …`: the frozen catalogue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from qgeo.commands.examples import examples
from qgeo.commands.options import Json

circuits = typer.Typer(help="The frozen catalogue of circuits.", no_args_is_help=True)


@circuits.command("list", epilog=examples("circuits list"))
def list_circuits(as_json: Json = False) -> None:
    """List the catalogue."""
    from qgeo.terminal.circuits import circuit_list, print_circuits

    entries = circuit_list()
    if as_json:
        print(json.dumps(entries))
    else:
        print_circuits(entries)


@circuits.command("show", epilog=examples("circuits show"))
def show_circuit(name: str, as_json: Json = False) -> None:
    """Show one entry: its facts and a drawing."""
    from qgeo.terminal.circuits import circuit_facts, print_circuit

    facts = circuit_facts(name)
    if as_json:
        print(json.dumps(facts))
    else:
        print_circuit(name, facts)


@circuits.command("export", epilog=examples("circuits export"))
def export_circuit(
    name: str,
    out: Annotated[
        Path | None, typer.Option(help="File to write (default stdout).", show_default=False)
    ] = None,
) -> None:
    """Write an entry's OpenQASM 3 text."""
    from qgeo.circuit.catalogue import text
    from qgeo.terminal.console import write_new_file

    program: Any = text(name)
    if out is None:
        print(program, end="")
    else:
        write_new_file(out, program)

"""`qgeo circuits` in a terminal: the catalogue's entries as tables and drawings."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.table import Table

from qgeo.circuit import catalogue
from qgeo.terminal.console import tables

_HEADINGS = {"rank": "rank of F_Q", "classical_rank": "rank of F_C"}


def circuit_list() -> list[dict[str, Any]]:
    """Name, title and sizes of every entry."""
    entries = [catalogue.entry(name) for name in catalogue.names()]
    return [
        {
            "name": entry.name,
            "title": entry.title,
            "qubits": entry.num_qubits,
            "parameters": len(entry.parameters),
            "rank": entry.rank,
            "classical_rank": entry.classical_rank,
        }
        for entry in entries
    ]


def circuit_facts(name: str) -> dict[str, Any]:
    """Everything the manifest records about one entry."""
    return asdict(catalogue.entry(name))


def print_circuits(entries: list[dict[str, Any]]) -> None:
    """A row per entry."""
    table = Table()
    for column in entries[0]:
        heading = _HEADINGS.get(column, column)
        table.add_column(heading, justify="right" if isinstance(entries[0][column], int) else "left")
    for entry in entries:
        table.add_row(*map(str, entry.values()))
    tables().print(table)


def print_circuit(name: str, facts: dict[str, Any]) -> None:
    """The facts of one entry, then its drawing."""
    console = tables()
    for key, value in facts.items():
        console.print(f"{key}: {_short(value)}", soft_wrap=True)
    drawing = "\n".join(catalogue.circuit(name).draw(output="text", fold=-1).lines())
    console.print(str(drawing), soft_wrap=True)


def _short(value: Any) -> str:
    if not isinstance(value, tuple | list):
        return str(value)
    shown = ", ".join(f"{item:.6g}" if isinstance(item, float) else str(item) for item in value[:8])
    return shown + (f", … ({len(value)} in all)" if len(value) > 8 else "")

"""Options that several commands have, each said once."""

from __future__ import annotations

from typing import Annotated

import typer

Parametrize = Annotated[
    bool,
    typer.Option(
        "--parametrize",
        help="Make parameters of numeric rotation angles, named by position; their numbers are the values.",
    ),
]
Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        metavar="MODULE",
        help="Import this module, which registers methods of its own; may be repeated.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print machine-readable JSON on stdout.")]
SamplingSeed = Annotated[
    int, typer.Option("--seed", "--draw", min=0, max=2**63 - 1, help="Seed of the sampling.")
]

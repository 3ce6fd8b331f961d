"""`qgeo fisher`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from qgeo.commands.options import Json, Parametrize, Plugins, SamplingSeed


def fisher(
    circuit: Annotated[Path, typer.Argument(help="OpenQASM 3 or 2 file.")],
    values: Annotated[
        Path | None,
        typer.Option(help="Numbers by lines or commas, name,value lines, or .npy.", show_default=False),
    ] = None,
    random: Annotated[
        int | None,
        typer.Option(metavar="SEED", help="Uniform values in (−π, π) from this seed.", show_default=False),
    ] = None,
    parametrize: Parametrize = False,
    method: Annotated[
        str,
        typer.Option(help="{all_methods}."),
    ] = "exact",
    information: Annotated[
        str | None,
        typer.Option(
            "--fisher",
            help="quantum (F_Q) or classical (exact F_C of the bits that the circuit measures, else of all).",
            show_default=False,
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            help="{backends} (default aer with --shots, else exact).",
            show_default=False,
        ),
    ] = None,
    shots: Annotated[
        int | None, typer.Option(help="Per circuit (default 4096 on a backend).", show_default=False)
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(help="How many random directions or bases: {methods_with_draws}.", show_default=False),
    ] = None,
    seed: SamplingSeed = 0,
    project: Annotated[bool, typer.Option("--project", help="Nearest positive semidefinite matrix.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="New file for the result: .npz, .csv or .json.", show_default=False),
    ] = None,
    plugin: Plugins = None,
    as_json: Json = False,
) -> None:
    """Fisher information matrix of a circuit, all parameters trainable: F_Q = 4 Re Q or F_C, exact or
    estimated."""
    from qgeo.registry import import_plugins
    from qgeo.terminal.fisher import check_out, fisher_report, print_fisher, write_fisher
    from qgeo.terminal.fisher_estimate import FisherOptions

    import_plugins(plugin or ())
    if out is not None:
        check_out(out)
    options = FisherOptions(method, backend, shots, draws, seed, project, information)
    report = fisher_report(circuit, values, random, options, parametrize=parametrize)
    if out is not None:
        write_fisher(report, out)
    if as_json:
        print(json.dumps(report))
    else:
        print_fisher(report)

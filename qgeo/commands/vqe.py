"""`qgeo vqe`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from qgeo.commands.options import Json


def vqe(
    circuit: Annotated[
        Path | None, typer.Argument(help="OpenQASM 3 or 2 file with parameters.", show_default=False)
    ] = None,
    observable: Annotated[
        str | None,
        typer.Option(
            help="File of weights and Pauli labels, or a sum such as '0.5*ZZ - 0.2*XI'.", show_default=False
        ),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="{vqe_methods} (default quantum).", show_default=False)
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(
            help="Length of a step (default 2/Σ|w| of the observable's weights; .05 for adam).",
            show_default=False,
        ),
    ] = None,
    damping: Annotated[
        str | None,
        typer.Option(
            metavar="λ",
            help="λ of (F + λI)⁻¹∇E, or 'adaptive': Levenberg–Marquardt from 1e-3, no energy rises (default "
            "adaptive, from shots .05).",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="At most (default 1000, from shots 500). With --resume: more of them.",
            show_default=False,
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(help="Done where the gradient's norm is below (default 1e-6).", show_default=False),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2**63 - 1,
            help="Of the first values, N(0, 0.1²), and of shots (default 0).",
            show_default=False,
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(help="Energies, gradients and metrics from shots on {backends}.", show_default=False),
    ] = None,
    shots: Annotated[
        int | None, typer.Option(help="Per circuit (default 4096 on a backend).", show_default=False)
    ] = None,
    max_seconds: Annotated[
        float | None,
        typer.Option(
            help="Budget in QPU seconds: jobs go through a ledger, on a device or a fake one. With --resume: "
            "another one.",
            show_default=False,
        ),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Start although the budget is too small for all steps.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="New folder (default runs/vqe-TIMESTAMP).", show_default=False)
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this folder.", show_default=False)] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what the steps take on a device; write and post nothing."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Lower the energy of a circuit's states by natural gradient, exactly or from shots; a folder with a
    report."""
    from qgeo.terminal import vqe as terminal

    asked = {
        "method": metric,
        "lr": lr,
        "damping": damping,
        "steps": steps,
        "tolerance": tolerance,
        "seed": seed,
        "backend": backend,
        "shots": shots,
        "max_seconds": max_seconds,
    }
    if dry_run:
        report = terminal.plan_of(circuit, observable, asked, resume)
        print(json.dumps(report)) if as_json else terminal.print_vqe_plan(report)
        return
    folder = terminal.begin(circuit, observable, asked, out, resume, partial=partial)
    result = terminal.finish(folder, max_seconds, steps)
    print(json.dumps(result)) if as_json else terminal.print_result(result, folder)

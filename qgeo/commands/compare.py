"""`qgeo compare`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from qgeo.commands.options import Json


def compare(
    config: Annotated[
        Path | None, typer.Argument(help="Configuration file (TOML).", show_default=False)
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="A configuration that comes with qgeo: quick (ten seeds, frozen settings), standard (40 "
            "replicates: a verdict), full (for a cluster).",
            show_default=False,
        ),
    ] = None,
    text: Annotated[
        Path | None, typer.Option(help="Corpus: any UTF-8 text file.", show_default=False)
    ] = None,
    task: Annotated[str | None, typer.Option(help="A named source: {sources}.", show_default=False)] = None,
    arms: Annotated[
        str | None,
        typer.Option(
            help="HEAD+METRIC, separated by commas; heads {heads}; metrics {metrics}.", show_default=False
        ),
    ] = None,
    trunk: Annotated[
        str | None,
        typer.Option(
            help="What all heads stand on: gpt, a transformer of at most 200,000 parameters, trained first; "
            "or the folder of a Hugging Face causal model (extra hf). Frozen, in no count of parameters.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Final runs per arm (default 3).", show_default=False)
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Training steps per run.", show_default=False)] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            help="Train quantum heads from shots too: {backends}, ibm_NAME.",
            show_default=False,
        ),
    ] = None,
    shots: Annotated[
        int | None, typer.Option(help="Per circuit on the backend (default 4096).", show_default=False)
    ] = None,
    max_seconds: Annotated[
        float | None,
        typer.Option(
            help="Budget in QPU seconds; train through a ledger. With --resume: another one.",
            show_default=False,
        ),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Start although the budget is too small to finish.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Run folder (default runs/TASK-TIMESTAMP).", show_default=False)
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Continue the comparison in this run folder.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes (default one per core); jobs of a budget are one process's.",
            show_default=False,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Run on the workers of this Dask cluster instead, tcp://HOST:PORT.", show_default=False
        ),
    ] = None,
    write_config: Annotated[
        Path | None,
        typer.Option(help="Write the whole configuration here, commented; run nothing.", show_default=False),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many runs, how long, how much memory; write nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train quantum and classical heads side by side under their Fisher metrics and write a report.

    Without options: Jane Austen's Persuasion as corpus, five arms, three seeds.
    """
    from qgeo.terminal import comparison as terminal

    given: dict[str, Any] = {"config": config, "preset": preset, "text": text, "task": task, "arms": arms}
    given |= {
        "trunk": trunk,
        "seeds": seeds,
        "steps": steps,
        "backend": backend,
        "shots": shots,
        "max_seconds": max_seconds,
        "partial": partial or None,
        "out": out,
        "resume": resume,
    }
    if write_config is not None:
        terminal.write_configuration(given, write_config)
    elif dry_run:
        rehearsal = terminal.rehearsal_of(given, workers)
        print(json.dumps(asdict(rehearsal))) if as_json else terminal.print_rehearsal(rehearsal)
    else:
        result = terminal.compare_with_progress(given, workers, scheduler)
        print(json.dumps(result.results, ensure_ascii=False)) if as_json else terminal.print_comparison(
            result
        )

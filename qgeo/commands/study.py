"""`qgeo study …`: claims about quantum and classical information geometry, proved or measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from qgeo.commands.examples import examples
from qgeo.commands.options import Json

study = typer.Typer(
    help="Studies: a claim, what is proved of it, what is measured, and checks that could have failed.",
    no_args_is_help=True,
)

PresetName = Annotated[str, typer.Option(help="quick (two minutes on two cores), or full (a verdict).")]
Resume = Annotated[Path | None, typer.Option(help="Go on with this folder.", show_default=False)]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes (default one per core).", show_default=False)
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Run on the workers of this Dask cluster instead, tcp://HOST:PORT.", show_default=False
    ),
]


@study.command("list", epilog=examples("study list"))
def list_studies(as_json: Json = False) -> None:
    """List the studies with the question each asks."""
    from qgeo.terminal.study import print_studies, study_list

    entries = study_list()
    if as_json:
        print(json.dumps(entries, ensure_ascii=False))
    else:
        print_studies(entries)


@study.command("show", epilog=examples("study show"))
def show_study(name: str, as_json: Json = False) -> None:
    """Show one: claim, theorem, method, limits, how many pieces of work its presets have."""
    from qgeo.terminal.study import print_study, study_facts

    facts = study_facts(name)
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
    else:
        print_study(facts)


@study.command("run", epilog=examples("study run"))
def run_studies(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME …", help="Studies, or all.", show_default=False),
    ] = None,
    preset: PresetName = "quick",
    out: Annotated[
        Path | None,
        typer.Option(
            help="New folder, of several studies a folder with one each (default runs/study-…-TIMESTAMP).",
            show_default=False,
        ),
    ] = None,
    resume: Resume = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """Run studies, each in a folder that survives a kill, with a page; exit status 1 if a check failed."""
    from qgeo.terminal.study import begin, finish, print_summary

    held = True
    for folder in begin(names or [], preset, out, resume):
        summary = finish(folder, workers, scheduler)
        print(json.dumps(summary, ensure_ascii=False)) if as_json else print_summary(summary, folder.path)
        held &= all(check["holds"] for check in summary["checks"])
    if not held:
        raise typer.Exit(1)


@study.command("checks", epilog=examples("study checks"))
def check_published(
    preset: PresetName = "quick",
    out: Annotated[
        Path | None,
        typer.Option(help="New folder (default runs/study-published-TIMESTAMP).", show_default=False),
    ] = None,
    resume: Resume = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """Reproduce published numbers: the study `published`, with its table; exit status 1 if one is another."""
    from qgeo.terminal.study import begin_published, finish, print_published

    folder = begin_published(preset, out, resume)
    summary = finish(folder, workers, scheduler)
    print(json.dumps(summary, ensure_ascii=False)) if as_json else print_published(summary, folder.path)
    if not all(check["holds"] for check in summary["checks"]):
        raise typer.Exit(1)

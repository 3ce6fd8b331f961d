"""The command line: options in, tables or JSON out; everything it does is a call into a package.

    qgeo compare     train quantum and classical heads side by side and write a report
    qgeo fisher      the Fisher information matrix of an OpenQASM circuit
    qgeo circuits    the frozen catalogue
    qgeo generate    text from a trained head
    qgeo hardware    the same matrices on IBM Quantum: plan, submit, collect
    qgeo backends    what circuits can run on
    qgeo doctor      what is installed, and what of it works

Machine-readable output (--json) goes to stdout, everything else to stderr. A user's mistake ends with one
line on stderr and exit status 2.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from typer.exceptions import Abort, Exit, TyperException

from qgeo import __version__
from qgeo.errors import QGeoError, StoppedError
from qgeo.terminal.derived_help import DerivedHelp
from qgeo.terminal.hardware_app import Parametrize, Plugins, backends, hardware

_INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""
app = typer.Typer(
    help="The information geometry of quantum models, computed.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
circuits = typer.Typer(help="The frozen catalogue of circuits.", no_args_is_help=True)
app.add_typer(circuits, name="circuits")
app.add_typer(hardware, name="hardware", no_args_is_help=True)
app.command()(backends)


@app.callback(invoke_without_command=True)
def about(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """The information geometry of quantum models, computed."""
    if version:
        print(__version__)
        raise Exit


Seed = Annotated[int, typer.Option("--seed", "--draw", min=0, max=2**63 - 1, help="Seed of the sampling.")]
Json = Annotated[bool, typer.Option("--json", help="Print machine-readable JSON on stdout.")]


def main() -> None:
    """Entry point of the `qgeo` command."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; the exit status."""
    _print_what_the_terminal_can()
    try:
        status = app(arguments, prog_name="qgeo", standalone_mode=False)
    except StoppedError as stopped:
        return _stopped(str(stopped))
    except QGeoError as error:
        return _fail(str(error))
    except TyperException as error:  # without a message it has printed the help
        return _fail(error.format_message()) if error.format_message().strip() else 2
    except Exit as finished:
        return finished.exit_code
    except (KeyboardInterrupt, Abort):
        return _stopped()
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except OSError as error:  # a full disk, a folder that went away
        return _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
    if status == _INTERRUPTED:  # Typer makes this of Ctrl-C before anybody else sees it
        return _stopped()
    return status if isinstance(status, int) else 0


def _stopped(said: str | None = None) -> int:
    print(said or "interrupted", file=sys.stderr)
    return _INTERRUPTED


def _print_what_the_terminal_can() -> None:
    """Characters that the terminal's encoding lacks become question marks, not tracebacks; what was closed
    (`>&-`) is printed to nowhere."""
    sys.stdout, sys.stderr = sys.stdout or _nowhere(), sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def _fail(message: str) -> int:
    print("qgeo: " + " ".join(message.splitlines()), file=sys.stderr)  # spaces in names of folders stay
    return 2


@app.command(cls=DerivedHelp)
def compare(
    config: Annotated[
        Path | None, typer.Argument(help="Configuration file (TOML).", show_default=False)
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
        int | None, typer.Option(min=1, help="Processes (default one per core).", show_default=False)
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

    Without options: the Python language reference as corpus, five arms, three seeds.
    """
    from qgeo.terminal import comparison as terminal

    given: dict[str, Any] = {"config": config, "text": text, "task": task, "arms": arms}
    given |= {
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
        result = terminal.compare_with_progress(given, workers)
        print(json.dumps(result.results, ensure_ascii=False)) if as_json else terminal.print_comparison(
            result
        )


@app.command(cls=DerivedHelp)
def fisher(
    circuit: Annotated[Path, typer.Argument(help="OpenQASM 3 or 2 file.")],
    values: Annotated[
        Path | None,
        typer.Option(help="One number per line, name,value lines, or .npy.", show_default=False),
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
    seed: Seed = 0,
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
    from qgeo.terminal.fisher import check_new_file, fisher_report, print_fisher, write_fisher
    from qgeo.terminal.fisher_estimate import FisherOptions

    import_plugins(plugin or ())
    if out is not None:
        check_new_file(out)
    options = FisherOptions(method, backend, shots, draws, seed, project, information)
    report = fisher_report(circuit, values, random, options, parametrize=parametrize)
    if out is not None:
        write_fisher(report, out)
    if as_json:
        print(json.dumps(report))
    else:
        print_fisher(report)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what is installed and what runs here: versions, compiled sweeps, threads, account, fake devices."""
    from qgeo.terminal.doctor import findings, print_findings

    print(json.dumps(findings())) if as_json else print_findings(findings())


@app.command()
def generate(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder of qgeo compare.")],
    length: Annotated[int, typer.Option(help="Tokens to sample, at most a million.")] = 200,
    arm: Annotated[
        str | None, typer.Option(help="Which arm (default the first).", show_default=False)
    ] = None,
    run: Annotated[int, typer.Option(help="Which of the arm's runs.")] = 0,
    seed: Seed = 0,
) -> None:
    """Sample text from a trained head."""
    from qgeo.comparison.generate import generate as sample

    print(sample(folder, arm=arm, run=run, length=length, seed=seed))


@circuits.command("list")
def list_circuits(as_json: Json = False) -> None:
    """List the catalogue."""
    from qgeo.terminal.circuits import circuit_list, print_circuits

    entries = circuit_list()
    if as_json:
        print(json.dumps(entries))
    else:
        print_circuits(entries)


@circuits.command("show")
def show_circuit(name: str, as_json: Json = False) -> None:
    """Show one entry: its facts and a drawing."""
    from qgeo.terminal.circuits import circuit_facts, print_circuit

    facts = circuit_facts(name)
    if as_json:
        print(json.dumps(facts))
    else:
        print_circuit(name, facts)


@circuits.command("export")
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

"""The command line: options in, tables or JSON out; everything it does is a call into a package.

    qgeo compare     train quantum and classical heads side by side and write a report
    qgeo fisher      the Fisher information matrix of an OpenQASM circuit
    qgeo vqe         the energy of a circuit's states lowered by natural gradient
    qgeo study       claims about quantum and classical geometry, proved or measured
    qgeo circuits    the frozen catalogue
    qgeo report      the report of a comparison written anew, or several side by side
    qgeo generate    text from a trained head
    qgeo hardware    the same matrices on IBM Quantum: plan, submit, collect
    qgeo backends    what circuits can run on
    qgeo doctor      what is installed, and what of it works

Machine-readable output (--json) goes to stdout, everything else to stderr. A user's mistake ends with one
line on stderr and exit status 2.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import Annotated, TextIO

import typer
from typer.exceptions import Abort, Exit, TyperException

from qgeo import __version__
from qgeo.commands.backends import backends
from qgeo.commands.circuits import circuits
from qgeo.commands.compare import compare
from qgeo.commands.derived_help import DerivedHelp
from qgeo.commands.doctor import doctor
from qgeo.commands.examples import examples
from qgeo.commands.fisher import fisher
from qgeo.commands.generate import generate
from qgeo.commands.hardware import hardware
from qgeo.commands.report import report
from qgeo.commands.study import study
from qgeo.commands.vqe import vqe
from qgeo.errors import QGeoError, StoppedError

_INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""
app = typer.Typer(
    help="The information geometry of quantum models, computed.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.add_typer(circuits, name="circuits")
app.add_typer(study, name="study")
app.add_typer(hardware, name="hardware", no_args_is_help=True)
for derived in (compare, fisher, vqe):
    app.command(cls=DerivedHelp, epilog=examples(derived.__name__))(derived)
for plain in (report, generate, backends, doctor):
    app.command(epilog=examples(plain.__name__))(plain)


@app.callback(invoke_without_command=True)
def about(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """The information geometry of quantum models, computed."""
    if version:
        print(__version__)
        raise Exit


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
        return _fail(f"{error.strerror or error}{_place_of(error)}")
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


def _place_of(error: OSError) -> str:
    """Where the system refused something; standard output, which has no name, is tried once more."""
    if error.filename:
        return f": {error.filename}"
    try:
        print(flush=True)
    except OSError:
        return ": standard output; send it elsewhere"
    return ""


def _fail(message: str) -> int:
    print("qgeo: " + " ".join(message.splitlines()), file=sys.stderr)  # spaces in names of folders stay
    return 2

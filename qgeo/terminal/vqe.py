"""`qgeo vqe` in a terminal: files to a folder, a bar of steps, the energy that was found."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from qgeo.circuit.compiler import compile
from qgeo.circuit.qasm import load_qasm
from qgeo.errors import ConfigurationError
from qgeo.observables.files import load_observable
from qgeo.terminal.console import messages, stoppable, tables
from qgeo.validation import first_problem
from qgeo.vqe.folder import REPORT, SETTINGS, create, go_on
from qgeo.vqe.minimization import Problem, Record
from qgeo.vqe.settings import settings_for

_WITH_RESUME, _OPTION = ("steps", "max_seconds"), {"method": "metric"}


def begin(
    circuit: Path | None,
    observable: str | None,
    asked: dict[str, Any],
    out: Path | None,
    resume: Path | None,
) -> Path:
    """The folder to go on with: a new one, or that of --resume.

    Raises:
        ConfigurationError: neither a circuit with its observable nor a folder, or both; numbers out of range.
    """
    if resume is not None:
        given = {"a circuit": circuit, "--observable": observable, "--out": out}
        given |= {
            f"--{_OPTION.get(name, name)}": each for name, each in asked.items() if name not in _WITH_RESUME
        }
        unused = [name for name, each in given.items() if each is not None]
        if unused:
            raise ConfigurationError(
                f"expected --resume alone, or with --steps and --max-seconds, got {', '.join(unused)}; the "
                "folder knows the rest"
            )
        return resume
    if circuit is None or observable is None:
        raise ConfigurationError(
            "expected a circuit and --observable, or --resume FOLDER, as in: qgeo vqe h2.qasm --observable "
            "h2.txt"
        )
    loaded = load_qasm(circuit).circuit
    if not loaded.num_parameters:
        raise ConfigurationError(f"expected a circuit with parameters in {circuit}, got one without")
    problem = Problem(loaded, load_observable(observable, loaded.num_qubits))
    try:
        settings = settings_for(compile(loaded), problem.observable, **asked)
    except ValidationError as error:
        raise ConfigurationError(f"options: {first_problem(error)}") from None
    path = out or Path("runs") / f"vqe-{datetime.now():%Y%m%d-%H%M%S}"
    create(path, circuit.read_bytes(), problem, settings)
    return path


def finish(path: Path, max_seconds: float | None, steps: int | None) -> dict[str, Any]:
    """Go on to the end, with a bar of steps on stderr.

    Args:
        max_seconds: another budget than the folder's; steps: more than it was to have; None for neither.
    """
    messages().print(f"folder: {path}", soft_wrap=True)
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    stopping = stoppable("qgeo vqe --resume", path / SETTINGS)
    with Progress(*bars, console=messages()) as progress, stopping:
        task = progress.add_task("energy", total=None)

        def shown(record: Record) -> None:
            progress.update(task, completed=record.step, description=f"energy {record.energy:.8f}")

        return go_on(path, shown, max_seconds=max_seconds, steps=steps)


def print_result(result: dict[str, Any], path: Path) -> None:
    """Energy, distance from the ground state, cost, where the report is."""
    console = tables()
    settings, steps = result["settings"], result["steps"]
    spread = "" if result["stderr"] is None else f" ± {result['stderr']:.2g}"
    console.print(f"energy {result['energy']:.10f}{spread} after {steps:,} steps of {settings['method']}")
    if result["stderr"] is not None:
        console.print(f"exact energy there {result['exact_energy']:.10f}")
    if result["ground_energy"] is not None:
        console.print(f"ground energy {result['ground_energy']:.10f}, {result['error']:.2e} below")
    console.print(f"gradient {result['gradient']:.2e}, {_cost(result)}")
    if result["gradient"] >= settings["tolerance"] and result["stderr"] is None:
        limit = f"{settings['tolerance']:g}"
        advice = f"--resume {path} --steps {2 * max(steps, 1)} goes on; a larger --damping steadies it"
        console.print(f"not converged: the gradient is above {limit}; {advice}", soft_wrap=True)
    console.print(f"report: {path / REPORT}", soft_wrap=True)


def _cost(result: dict[str, Any]) -> str:
    if result["stderr"] is None:
        return f"{result['circuits']:,} circuits on a device, ungrouped"
    return f"{result['circuits']:,} circuits, {result['shots']:,} shots"

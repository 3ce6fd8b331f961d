"""`qgeo vqe` in a terminal: files to a folder, a bar of steps, the energy that was found."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from math import inf, nan
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from qgeo.backends.device import device_by_name
from qgeo.circuit.compiler import compile
from qgeo.circuit.qasm import load_qasm
from qgeo.errors import ConfigurationError
from qgeo.observables.files import load_observable
from qgeo.terminal.comparison import print_outlook
from qgeo.terminal.console import messages, stoppable, tables
from qgeo.terminal.hardware import print_plan
from qgeo.terminal.progress import bars, saying
from qgeo.terminal.training_plan import head
from qgeo.validation import first_problem
from qgeo.vqe.folder import REPORT, SETTINGS, create, go_on, look_ahead
from qgeo.vqe.minimization import Problem, Record
from qgeo.vqe.plan import MinimizationPlan, alternatives, minimization_plan
from qgeo.vqe.settings import ADAPTIVE, VqeSettings, settings_for

_WITH_RESUME, _OPTION = ("steps", "max_seconds"), {"method": "metric"}


def begin(
    circuit: Path | None,
    observable: str | None,
    asked: dict[str, Any],
    out: Path | None,
    resume: Path | None,
    *,
    partial: bool,
) -> Path:
    """The folder to go on with: a new one, or that of --resume.

    Args:
        partial: go on although the budget of a device is too small for all steps.

    Raises:
        ConfigurationError: neither a circuit with its observable nor a folder, or both; numbers out of range.
        HardwareError: the budget is too small.
    """
    if resume is not None:
        given = {"a circuit": circuit, "--observable": observable, "--out": out}
        given |= {
            f"--{_OPTION.get(name, name)}": each for name, each in asked.items() if name not in _WITH_RESUME
        }
        unused = [name for name, each in given.items() if each is not None]
        if unused:
            raise ConfigurationError(
                f"expected --resume alone, or with --steps, --max-seconds and --partial, got "
                f"{', '.join(unused)}; the folder knows the rest"
            )
        renewed = {name: asked[name] for name in _WITH_RESUME}
        look_ahead(resume, print_outlook, partial=partial, **renewed)
        return resume
    content, problem, settings = _asked_for(circuit, observable, asked)
    path = out or Path("runs") / f"vqe-{datetime.now():%Y%m%d-%H%M%S}"
    create(path, content, problem, settings, partial=partial, look=print_outlook)
    return path


def _asked_for(
    circuit: Path | None, observable: str | None, asked: dict[str, Any]
) -> tuple[bytes, Problem, VqeSettings]:
    """The circuit's file as it is, what is in it, and the settings."""
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
        damping = _damping(asked["damping"])
        settings = settings_for(compile(loaded), problem.observable, **asked | {"damping": damping})
    except ValidationError as error:
        raise ConfigurationError(f"options: {first_problem(error)}") from None
    return circuit.read_bytes(), problem, settings


def _damping(text: str | None) -> float | str | None:
    """
    Raises:
        ConfigurationError: no number from 0 on, and not the word.
    """
    if text is None or text == ADAPTIVE:
        return text
    try:
        number = float(text)
    except ValueError:
        number = nan
    if not 0 <= number < inf:
        raise ConfigurationError(f"expected --damping as a number from 0 on, or {ADAPTIVE}, got {text!r}")
    return number


def plan_of(
    circuit: Path | None, observable: str | None, asked: dict[str, Any], resume: Path | None
) -> dict[str, Any]:
    """What the steps would take on a device by every method, beside the budget if there is one; nothing is
    written or posted.

    Raises:
        ConfigurationError: a folder to go on with; a backend that is no device; see `begin`.
    """
    if resume is not None:
        raise ConfigurationError("expected --dry-run without --resume, got both; drop one")
    _, problem, settings = _asked_for(circuit, observable, asked)
    if settings.is_exact:
        raise ConfigurationError("expected --backend with a device for --dry-run, got exact energies")
    with saying("planning: a step is carried out dry, circuits are transpiled, none is run"):
        device = device_by_name(settings.backend)
        plan = minimization_plan(problem, settings, device)
        others = list(alternatives(problem, settings, device))
    budget = settings.max_seconds
    return head(device) | {
        "plan": asdict(plan.whole),
        "alternatives": [asdict(each.whole) for each in others if isinstance(each, MinimizationPlan)],
        "refused": [each for each in others if isinstance(each, str)],
        "steps": plan.steps,
        "step": asdict(plan.step),
        "max_seconds": budget,
        "steps_within": None if budget is None else plan.steps_within(budget),
    }


def print_vqe_plan(report: dict[str, Any]) -> None:
    """A row per method, what one step takes, and how many steps the budget is enough for."""
    print_plan(report)
    console, step, budget = tables(), report["step"], report["max_seconds"]
    console.print(
        f"{report['steps']:,} steps; one of them: {step['jobs']} jobs, {step['circuits']:,} circuits, "
        f"{step['shots']:,} shots, {step['seconds']:,.1f} QPU s; nothing was written or posted",
        soft_wrap=True,
    )
    if budget is not None:
        console.print(f"{budget:,g} QPU s are enough for {report['steps_within']:,} steps", soft_wrap=True)


def finish(path: Path, max_seconds: float | None, steps: int | None) -> dict[str, Any]:
    """Go on to the end, with a bar of steps on stderr.

    Args:
        max_seconds: another budget than the folder's; steps: more than it was to have; None for neither.
    """
    messages().print(f"folder: {path}", soft_wrap=True)
    stopping = stoppable("qgeo vqe --resume", path / SETTINGS)
    with bars() as progress, stopping:
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
        steadier = "" if settings["damping"] == ADAPTIVE else "; --damping adaptive steadies it"
        advice = f"--resume {path} --steps {2 * max(steps, 1)} goes on{steadier}"
        console.print(f"not converged: the gradient is above {limit}; {advice}", soft_wrap=True)
    console.print(f"report: {path / REPORT}", soft_wrap=True)


def _cost(result: dict[str, Any]) -> str:
    if result["stderr"] is None:
        return f"{result['circuits']:,} circuits on a device, ungrouped"
    return f"{result['circuits']:,} circuits, {result['shots']:,} shots"

"""The folder of a minimization, resumable after a kill at any moment.

    circuit.qasm      as it was given          settings.json   what was asked for
    observable.txt    weights and labels       progress.json   sealed: values, optimizer, energies so far
    ledger/           jobs on a device, where there is a budget
    result.json  energies.csv  energies.svg  energies.pdf  report.html      when it is done

The folder appears by a rename, holding what the minimization begins from; files appear by a rename too.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from shlex import quote
from time import monotonic
from typing import Any

from qgeo.backends.device import device_by_name
from qgeo.backends.ledgers import Ledgers
from qgeo.backends.posting import Commands
from qgeo.circuit.qasm import load_qasm
from qgeo.comparison.outlook import Look
from qgeo.comparison.run_folder import RUN_FILES
from qgeo.comparison.threads import single_thread
from qgeo.errors import ConfigurationError, RunFolderError
from qgeo.files import MOST_JSON_BYTES, digest
from qgeo.locks import alone
from qgeo.observables.files import load_observable, save_observable
from qgeo.observables.ground import MOST_QUBITS, ground_energy
from qgeo.vqe.minimization import Minimization, Problem, Progress, Record, is_to_go_on
from qgeo.vqe.plan import check_new, check_resumed, outlook, outlook_of_ledger
from qgeo.vqe.report import write_report
from qgeo.vqe.settings import Begun, VqeSettings

_BETWEEN = 2.0
"""Seconds between two times that progress is stored: what a kill costs at most."""


CIRCUIT, OBSERVABLE, SETTINGS, PROGRESS = "circuit.qasm", "observable.txt", "settings.json", "progress.json"
LEDGER, _ENERGY = "ledger", "energy"
_ANEW = "start anew in another folder"
RESULT, TABLE, REPORT = "result.json", "energies.csv", "report.html"


def create(
    path: Path,
    circuit: bytes,
    problem: Problem,
    settings: VqeSettings,
    *,
    partial: bool = False,
    look: Look = lambda _: None,
) -> None:
    """A new folder with what the minimization begins from.

    Args:
        circuit: the file that the problem's circuit was read from, as it is.
        partial: on a device, start although the budget is too small for all steps.
        look: told what all steps will take there, beside the budget.

    Raises:
        RunFolderError: something is there, or it cannot be written. ConfigurationError: see `Minimization`.
        HardwareError: the budget is too small.
    """
    if settings.max_seconds is None:
        Minimization(problem, settings)  # refuses before anything is written
    else:
        plan, ahead = outlook(problem, settings, device_by_name(settings.backend))
        look(ahead)
        check_new(plan, ahead, partial)

    def fill(draft: Path) -> None:
        RUN_FILES.write_bytes(draft / CIRCUIT, circuit)
        save_observable(problem.observable, draft / OBSERVABLE)
        _write_settings(draft, settings)

    RUN_FILES.publish_folder(path, fill)


def look_ahead(
    path: Path, look: Look, *, max_seconds: float | None, steps: int | None, partial: bool
) -> None:
    """Say what the rest of a folder's minimization takes on its device, and refuse what cannot finish.

    Args:
        max_seconds, steps: see `go_on`; look, partial: see `create`.

    Raises:
        RunFolderError: see `go_on`. HardwareError: the budget is too small for what is left.
    """
    problem, settings = _begun(path)
    budget = settings.max_seconds if max_seconds is None else max_seconds
    settings = settings.model_copy(update={"steps": steps or settings.steps})
    if budget is None or settings.is_exact or _is_finished(path, settings):
        return
    ledgers = Ledgers(path.resolve() / LEDGER, settings.backend, budget)
    ahead = outlook_of_ledger(problem, settings, ledgers.device, budget, ledgers.folder / _ENERGY)
    if ahead is not None:
        look(ahead)
        check_resumed(ahead, partial)


def go_on(
    path: Path,
    on_point: Callable[[Record], Any] = lambda _: None,
    *,
    max_seconds: float | None = None,
    steps: int | None = None,
) -> dict[str, Any]:
    """Minimize to the end, from wherever the folder stands; what result.json holds.

    Args:
        on_point: called after every point; max_seconds: another budget than the settings', steps: more of
            them, if not None.

    With a budget every step is taken again from the first one on: jobs that were paid for answer from the
    ledger, none is posted twice.

    Raises:
        RunFolderError: no folder of a minimization, a damaged one, or somebody is at work in it.
    """
    problem, settings = _begun(path)
    with alone(path, RUN_FILES):
        settings = _with_steps(path, settings, steps)
        with _minimization(path, problem, settings, max_seconds) as minimization:
            _run(minimization, path, on_point)
        result = _result(problem, settings, minimization)
        RUN_FILES.write_json(path / RESULT, result)
        RUN_FILES.write_text(path / TABLE, _table(minimization.records))
        write_report(path, result, minimization.records)
        return result


@contextmanager
def _minimization(
    path: Path, problem: Problem, settings: VqeSettings, max_seconds: float | None
) -> Iterator[Minimization]:
    """Where the folder stands; on its ledger, which is closed afterwards, where there is a budget."""
    budget = settings.max_seconds if max_seconds is None else max_seconds
    if budget is None:
        yield Minimization(problem, settings, _stored(path))
        return
    if settings.is_exact:
        raise ConfigurationError("expected no --max-seconds for exact energies, which cost nothing")
    place = path.resolve() / LEDGER
    with closing(Ledgers(place, settings.backend, budget, commands=_commands(path.resolve()))) as ledgers:
        yield Minimization(problem, settings, ledger=ledgers.sampler(_ENERGY, {"kind": "vqe"}))


def _stored(path: Path) -> Progress | None:
    progress = path / PROGRESS
    return RUN_FILES.read_sealed(progress, Progress) if progress.exists() else None


def _is_finished(path: Path, settings: VqeSettings) -> bool:
    """Whether no step is left that these settings ask for."""
    stored = _stored(path)
    return stored is not None and stored.done and not is_to_go_on(settings, stored.records[-1])


def _commands(path: Path) -> Commands:
    place = quote(str(path))
    resume = f"qgeo vqe --resume {place}"
    return Commands(resume, f"qgeo hardware retry {place}", f"{resume} --max-seconds")


def _begun(path: Path) -> tuple[Problem, VqeSettings]:
    if not (path / SETTINGS).is_file():
        raise RunFolderError(f"expected a folder that qgeo vqe made, got {path}; start one with --out")
    return read_problem(path)


def read_problem(path: Path) -> tuple[Problem, VqeSettings]:
    """What the folder begins from.

    Raises:
        RunFolderError: a file is missing or damaged. CircuitError, ConfigurationError: it holds something
            else.
    """
    begun = RUN_FILES.read_sealed(path / SETTINGS, Begun, _ANEW)
    for name, known in ((CIRCUIT, begun.circuit), (OBSERVABLE, begun.observable)):
        if _digest(path / name) != known:
            raise RUN_FILES.damaged(
                path / name, "expected what the minimization began with, got another", _ANEW
            )
    circuit = load_qasm(path / CIRCUIT).circuit
    return Problem(circuit, load_observable(path / OBSERVABLE, circuit.num_qubits)), begun.settings


def _write_settings(path: Path, settings: VqeSettings) -> None:
    begun = Begun(settings=settings, circuit=_digest(path / CIRCUIT), observable=_digest(path / OBSERVABLE))
    RUN_FILES.write_sealed(path / SETTINGS, begun.model_dump())


def _digest(path: Path) -> str:
    return digest(RUN_FILES.read_bytes(path, MOST_JSON_BYTES, _ANEW))


def _with_steps(path: Path, settings: VqeSettings, steps: int | None) -> VqeSettings:
    """The settings with more steps, which the folder then has, too.

    Raises:
        ConfigurationError: fewer than there were to be.
    """
    if steps is None or steps == settings.steps:
        return settings
    if steps < settings.steps:
        raise ConfigurationError(f"expected --steps of {settings.steps} or more with --resume, got {steps}")
    more = settings.model_copy(update={"steps": steps})
    _write_settings(path, more)
    return more


def _run(minimization: Minimization, path: Path, on_point: Callable[[Record], Any]) -> None:
    """Progress is stored between points alone: what was begun when a kill or Ctrl-C came is done again."""
    stored_at = monotonic()

    def noted(record: Record) -> None:
        nonlocal stored_at
        if monotonic() - stored_at > _BETWEEN:
            _store(minimization, path)
            stored_at = monotonic()
        on_point(record)

    with single_thread():  # the same numbers on every machine of a kind, however busy
        minimization.run(noted)
    _store(minimization, path)


def _store(minimization: Minimization, path: Path) -> None:
    RUN_FILES.write_sealed(path / PROGRESS, minimization.progress().model_dump())


def _result(problem: Problem, settings: VqeSettings, minimization: Minimization) -> dict[str, Any]:
    last = minimization.records[-1]
    is_known = problem.observable.num_qubits <= MOST_QUBITS
    ground = ground_energy(problem.observable) if is_known else None
    return {
        "energy": last.energy,
        "stderr": last.stderr,
        "exact_energy": last.exact,
        "ground_energy": ground,
        "error": None if ground is None else last.exact - ground,
        "gradient": last.gradient,
        "steps": last.step,
        "circuits": last.circuits,
        "shots": last.shots,
        "parameters": [parameter.name for parameter in problem.circuit.parameters],
        "values": minimization.module.values.tolist(),
        "settings": settings.model_dump(),
        "qubits": problem.observable.num_qubits,
        "terms": len(problem.observable),
    }


def _table(records: Sequence[Record]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(Record.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(record.model_dump() for record in records)
    return buffer.getvalue()

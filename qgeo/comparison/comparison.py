"""compare: the main job, from a configuration to a run folder with its report.

    configuration → run folder → trunk, if any → tuning runs → final runs → records → statistics → report

Everything between is in files of the run folder, so that the job can be killed at any moment and continued.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from qgeo.arguments import checked_path
from qgeo.backends.device import Device, device_by_name, is_device
from qgeo.backends.ledgers import Ledgers
from qgeo.backends.mitigated_work import Mitigation
from qgeo.backends.names import resolve
from qgeo.circuit.ansatz import ansatz
from qgeo.comparison.arms import arms_of
from qgeo.comparison.budget import check_budget, set_budget
from qgeo.comparison.config import dump_configuration, parse_configuration, read_toml
from qgeo.comparison.inputs import load_inputs, recorded_environment, task_ahead, with_own_corpus
from qgeo.comparison.jobs import choices, final_jobs, tuning_jobs
from qgeo.comparison.memory import check_memory
from qgeo.comparison.outlook import Look, Outlook, check_outlook, outlook, outlook_of_folder
from qgeo.comparison.results import build_results, final_outcomes
from qgeo.comparison.run_folder import (
    RUN_FILES,
    RunFolder,
    create_run_folder,
    open_run_folder,
    sweep_drafts,
    write_json,
    write_json_lines,
)
from qgeo.comparison.schedule import AnyJob, Crew, crew
from qgeo.comparison.sections import BackendSection, Configuration
from qgeo.comparison.shadow_race import race_jobs
from qgeo.comparison.trunk import digest_beforehand, is_to_train, train_trunk
from qgeo.environment import environment
from qgeo.errors import ConfigurationError
from qgeo.locks import alone
from qgeo.tasks.task import Task
from qgeo.workers.local import check_guard
from qgeo.workers.workforce import Workforce

Stage = Callable[[str, int], None]
"""Told the name of a stage and how many jobs it has; then once per finished job with 0."""


@dataclass(frozen=True)
class ComparisonResult:
    """A finished comparison: its folder and the content of its results.json."""

    folder: Path
    results: dict[str, Any] = field(repr=False)

    @property
    def report(self) -> Path:
        return RunFolder(self.folder).report


def compare(
    configuration: Configuration | dict[str, Any] | None = None,
    *,
    out: str | Path | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    partial: bool = False,
    on_progress: Stage | None = None,
) -> ComparisonResult:
    """Run a comparison in a new folder.

    Args:
        configuration: a `Configuration`, the same as nested dictionaries, or None for the defaults.
        out: the run folder; by default runs/TASK-TIMESTAMP. An existing non-empty folder is refused.
        workers: processes; by default this one alone. More import the calling script anew, so that it
            needs the guard `if __name__ == "__main__":`, as always with Python's multiprocessing.
        scheduler: address of a Dask cluster, tcp://HOST:PORT, whose workers do it instead.
        partial: on a device, start although the budget is too small to finish.
        on_progress: called as (stage, number of jobs) and then as (stage, 0) for each finished one.

    Raises:
        ConfigurationError, TaskError, RunFolderError: before anything is written. ConfigurationError where
            workers find no guard, too.
        HardwareError: it cannot finish within its budget; nothing is written then. Or it is used up.
        AgreementError: a trained head and Aer disagree.
    """
    check_guard()
    place = None if out is None else checked_path("a new folder for out", out)
    here = 1 if workers is None and scheduler is None else workers
    workforce = Workforce.of(here, scheduler)
    folder = prepare(_as_configuration(configuration), place, partial=partial)
    return finish(folder.path, workforce, on_progress=on_progress)


def prepare(
    configuration: Configuration, out: Path | None = None, *, partial: bool = False, look: Look | None = None
) -> RunFolder:
    """Check everything that can be checked, then make the run folder.

    Args:
        partial: see `compare`; look: told what it will take on a device, beside its budget.
    """
    arms = arms_of(configuration)
    task = task_ahead(configuration)
    ansatz(configuration.heads.circuit, configuration.heads.qubits or 1, configuration.heads.layers)
    device = _checked_backend(configuration.backend)
    check_memory(configuration, arms, task)
    if device is not None:
        _look_ahead(outlook(configuration, task, device, _budget(configuration)), partial, look)
    recorded, corpus = with_own_corpus(configuration)
    path = out or Path("runs") / f"{task.name}-{datetime.now():%Y%m%d-%H%M%S}"
    made_with = environment() | {"started": f"{datetime.now():%Y-%m-%d}"}
    trunk = digest_beforehand(recorded.trunk)
    return create_run_folder(path, dump_configuration(recorded, made_with), corpus, trunk)


def resume(
    path: Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    max_seconds: float | None = None,
    partial: bool = False,
    look: Look | None = None,
    on_progress: Stage | None = None,
) -> ComparisonResult:
    """Finish whatever a run folder still lacks; a finished one is left as it is.

    Args:
        workers: processes, by default one a core; scheduler: see `compare`.
        max_seconds: the budget from now on, if it is to be another.
        partial, look: see `prepare`.
    """
    workforce = Workforce.of(workers, scheduler)
    folder = open_run_folder(path)
    folder.check_inputs(read_toml(folder.config))
    if folder.is_finished:
        return ComparisonResult(path, folder.read_results())
    with alone(folder.path, RUN_FILES):
        sweep_drafts(folder)
        _change_budget(folder, max_seconds, partial, look)
        return _finished(folder, workforce, on_progress)


def _change_budget(folder: RunFolder, max_seconds: float | None, partial: bool, look: Look | None) -> None:
    """Say what is still ahead, under the budget from now on, and keep that if it is another."""
    if max_seconds is not None:
        check_budget(folder, max_seconds)
    configuration, task = load_inputs(folder.path.resolve())
    with _ledgers(configuration.backend, folder) as ledgers:
        if ledgers is not None:
            budget = _budget(configuration) if max_seconds is None else max_seconds
            ahead = outlook_of_folder(configuration, task, ledgers.device, budget, folder)
            _look_ahead(ahead, partial, look)
    if max_seconds is not None:
        set_budget(folder, max_seconds)


def finish(path: Path, workforce: Workforce, *, on_progress: Stage | None = None) -> ComparisonResult:
    """Run whatever a run folder lacks, within its budget.

    Raises:
        RunFolderError: another process does that.
    """
    with alone(path, RUN_FILES):
        return _finished(RunFolder(path), workforce, on_progress)


def _finished(folder: RunFolder, workforce: Workforce, on_progress: Stage | None) -> ComparisonResult:
    from qgeo.comparison.page.report import write_report  # matplotlib is imported only where a report is made

    report = on_progress or _silent
    configuration, task = _with_its_trunk(folder, report)
    arms = arms_of(configuration)
    whole = RunFolder(folder.path.resolve())
    with _ledgers(configuration.backend, folder) as ledgers, crew(whole, workforce) as running:
        if trials := tuning_jobs(configuration, arms):
            _run_stage(running, "tuning", trials, report)
        chosen = choices(folder, configuration)
        _run_stage(running, "training", final_jobs(configuration, chosen), report, ledgers)
        if races := race_jobs(configuration, chosen):
            _run_stage(running, "race", races, report)
    report("report", 1)
    write_records(folder, configuration)
    results = build_results(folder, configuration, task, recorded_environment(folder))
    write_json(folder.results, results)
    folder.seal_outputs()
    write_report(folder.path)
    report("report", 0)
    return ComparisonResult(folder.path, results)


def _with_its_trunk(folder: RunFolder, report: Stage) -> tuple[Configuration, Task]:
    """Configuration and task, once the trunk is trained that the comparison may have."""
    configuration, task = load_inputs(folder.path.resolve())
    if not is_to_train(folder, configuration.trunk):
        return configuration, task
    report("trunk", 1)
    train_trunk(folder, configuration, task)
    report("trunk", 0)
    return load_inputs(folder.path.resolve())


def write_records(folder: RunFolder, configuration: Configuration) -> None:
    """records.jsonl and timings.jsonl from the finished runs, in the order of arms, seeds and steps."""
    outcomes = final_outcomes(folder, configuration, choices(folder, configuration))
    runs = [run for of_arm in outcomes.values() for run in of_arm]
    write_json_lines(folder.path / "records.jsonl", (record for run in runs for record in run["records"]))
    write_json_lines(folder.path / "timings.jsonl", (timing for run in runs for timing in _timings(run)))


def _checked_backend(backend: BackendSection) -> Device | None:
    """A name that exists, and a budget where somebody is paid; the device where there is a budget."""
    if is_device(backend.name):
        if backend.max_seconds is None:
            raise ConfigurationError(f"expected a budget to train on {backend.name}; pass --max-seconds N")
    else:
        resolve(backend.name)
    return None if backend.max_seconds is None else device_by_name(backend.name)


def _budget(configuration: Configuration) -> float:
    return configuration.backend.max_seconds or 0.0


def _look_ahead(ahead: Outlook | None, partial: bool, look: Look | None) -> None:
    """Say what is ahead, and refuse what cannot finish."""
    if ahead is None:
        return
    if look is not None:
        look(ahead)
    check_outlook(ahead, partial)


def _timings(run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for record, seconds in zip(run["records"], run["seconds"], strict=True):
        yield {"arm": record["arm"], "seed": record["seed"], "step": record["step"], "seconds": seconds}


@contextmanager
def _ledgers(backend: BackendSection, folder: RunFolder) -> Iterator[Ledgers | None]:
    """The ledgers of a comparison that has a budget, closed in the end."""
    if backend.max_seconds is None:
        yield None
        return
    mitigation = Mitigation(readout=backend.mitigate_readout)
    made = Ledgers(folder.ledgers.resolve(), backend.name, backend.max_seconds, mitigation=mitigation)
    with closing(made) as ledgers:
        yield ledgers


def _run_stage(
    running: Crew, stage: str, jobs: Sequence[AnyJob], report: Stage, ledgers: Ledgers | None = None
) -> None:
    report(stage, len(jobs))
    running.run(jobs, lambda: report(stage, 0), ledgers)


def _silent(_stage: str, _jobs: int) -> None:
    """Nobody watches."""


def _as_configuration(configuration: Configuration | dict[str, Any] | None) -> Configuration:
    if isinstance(configuration, Configuration):
        return configuration
    if not isinstance(configuration, dict | None):
        raise ConfigurationError(
            f"expected settings as a dict, or a Configuration, got {type(configuration).__name__}; "
            "qgeo.comparison.config.load_configuration(path) reads a file"
        )
    return parse_configuration(configuration or {})

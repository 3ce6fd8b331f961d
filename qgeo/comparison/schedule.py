"""The runs of a comparison: which there are, each done once, in parallel, kept as soon as it is finished.

A job is one run of one arm on one seed with one setting. Its outcome is a file in the run folder;
a job whose file exists is not run again. Jobs are independent, so that their order does not matter and an
interrupted comparison continues to the same records.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import partial
from math import isfinite
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any, TypeVar

from torch import nn

from qgeo.backends.ledgers import Ledgers
from qgeo.comparison.agreement import check_agreement, check_probabilities
from qgeo.comparison.arms import Arm, arms_of
from qgeo.comparison.inputs import load_inputs
from qgeo.comparison.noise import noise_sweep
from qgeo.comparison.outcomes import JobFile, Outcome
from qgeo.comparison.replicates import data_of, final_seeds, replicates_of, tuning_seeds
from qgeo.comparison.run_folder import RUN_FILES, RunFolder, save_head
from qgeo.comparison.sections import Configuration
from qgeo.comparison.setting import Setting, best
from qgeo.comparison.shadow_race import RaceJob, run_race
from qgeo.comparison.threads import single_thread
from qgeo.comparison.training import (
    RunSettings,
    TrainedRun,
    final_windows,
    mean_loss,
    train,
    validation_windows,
)
from qgeo.comparison.trials import trials
from qgeo.errors import ConfigurationError, QGeoError, RunFolderError
from qgeo.heads.circuit_head import CircuitHead
from qgeo.system import MOST_WORKERS, cores, end_at_interrupts, interrupts_put_off, is_alive
from qgeo.tasks.task import Task

GUARD = (
    'expected the call of compare under `if __name__ == "__main__":`, as its workers import the script that '
    "calls it; put it there, or use workers=1"
)

WITHOUT_SIMULATOR = ("exact", "sampled")
"""Backends on which nothing is simulated; their runs need no density matrices either."""

Progress = Callable[[], None]


Kept = TypeVar("Kept", bound=Outcome)

Choices = dict[Arm, tuple[Setting, ...]]
"""Per arm, the setting of each of its replicates."""


@dataclass(frozen=True)
class Job:
    """One run. `final` jobs keep their head and, for quantum heads, run it again on Aer."""

    arm: Arm
    setting: Setting
    replicate: int
    seed: int
    final: bool

    @property
    def key(self) -> str:
        """Its file name in the run folder."""
        if self.final:
            return final_key(self.arm.name, self.seed)
        return f"tuning/{self.arm.name}-{self.setting.label}-{self.seed}"


def job_file(job: Job) -> dict[str, Any]:
    """What its outcome says of a job: the settings of an arm are in the configuration, by its name."""
    return asdict(job) | {"arm": job.arm.name}


def outcome_of(folder: RunFolder, job: Job, model: type[Kept]) -> Kept:
    """The outcome of a job.

    Raises:
        RunFolderError: it is missing, damaged, or that of another job: a file that was copied.
    """
    outcome = folder.read_outcome(job.key, model)
    if outcome.job != JobFile.model_validate(job_file(job)):
        raise RUN_FILES.damaged(folder.part(job.key), "it is the outcome of another run")
    return outcome


def final_key(arm: str, seed: int) -> str:
    """The file name of a final run in the run folder, and the place of its ledger."""
    return f"final/{arm}-{seed}"


def tuning_jobs(configuration: Configuration, arms: Sequence[Arm]) -> list[Job]:
    """Every arm with every setting that it is tried with, in each of its replicates, on the tuning seeds.

    An arm that trains from shots has the trials of its exact twin, whether that is among the arms or not:
    no shot, and no second of a device, goes into tuning. An arm whose settings are given has none.
    """
    tuned = dict.fromkeys(arm.twin for arm in arms if arm.setting is None)
    return [
        job
        for arm in tuned
        for replicate in replicates_of(configuration, arm, arms)
        for job in _trials_of(configuration, arm, replicate)
    ]


def _trials_of(configuration: Configuration, arm: Arm, replicate: int) -> list[Job]:
    return [
        Job(arm, setting, replicate, seed, final=False)
        for setting in trials(arm, configuration.tuning)
        for seed in tuning_seeds(configuration, replicate)
    ]


def final_jobs(configuration: Configuration, choices: Choices) -> list[Job]:
    """Every arm with the settings that its replicates chose, on their final seeds."""
    return [
        Job(arm, setting, replicate, seed, final=True)
        for arm, settings in choices.items()
        for replicate, setting in enumerate(settings)
        for seed in final_seeds(configuration, replicate)
    ]


def trial_losses(
    folder: RunFolder, configuration: Configuration, arm: Arm, replicate: int
) -> dict[Setting, float | None]:
    """Mean validation loss over tuning seeds of a replicate's trials; None where any of them diverged."""
    losses: dict[Setting, list[float | None]] = {}
    for job in _trials_of(configuration, arm.twin, replicate):
        outcome = outcome_of(folder, job, Outcome)
        losses.setdefault(job.setting, []).append(outcome.validation_loss)
    return {setting: _mean_or_none(values) for setting, values in losses.items()}


def choices(folder: RunFolder, configuration: Configuration) -> Choices:
    """Per arm and replicate, the setting that is given, or that had the lowest loss of its trials."""
    arms = arms_of(configuration)
    return {
        arm: tuple(
            arm.setting or best(trial_losses(folder, configuration, arm, replicate))
            for replicate in replicates_of(configuration, arm, arms)
        )
        for arm in arms
    }


def run_jobs(
    jobs: Sequence[Job | RaceJob],
    folder: RunFolder,
    workers: int,
    progress: Progress,
    ledgers: Ledgers | None = None,
) -> None:
    """Run the jobs whose outcome is not there yet; `progress` is called once per job that is done.

    With `ledgers`, which have one budget and one runner, everything runs in this process.
    """
    missing = [job for job in jobs if not RUN_FILES.is_there(folder.part(job.key))]
    for _ in range(len(jobs) - len(missing)):
        progress()
    for _ in _executed(missing, folder, workers, ledgers):
        progress()


def default_workers() -> int:
    """One worker per core that this process may use."""
    return min(cores(), MOST_WORKERS)


def _executed(
    jobs: Sequence[Job | RaceJob], folder: RunFolder, workers: int, ledgers: Ledgers | None
) -> Iterator[Job | RaceJob]:
    workers = min(workers, len(jobs), MOST_WORKERS)
    if workers <= 1 or ledgers is not None:
        for job in jobs:
            execute(job, folder.path, ledgers)
            yield job
        return
    context = multiprocessing.get_context("spawn")
    pool_of_workers = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_end_with_parent, initargs=(os.getpid(),)
    )
    processes: Sequence[BaseProcess] = ()
    with pool_of_workers as pool:
        try:
            with interrupts_put_off():  # workers that are interrupted while they import would print that
                futures = {pool.submit(execute, job, folder.path): job for job in jobs}
            processes = multiprocessing.active_children()
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        except BrokenProcessPool:
            pool.shutdown()  # now they all have an exit status
            raise _broken(any(process.exitcode == 1 for process in processes), folder.path) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _broken(by_exception: bool, path: Path) -> QGeoError:
    """Why workers are gone: those that a job's exception does not end failed to import what started them."""
    if by_exception:
        return ConfigurationError(f"{GUARD}; qgeo compare --resume {path} goes on")
    return RunFolderError(
        "a worker process was ended from outside, most likely for lack of memory; "
        f"finish with fewer of them: qgeo compare --resume {path} --workers 1"
    )


def check_guard() -> None:
    """Raise a ConfigurationError in a process that is importing the script of another, to be its worker."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # as multiprocessing itself asks
        raise ConfigurationError(GUARD)


def _end_with_parent(parent: int) -> None:
    """A worker whose parent was killed ends within a second, instead of waiting for ever; one whose parent is
    interrupted, with it."""
    end_at_interrupts()

    def watch() -> None:
        while os.getppid() == parent and is_alive(parent):  # Windows keeps the number of a dead parent
            sleep(1)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def execute(job: Job | RaceJob, path: Path, ledgers: Ledgers | None = None) -> None:
    """Train one run, or race in one replicate, and keep the outcome, in one thread; a final job's head is
    kept first, its JSON last."""
    with single_thread():
        if isinstance(job, RaceJob):
            _race(job, path)
        else:
            _execute(job, path, ledgers)


def _race(job: RaceJob, path: Path) -> None:
    configuration, task = load_inputs(path)
    outcome = run_race(job, configuration, data_of(configuration, task, job.replicate))
    RunFolder(path).write_outcome(job.key, outcome)


def _execute(job: Job, path: Path, ledgers: Ledgers | None) -> None:
    folder = RunFolder(path)
    configuration, task = load_inputs(path)
    task = data_of(configuration, task, job.replicate)
    ledger = None if ledgers is None else partial(ledgers.sampler, job.key)
    of_run = configuration if job.final else _evaluated_once(configuration)
    run = train(task, of_run, RunSettings(job.arm, job.setting), job.seed, ledger)
    outcome: dict[str, Any] = {
        "job": job_file(job),
        "validation_loss": run.validation_loss,
        "diverged": run.diverged,
    }
    if job.final:
        outcome |= {"test_loss": _test_loss(run, task, configuration)}
        outcome |= {"head": save_head(folder.head(job.arm.name, job.seed), run.head)}
        outcome |= {"records": run.records, "seconds": run.seconds, "excess": _excess(run, task)}
        outcome["agreement"] = _agreement(run.head, run.diverged, job, task, configuration)
        outcome["noise"] = _noise(run.head, run.diverged, task, configuration)
    folder.write_outcome(job.key, outcome)


def _evaluated_once(configuration: Configuration) -> Configuration:
    """For a trial, of which only the last validation loss counts."""
    training = configuration.training
    once = training.model_copy(update={"evaluate_every": training.steps})
    return configuration.model_copy(update={"training": once})


def _test_loss(run: TrainedRun, task: Task, configuration: Configuration) -> float | None:
    if run.diverged:
        return None
    loss = mean_loss(run.head, final_windows(task, configuration.training.test_windows))
    return loss if isfinite(loss) else None


def _excess(run: TrainedRun, task: Task) -> float | None:
    if task.exact is None or run.diverged:
        return None
    excess = task.exact_excess(run.head)
    return excess if isfinite(excess) else None


def _agreement(
    head: nn.Module, diverged: bool, job: Job, task: Task, configuration: Configuration
) -> dict[str, Any] | None:
    if diverged or not isinstance(head, CircuitHead):
        return None
    backend = configuration.backend
    windows = validation_windows(task, backend.contexts)
    who = f"{job.arm.name}, seed {job.seed}"
    if job.seed == 0:
        return check_agreement(head, windows, backend.shots, job.seed, who)
    if configuration.protocol.replicates is None or job.seed in final_seeds(configuration, job.replicate)[:1]:
        check_probabilities(head, windows, who)
    return None


def _noise(head: nn.Module, diverged: bool, task: Task, configuration: Configuration) -> list[float] | None:
    """Losses under noise, where the comparison has a backend that simulates circuits."""
    if diverged or configuration.backend.name in WITHOUT_SIMULATOR or not isinstance(head, CircuitHead):
        return None
    return noise_sweep(head, validation_windows(task, configuration.backend.contexts))


def _mean_or_none(losses: Sequence[float | None]) -> float | None:
    finite = [loss for loss in losses if loss is not None]
    return sum(finite) / len(finite) if len(finite) == len(losses) else None

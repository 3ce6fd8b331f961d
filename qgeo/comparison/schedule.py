"""The runs of a comparison: which there are, each done once, in parallel, kept as soon as it is finished.

A job is one run of one arm on one seed at one point of the grid. Its outcome is a file in the run folder;
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
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

from torch import nn

from qgeo.backends.ledgers import Ledgers
from qgeo.comparison.agreement import check_agreement, check_probabilities
from qgeo.comparison.arms import Arm
from qgeo.comparison.inputs import load_inputs
from qgeo.comparison.noise import noise_sweep
from qgeo.comparison.outcomes import Outcome
from qgeo.comparison.run_folder import RUN_FILES, RunFolder, save_head
from qgeo.comparison.sections import Configuration
from qgeo.comparison.threads import single_thread
from qgeo.comparison.training import RunSettings, train, validation_windows
from qgeo.errors import ConfigurationError, QGeoError, RunFolderError
from qgeo.heads.circuit_head import CircuitHead
from qgeo.system import MOST_WORKERS, cores, end_at_interrupts, interrupts_put_off, is_alive
from qgeo.tasks.task import Task

TUNING_SEED = 10_000
"""First seed of the tuning runs; final runs count from 0."""

GUARD = (
    'expected the call of compare under `if __name__ == "__main__":`, as its workers import the script that '
    "calls it; put it there, or use workers=1"
)

WITHOUT_SIMULATOR = ("exact", "sampled")
"""Backends on which nothing is simulated; their runs need no density matrices either."""

Progress = Callable[[], None]


@dataclass(frozen=True)
class Job:
    """One run. `final` jobs keep their head and, for quantum heads, run it again on Aer."""

    arm: Arm
    lr: float
    damping: float
    seed: int
    final: bool

    @property
    def key(self) -> str:
        """Its file name in the run folder."""
        if self.final:
            return final_key(self.arm.name, self.seed)
        return f"tuning/{self.arm.name}-lr{self.lr!r}-{self.seed}"


def job_file(job: Job) -> dict[str, Any]:
    """What its outcome says of a job: the settings of an arm are in the configuration, by its name."""
    return asdict(job) | {"arm": job.arm.name}


def final_key(arm: str, seed: int) -> str:
    """The file name of a final run in the run folder, and the place of its ledger."""
    return f"final/{arm}-{seed}"


def tuning_jobs(configuration: Configuration, arms: Sequence[Arm]) -> list[Job]:
    """Every arm at every point of the grid, on the tuning seeds.

    An arm that trains from shots has the trials of its exact twin, whether that is among the arms or not:
    no shot, and no second of a device, goes into tuning.
    """
    grid = configuration.tuning
    seeds = range(TUNING_SEED, TUNING_SEED + grid.seeds)
    tuned = dict.fromkeys(arm.twin for arm in arms)
    return [
        Job(arm, lr, arm.damping or grid.damping, seed, final=False)
        for arm in tuned
        for lr in grid.lr
        for seed in seeds
    ]


def final_jobs(configuration: Configuration, chosen: dict[Arm, float]) -> list[Job]:
    """Every arm at its chosen learning rate, on the final seeds."""
    return [
        Job(arm, lr, arm.damping or configuration.tuning.damping, seed, final=True)
        for arm, lr in chosen.items()
        for seed in range(configuration.training.seeds)
    ]


def mean_trial_losses(
    folder: RunFolder, configuration: Configuration, arm: Arm
) -> list[tuple[float, float | None]]:
    """(lr, mean final validation loss over tuning seeds) of its trials; None where any of them diverged."""
    jobs = tuning_jobs(configuration, [arm])
    losses: dict[float, list[float | None]] = {}
    for job in jobs:
        losses.setdefault(job.lr, []).append(folder.read_outcome(job.key, Outcome).final_loss)
    return [(lr, _mean_or_none(values)) for lr, values in losses.items()]


def best_learning_rate(trials: list[tuple[float, float | None]]) -> float:
    """The learning rate of the lowest loss; the smallest one where every trial diverged."""
    finished = [(loss, lr) for lr, loss in trials if loss is not None]
    return min(finished)[1] if finished else min(lr for lr, _ in trials)


def run_jobs(
    jobs: Sequence[Job],
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


def _executed(jobs: Sequence[Job], folder: RunFolder, workers: int, ledgers: Ledgers | None) -> Iterator[Job]:
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


def execute(job: Job, path: Path, ledgers: Ledgers | None = None) -> None:
    """Train one run and keep its outcome, in one thread; a final job's head is kept first, its JSON last."""
    with single_thread():
        _execute(job, path, ledgers)


def _execute(job: Job, path: Path, ledgers: Ledgers | None) -> None:
    folder = RunFolder(path)
    configuration, task = load_inputs(path)
    settings = RunSettings(job.arm, job.lr, job.damping)
    ledger = None if ledgers is None else partial(ledgers.sampler, job.key)
    run = train(task, configuration, settings, job.seed, ledger)
    outcome: dict[str, Any] = {
        "job": job_file(job),
        "final_loss": run.final_loss,
        "diverged": run.diverged,
    }
    if job.final:
        outcome |= {"head": save_head(folder.head(job.arm.name, job.seed), run.head)}
        outcome |= {"records": run.records, "seconds": run.seconds, "excess": _excess(run, task)}
        outcome["agreement"] = _agreement(run.head, run.diverged, job, task, configuration)
        outcome["noise"] = _noise(run.head, run.diverged, task, configuration)
    folder.write_outcome(job.key, outcome)


def _excess(run: Any, task: Task) -> float | None:
    return None if task.exact is None or run.diverged else task.exact_excess(run.head)


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

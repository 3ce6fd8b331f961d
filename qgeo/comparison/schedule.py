"""The jobs of a comparison, each done once, in parallel, kept as soon as it is finished.

The outcome of a job is a file in the run folder, and a job whose file exists is not run again: an interrupted
comparison continues to the same records. Only this process writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from qgeo.backends.ledgers import Ledgers
from qgeo.comparison.execution import execute
from qgeo.comparison.inputs import RunInputs
from qgeo.comparison.jobs import Job
from qgeo.comparison.run_folder import RUN_FILES, Files, RunFolder
from qgeo.comparison.shadow_race import RaceJob
from qgeo.errors import ConfigurationError, RunFolderError
from qgeo.system import MOST_WORKERS
from qgeo.workers.batches import Pool, results
from qgeo.workers.cluster import SchedulerLostError, check_answers, cluster_pool
from qgeo.workers.local import NotImportedError, WorkersEndedError, default_workers, local_pool

AnyJob = Job | RaceJob
Progress = Callable[[], None]


@dataclass(frozen=True)
class Workforce:
    """Who runs the jobs.

    Attributes:
        workers: processes of this machine, of which 1 is this one; scheduler: address of a Dask cluster whose
            workers do it instead.
    """

    workers: int
    scheduler: str | None = None

    @classmethod
    def of(cls, workers: int | None, scheduler: str | None) -> Workforce:
        """One process a core by default.

        Raises:
            ConfigurationError: fewer than one, or both, or nobody answers there.
        """
        if workers is not None and scheduler is not None:
            raise ConfigurationError(
                "expected workers of this machine or a scheduler, got both; a cluster has its own workers"
            )
        if workers is not None and workers < 1:
            raise ConfigurationError(f"expected at least 1 worker, got {workers}; None takes one a core")
        if scheduler is not None:
            check_answers(scheduler)
        return cls(workers or default_workers(), scheduler)


def run_jobs(
    jobs: Sequence[AnyJob],
    folder: RunFolder,
    workforce: Workforce,
    progress: Progress,
    ledgers: Ledgers | None = None,
) -> None:
    """Run the jobs whose outcome is not there yet; `progress` is called once per job that is done.

    With `ledgers`, which have one budget and one runner, everything runs in this process.
    """
    missing = [job for job in jobs if not RUN_FILES.is_there(folder.part(job.key))]
    for _ in range(len(jobs) - len(missing)):
        progress()
    for files in _executed(missing, folder, workforce, ledgers):
        folder.write_files(files)
        progress()


def _executed(
    jobs: Sequence[AnyJob], folder: RunFolder, workforce: Workforce, ledgers: Ledgers | None
) -> Iterator[Files]:
    inputs = RunInputs.read(folder)
    workers = min(workforce.workers, len(jobs), MOST_WORKERS)
    if ledgers is not None or (workforce.scheduler is None and workers <= 1):
        yield from (execute(inputs, job, ledgers) for job in jobs)
    elif jobs:
        with _pool(workers, workforce.scheduler, folder) as pool:
            yield from (files for _, files in results(execute, inputs, jobs, pool))


@contextmanager
def _pool(workers: int, scheduler: str | None, folder: RunFolder) -> Iterator[Pool]:
    """Workers; what goes wrong with them in a sentence that says how to go on."""
    resume = f"qgeo compare --resume {folder.path}"
    try:
        with local_pool(workers) if scheduler is None else cluster_pool(scheduler) as pool:
            yield pool
    except NotImportedError as error:
        raise ConfigurationError(f"{error}; {resume} goes on") from None
    except SchedulerLostError:
        raise RunFolderError(
            f"the scheduler at {scheduler} is gone; what was done is kept, and once there is one again "
            f"{resume} --scheduler ADDRESS goes on"
        ) from None
    except WorkersEndedError:
        fewer = f"{resume} --workers 1" if scheduler is None else f"{resume} --scheduler ADDRESS"
        raise RunFolderError(
            "a worker process was ended from outside, most likely for lack of memory; "
            f"finish with fewer of them: {fewer}"
        ) from None

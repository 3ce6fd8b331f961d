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


@dataclass(frozen=True)
class Crew:
    """What runs the jobs of one comparison, stage after stage.

    Attributes:
        pool: its workers; None: this process.
    """

    folder: RunFolder
    workforce: Workforce
    pool: Pool | None

    def run(self, jobs: Sequence[AnyJob], progress: Progress, ledgers: Ledgers | None = None) -> None:
        """Run the jobs whose outcome is not there yet; `progress` is called once per job that is done.

        With `ledgers`, which have one budget and one runner, everything runs in this process.
        """
        missing = [job for job in jobs if not RUN_FILES.is_there(self.folder.part(job.key))]
        for _ in range(len(jobs) - len(missing)):
            progress()
        for files in self._executed(missing, ledgers):
            self.folder.write_files(files)
            progress()

    def _executed(self, jobs: Sequence[AnyJob], ledgers: Ledgers | None) -> Iterator[Files]:
        inputs = RunInputs.read(self.folder)
        if self.pool is None or ledgers is not None:
            yield from (execute(inputs, job, ledgers) for job in jobs)
        elif jobs:
            with _losses_told(self.workforce.scheduler, self.folder):
                yield from (files for _, files in results(execute, inputs, jobs, self.pool))


@contextmanager
def crew(folder: RunFolder, workforce: Workforce) -> Iterator[Crew]:
    """Whoever runs the jobs, for all stages: processes are started once."""
    workers = min(workforce.workers, MOST_WORKERS)
    if workforce.scheduler is not None:
        with cluster_pool(workforce.scheduler) as cluster:
            yield Crew(folder, workforce, cluster)
    elif workers > 1:
        with local_pool(workers) as processes:
            yield Crew(folder, workforce, processes)
    else:
        yield Crew(folder, workforce, None)


@contextmanager
def _losses_told(scheduler: str | None, folder: RunFolder) -> Iterator[None]:
    """What goes wrong with workers in a sentence that says how to go on."""
    resume = f"qgeo compare --resume {folder.path}"
    try:
        yield
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

"""Who does the work: this process, processes of this machine, or the workers of a Dask cluster.

What goes wrong with workers is told in one sentence that names the command which goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from qgeo.errors import ConfigurationError, RunFolderError
from qgeo.system import MOST_WORKERS
from qgeo.workers.batches import Pool
from qgeo.workers.cluster import SchedulerLostError, check_answers, cluster_pool
from qgeo.workers.local import NotImportedError, WorkersEndedError, default_workers, local_pool


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

    @contextmanager
    def pool(self) -> Iterator[Pool | None]:
        """Its workers, started once; None for this process."""
        workers = min(self.workers, MOST_WORKERS)
        if self.scheduler is not None:
            with cluster_pool(self.scheduler) as cluster:
                yield cluster
        elif workers > 1:
            with local_pool(workers) as processes:
                yield processes
        else:
            yield None

    @contextmanager
    def losses_told(self, resume: str) -> Iterator[None]:
        """What goes wrong with workers in a sentence that says how to go on.

        Args:
            resume: the command that does, without options about workers.

        Raises:
            ConfigurationError: workers cannot import the script that calls.
            RunFolderError: the scheduler is gone, or a worker was ended from outside.
        """
        try:
            yield
        except NotImportedError as error:
            raise ConfigurationError(f"{error}; {resume} goes on") from None
        except SchedulerLostError:
            raise RunFolderError(
                f"the scheduler at {self.scheduler} is gone; what was done is kept, and once there is one "
                f"again {resume} --scheduler ADDRESS goes on"
            ) from None
        except WorkersEndedError:
            fewer = f"{resume} --workers 1" if self.scheduler is None else f"{resume} --scheduler ADDRESS"
            raise RunFolderError(
                "a worker process was ended from outside, most likely for lack of memory; "
                f"finish with fewer of them: {fewer}"
            ) from None

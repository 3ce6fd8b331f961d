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
from qgeo.workers.batches import Pool, results
from qgeo.workers.workforce import Workforce

AnyJob = Job | RaceJob
Progress = Callable[[], None]


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
            with self.workforce.losses_told(f"qgeo compare --resume {self.folder.path}"):
                yield from (files for _, files in results(execute, inputs, jobs, self.pool))


@contextmanager
def crew(folder: RunFolder, workforce: Workforce) -> Iterator[Crew]:
    """Whoever runs the jobs, for all stages: processes are started once."""
    with workforce.pool() as pool:
        yield Crew(folder, workforce, pool)

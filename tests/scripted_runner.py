"""A runner for tests: jobs in memory, answers that get lost on demand, a count of what was posted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from qiskit_aer.primitives import SamplerV2

from qgeo.backends.runner import Finished, Listed, Tags, Wanted, run_work
from qgeo.backends.work import Work
from qgeo.errors import RefusedError, UnansweredError


class ScriptedRunner:
    """Every posted job is kept with its tag; `lose_answers` posts are made but answered with an error,
    `refuse` posts are not made (`passing`: for a passing reason); `unlisted` searches find nothing;
    `statuses` are given out before a job is done; `charges` answer the questions for a charge, a job's first
    one comes with its result, and 1.5 s are charged once they are used up."""

    def __init__(
        self,
        *,
        lose_answers: int = 0,
        refuse: int = 0,
        passing: bool = False,
        unlisted: int = 0,
        statuses: tuple[str, ...] = (),
        charges: tuple[float | None, ...] = (),
    ) -> None:
        self.lose_answers, self.refuse, self.passing = lose_answers, refuse, passing
        self.unlisted, self.statuses, self.charges = unlisted, list(statuses), list(charges)
        self.posted: list[tuple[str, Work]] = []
        self.tags: list[frozenset[str | None]] = []
        self.cancelled: list[str] = []
        self.asked: list[str] = []
        self.fetched = 0
        self.closed = False

    def post(self, work: Work, tags: Tags, sending: Callable[[], None]) -> str:
        sending()
        if self.refuse:
            self.refuse -= 1
            raise RefusedError("the job was not posted: 400", is_passing=self.passing)
        self.posted.append((tags.job, work))
        self.tags.append(frozenset({tags.job, tags.ledger}))
        if self.lose_answers:
            self.lose_answers -= 1
            raise UnansweredError("503")
        return f"job-{len(self.posted) - 1}"

    def find(self, tag: str) -> list[Listed]:
        if self.posted and self.unlisted:
            self.unlisted -= 1
            return []
        return [Listed(f"job-{place}", tags) for place, tags in enumerate(self.tags) if tag in tags]

    def status(self, job_id: str, tag: str) -> str:
        del job_id, tag
        return self.statuses.pop(0) if self.statuses else "done"

    def instances(self) -> tuple[str, ...]:
        return ()

    def open(self) -> bool:
        return False

    def result(self, job_id: str, wanted: Wanted) -> Finished:
        self.fetched += 1
        seed = int(job_id.removeprefix("job-"))
        return Finished(tuple(run_work(SamplerV2(seed=seed), wanted.work())), self._charge())

    def charged(self, job_id: str) -> float | None:
        self.asked.append(job_id)
        return self._charge()

    def _charge(self) -> float | None:
        return self.charges.pop(0) if self.charges else 1.5

    def cancel(self, job_id: str, tag: str) -> None:
        del tag
        self.cancelled.append(job_id)

    def remaining_seconds(self) -> float | None:
        return float(np.inf)

    def close(self) -> None:
        self.closed = True

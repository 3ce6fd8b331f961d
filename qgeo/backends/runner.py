"""Runners: where a ledger's jobs run. The local one stands for a fake device, the other is in `ibm.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from qiskit.primitives import BaseSamplerV2

from qgeo.backends.ledger_files import CircuitShape
from qgeo.backends.work import Work
from qgeo.estimators.experiments import REGISTER

Bits = NDArray[np.uint8]


@dataclass(frozen=True)
class Tags:
    """What a job is found by: its own tag, and that of its ledger (none in format 1)."""

    job: str
    ledger: str | None = None


@dataclass(frozen=True)
class Listed:
    """A job that is found: its id, and all of its tags."""

    job_id: str
    tags: frozenset[str]


@dataclass(frozen=True, eq=False)
class Finished:
    """Packed bits (rows, shots, bytes) per circuit, and the seconds that were charged, None until that is
    final (`usage.py`)."""

    bits: tuple[Bits, ...]
    seconds: float | None


@dataclass(frozen=True, eq=False)
class Wanted:
    """What the result of a job must look like, circuit by circuit, and its work, for whoever runs it here."""

    shapes: tuple[CircuitShape, ...]
    shots: int
    work: Callable[[], Work]


class Runner(Protocol):
    """What a ledger needs of a place where jobs run."""

    def post(self, work: Work, tags: Tags, sending: Callable[[], None]) -> str:
        """Start a job with these tags, trying once; its id. `sending` is called right before it leaves.

        Raises:
            RefusedError: there is no job. UnansweredError: there may be one.
        """
        ...

    def find(self, tag: str) -> list[Listed]:
        """The jobs that have this tag: a post whose answer was lost may have made one.

        Raises:
            PendingError: no usable answer.
        """
        ...

    def status(self, job_id: str, tag: str) -> str:
        """queued, running, done, failed, cancelled, or missing where nobody knows such a job.

        Raises:
            PendingError: no usable answer now. LedgerError: the job has not this tag.
        """
        ...

    def instances(self) -> tuple[str, ...]:
        """Marks of the places whose jobs can be asked for, the one first to which jobs are posted; none where
        there is but one place."""
        ...

    def open(self) -> bool:
        """Get ready to post; whether that took a while, in which somebody else may have posted the same.

        Raises:
            RefusedError: nothing can be posted now.
        """
        ...

    def result(self, job_id: str, wanted: Wanted) -> Finished:
        """The bits of a job that is done."""
        ...

    def charged(self, job_id: str) -> float | None:
        """Seconds that a job which has ended was charged, None until that is final.

        Raises:
            PendingError: no answer now.
        """
        ...

    def cancel(self, job_id: str, tag: str) -> None:
        """End a job that is not done, if it has this tag."""
        ...

    def remaining_seconds(self) -> float | None:
        """What is left of the allowance, None where there is none or nobody says."""
        ...

    def close(self) -> None:
        """Nothing is posted from here on; what was posted still runs."""
        ...


class LocalRunner:
    """A fake device on Aer: a job is run when it is collected, from its files alone.

    Args:
        sampler: makes a V2 sampler on the device's noise from a generator.
    """

    def __init__(self, sampler: BaseSamplerV2) -> None:
        self._sampler = sampler

    def post(self, work: Work, tags: Tags, sending: Callable[[], None]) -> str:
        """Nothing leaves this machine: the job's tag is its id."""
        del work, sending
        return tags.job

    def find(self, tag: str) -> list[Listed]:
        """Nothing is anywhere else."""
        del tag
        return []

    def status(self, job_id: str, tag: str) -> str:
        del job_id, tag
        return "done"

    def instances(self) -> tuple[str, ...]:
        return ()

    def open(self) -> bool:
        return False

    def result(self, job_id: str, wanted: Wanted) -> Finished:
        """Run it, seeded by the job's id: collected twice it is the same."""
        work, seed = wanted.work(), np.frombuffer(job_id.encode(), dtype=np.uint8)
        return Finished(tuple(run_work(self._sampler(np.random.default_rng(seed)), work)), None)

    def charged(self, job_id: str) -> float | None:
        """Nobody charges: the estimate counts as the cost of a job."""
        del job_id
        return None

    def cancel(self, job_id: str, tag: str) -> None:
        del job_id, tag

    def remaining_seconds(self) -> float | None:
        return None

    def close(self) -> None:
        """Nothing is open."""


def run_work(sampler: BaseSamplerV2, work: Work) -> Sequence[Bits]:
    """The work on any V2 sampler, now."""
    pubs = [(c, v if c.num_parameters else None) for c, v in zip(work.circuits, work.values, strict=True)]
    results = sampler.run(pubs, shots=work.shots).result()
    return [
        result.data[REGISTER].array.reshape(len(rows), work.shots, -1)
        for result, rows in zip(results, work.values, strict=True)
    ]

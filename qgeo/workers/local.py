"""Workers on this machine: processes that this one starts and that end with it."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from threading import Thread
from time import sleep
from typing import Any

from qgeo.errors import ConfigurationError
from qgeo.system import MOST_WORKERS, cores, end_at_interrupts, interrupts_put_off, is_alive
from qgeo.workers.batches import Work, worked

GUARD = (
    'expected the call of compare under `if __name__ == "__main__":`, as its workers import the script that '
    "calls it; put it there, or use workers=1"
)


class NotImportedError(ConfigurationError):
    """Workers could not import the script that started them."""


class WorkersEndedError(Exception):
    """Worker processes were ended from outside."""


def default_workers() -> int:
    """One worker per core that this process may use."""
    return min(cores(), MOST_WORKERS)


def check_guard() -> None:
    """Raise a NotImportedError in a process that is importing the script of another, to be its worker."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # as multiprocessing itself asks
        raise NotImportedError(GUARD)


@contextmanager
def local_pool(workers: int) -> Iterator[LocalPool]:
    """At most so many processes of this machine, started when there is work, which end with this one."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=_end_with_parent, initargs=(os.getpid(),)
    ) as executor:
        try:
            yield LocalPool(executor, workers)
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise


@dataclass
class LocalPool:
    """Processes that an executor has started, which `processes` collects, as the executor forgets them."""

    executor: ProcessPoolExecutor
    workers: int
    processes: set[BaseProcess] = field(default_factory=set)

    def share(self, common: Any) -> Any:
        """It goes with every batch."""
        return common

    def submit(self, work: Work[Any, Any, Any], common: Any, items: Sequence[Any]) -> Future[Any]:
        """Send a batch to whichever process is free first; errors as for `result`."""
        with self._broken_pools_told(), interrupts_put_off():  # while they import, workers would print that
            future = self.executor.submit(worked, work, common, items)
        self.processes.update(multiprocessing.active_children())
        return future

    def result(self, future: Future[Any]) -> Any:
        """What a batch came to.

        Raises:
            NotImportedError: workers cannot import the script that calls.
            WorkersEndedError: one was ended from outside.
        """
        with self._broken_pools_told():
            return future.result()

    def size(self) -> int:
        """Processes."""
        return self.workers

    @contextmanager
    def _broken_pools_told(self) -> Iterator[None]:
        """Those that an exception of the work does not end failed to import what started them."""
        try:
            yield
        except BrokenProcessPool:
            self.executor.shutdown()  # now they all have an exit status
            imported = all(process.exitcode != 1 for process in self.processes)
            raise (WorkersEndedError() if imported else NotImportedError(GUARD)) from None


def _end_with_parent(parent: int) -> None:
    """A worker whose parent was killed ends within a second, instead of waiting for ever; one whose parent is
    interrupted, with it."""
    end_at_interrupts()

    def watch() -> None:
        while os.getppid() == parent and is_alive(parent):  # Windows keeps the number of a dead parent
            sleep(1)
        os._exit(1)

    Thread(target=watch, daemon=True).start()

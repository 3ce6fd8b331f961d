"""Independent items of pure work, in batches, wherever they are worked on.

    work(common, item) → result

Workers write nothing: results come back to the caller, in whatever order they are done. A batch takes about
a second, so that ten thousand items of 50 ms are a few hundred messages, and whoever is interrupted loses no
more than that of each worker.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from threading import Lock
from time import perf_counter
from typing import Any, Protocol, TypeVar

Common = TypeVar("Common")
Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Common, Item], Result]

BATCH_SECONDS = 1.0
"""Chosen: a hundred times what a batch costs on its way (benchmarks/README.md, "Workers")."""

MOST_ITEMS = 64
"""Of a batch, a choice."""

QUEUED = 2
"""Batches a worker has at once, one to work on and one to go on with."""

_ONE_AT_A_TIME = Lock()
"""Threads of linear algebra are counted per process: a worker of several threads works on one batch."""


class Pool(Protocol):
    """Where batches are worked on."""

    def share(self, common: Any) -> Any:
        """What to give to `submit` in place of what all items have in common."""

    def submit(self, work: Work[Any, Any, Any], common: Any, items: Sequence[Any]) -> Future[Any]:
        """Have a batch worked on, by `worked`."""

    def result(self, future: Future[Any]) -> Any:
        """What a batch came to, or the error of the work, or of the pool."""

    def size(self) -> int:
        """Workers there are now."""


def results(
    work: Work[Common, Item, Result], common: Common, items: Sequence[Item], pool: Pool
) -> Iterator[tuple[Item, Result]]:
    """Every item with its result, as soon as its batch is done.

    Raises:
        whatever the work or the pool raises; batches under way are lost then.
    """
    waiting, size = deque(items), 1
    pending: dict[Future[Any], list[Item]] = {}
    shared = pool.share(common)
    while waiting or pending:
        while waiting and len(pending) < QUEUED * max(pool.size(), 1):
            batch = [waiting.popleft() for _ in range(min(size, len(waiting)))]
            pending[pool.submit(work, shared, batch)] = batch
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            batch = pending.pop(future)
            done, seconds = pool.result(future)
            size = batch_size(seconds / len(batch), len(waiting), pool.size())
            yield from zip(batch, done, strict=True)


def batch_size(seconds: float, waiting: int, workers: int) -> int:
    """Items for about a second, fewer towards the end, so that all workers end together.

    Args:
        seconds: of one item; waiting: items that nobody works on yet.

    >>> batch_size(0.05, 10_000, 8), batch_size(0.05, 40, 8), batch_size(60.0, 40, 8)
    (20, 2, 1)
    """
    fair = waiting // (QUEUED * max(workers, 1))
    return max(1, min(int(BATCH_SECONDS / max(seconds, 1e-9)), fair, MOST_ITEMS))


def worked(
    work: Work[Common, Item, Result], common: Common, items: Sequence[Item]
) -> tuple[list[Result], float]:
    """What a worker does with a batch: the results, and the seconds they took."""
    with _ONE_AT_A_TIME:
        started = perf_counter()
        return [work(common, item) for item in items], perf_counter() - started

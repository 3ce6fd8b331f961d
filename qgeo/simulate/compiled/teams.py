"""Who does which part of a sweep: contexts dealt out to threads, or each context to a team of all threads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache


@dataclass(frozen=True)
class Parts:
    """Contexts first … last − 1 of every thread.

    `is_team`: all have the same contexts, and work on each of them together; else each has its own.
    """

    contexts: tuple[tuple[int, int], ...]
    is_team: bool

    @cached_property
    def count(self) -> int:
        return len(self.contexts)

    @cached_property
    def groups(self) -> int:
        """How many share nothing with each other."""
        return 1 if self.is_team else self.count


@lru_cache(maxsize=256)
def parts(contexts: int, together: int, threads: int) -> Parts:
    """Contexts in parts for so many threads, `together` of them at a time.

    >>> parts(20, 8, 2).contexts, parts(1, 1, 2)
    (((0, 16), (16, 20)), Parts(contexts=((0, 1), (0, 1)), is_team=True))
    """
    if threads == 1:
        return Parts(((0, contexts),), is_team=False)
    registers = -(-contexts // together)
    if registers < threads:
        return Parts(((0, contexts),) * threads, is_team=True)
    step = -(-registers // threads) * together
    return Parts(
        tuple((first, min(contexts, first + step)) for first in range(0, contexts, step)), is_team=False
    )

"""A published number beside ours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from qgeo.studies.study import Row


@dataclass(frozen=True)
class PublishedNumber:
    """What somebody printed, and what is computed here.

    Attributes:
        setting: of what; published: as it was printed, digit by digit; ours: computed.
        within: how far they may be apart, where not all digits are to agree: the reason is the caller's.
    """

    setting: str
    published: str
    ours: float
    within: float | None = None

    @property
    def shown(self) -> str:
        """Ours, with as many decimals.

        >>> PublishedNumber("π", "3.14", 3.14159).shown
        '3.14'
        """
        return f"{self.ours:.{len(self.published.partition('.')[2])}f}"

    @property
    def agrees(self) -> bool:
        """In all digits, or within what is allowed.

        >>> PublishedNumber("π", "3.13", 3.14159).agrees, PublishedNumber("π", "3.13", 3.14159, 0.02).agrees
        (False, True)
        """
        if self.within is None:
            return self.shown == self.published
        return abs(self.ours - float(self.published)) < self.within


def as_row(numbers: Iterable[PublishedNumber]) -> Row:
    """As what a piece of work gives."""
    return {"numbers": [vars(number) for number in numbers]}


def numbers_of(row: Row) -> list[PublishedNumber]:
    """Back from it."""
    return [PublishedNumber(**number) for number in row["numbers"]]

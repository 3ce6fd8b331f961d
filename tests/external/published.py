"""Published numbers beside ours, as tests ask for them; `qgeo study checks` prints the same."""

from __future__ import annotations

from collections.abc import Iterable

from qgeo.studies.experiments.published_numbers import PublishedNumber


def reproduced(numbers: Iterable[PublishedNumber]) -> None:
    """Print a line per number; each agrees as it says it does."""
    found = list(numbers)
    for number in found:
        print(f"{number.setting:>48}  {number.published:>16}  {number.shown:>16}")
    assert [number for number in found if not number.agrees] == []
    assert found

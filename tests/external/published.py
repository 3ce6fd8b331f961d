"""Published figures beside ours: what `make studies` shows of the external checks."""

from __future__ import annotations

from collections.abc import Mapping

Figures = Mapping[str, tuple[str, float]]
"""By name, a figure as it was published, digit by digit, and ours."""


def at_digits_of(published: str, ours: float) -> str:
    """Our figure with as many decimals."""
    return f"{ours:.{len(published.partition('.')[2])}f}"


def show(title: str, figures: Figures, source: str = "published") -> None:
    """Print a table of what was published, or is said by another source, and what is computed."""
    print(f"\n{title}\n{'':>32}  {source:>12}  {'qgeo':>12}")
    for name, (published, ours) in figures.items():
        print(f"{name:>32}  {published:>12}  {at_digits_of(published, ours):>12}")


def reproduced(title: str, figures: Figures, source: str = "published") -> None:
    """Print the table; every figure agrees in all digits."""
    show(title, figures, source)
    for name, (published, ours) in figures.items():
        assert at_digits_of(published, ours) == published, f"{title}: {name}"

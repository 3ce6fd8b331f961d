"""What a study is: a claim, pieces of work that bear on it, and what may be said when they are done.

    items(preset) → measure(item) → rows → conclude(rows), draw(rows)

Items are independent and pure, so that a study can be interrupted, resumed and shared among workers. Beside
the real thing every study measures a null, where nothing may be seen, and an effect of known size, which must
be: a study whose checks fail has no verdict, nor has one on fewer than 40 replicates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from qgeo.statistics.means import Interval, mean_interval

Row = dict[str, Any]
"""A JSON object: what a piece of work is asked, and what it gave."""

Measure = Callable[[Row], Row]

Preset = Literal["quick", "full"]
PRESETS: tuple[Preset, ...] = ("quick", "full")
Role = Literal["theorem", "null", "effect", "published"]
Verdict = Literal["proved", "supported", "not supported", "not decided"]

FEWEST_REPLICATES = 40
"""Below which no verdict is allowed: a paired t-test of identical arms, each tuned, calls them different in
5% of cases from about this number on (results/planted)."""


@dataclass(frozen=True)
class Check:
    """Something known beforehand, seen again.

    Attributes:
        role: a theorem, a planted null or effect, or a published figure; expected, seen: in words and
            numbers; holds: whether they agree.
    """

    role: Role
    expected: str
    seen: str
    holds: bool

    @classmethod
    def below(cls, role: Role, what: str, seen: float, bound: float) -> Check:
        """That a number is below a bound.

        >>> Check.below("null", "difference", 0.02, 0.01)
        Check(role='null', expected='difference below 0.01', seen='0.02', holds=False)
        """
        return cls(role, f"{what} below {bound:g}", f"{seen:.4g}", bool(seen < bound))

    @classmethod
    def above(cls, role: Role, what: str, seen: float, bound: float) -> Check:
        """That it is above."""
        return cls(role, f"{what} above {bound:g}", f"{seen:.4g}", bool(seen > bound))


@dataclass(frozen=True)
class Table:
    """Numbers as text, the first column naming its row."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure with its caption; `name` is that of its files."""

    name: str
    caption: str
    axes: Axes | list[Axes]


@dataclass(frozen=True)
class Findings:
    """What the rows of a study say.

    Attributes:
        verdict: on the claim, if all checks hold; answer: a sentence or two, with intervals and n.
        replicates: independent ones behind the verdict; None where nothing random decides it.
        numbers: what machines and RESULTS.md read, JSON.
    """

    verdict: Verdict
    answer: str
    checks: tuple[Check, ...]
    tables: tuple[Table, ...] = ()
    replicates: int | None = None
    numbers: Row = field(default_factory=dict)

    @property
    def allowed(self) -> tuple[Verdict, str]:
        """The verdict that may be given, and why it is not the study's own, or "".

        >>> missed = Check("null", "0", "0.2", holds=False)
        >>> Findings("supported", "yes", (missed,)).allowed
        ('not decided', 'a check failed: expected 0, saw 0.2')
        >>> Findings("supported", "yes", (), replicates=12).allowed
        ('not decided', 'a verdict takes 40 replicates, this run has 12')
        """
        failed = [check for check in self.checks if not check.holds]
        if failed:
            return "not decided", f"a check failed: expected {failed[0].expected}, saw {failed[0].seen}"
        if self.replicates is not None and self.replicates < FEWEST_REPLICATES:
            reason = f"a verdict takes {FEWEST_REPLICATES} replicates, this run has {self.replicates}"
            return "not decided", reason
        return self.verdict, ""


@dataclass(frozen=True)
class Study:
    """A study by name.

    Attributes:
        title: what it asks; claim, source: whose claim it is about, and where it stands.
        theorem: what is proved, with its conditions; "" where nothing is. method, limits: prose; a blank line
            parts paragraphs, an indented line is a formula.
        items: pieces of work of a preset, the longest first; measure: what one gives, a JSON object.
        conclude, draw: from all rows, an item with what it gave each, in the items' order.
    """

    name: str
    title: str
    claim: str
    source: str
    theorem: str
    method: str
    limits: str
    items: Callable[[Preset], list[Row]]
    measure: Measure
    conclude: Callable[[Sequence[Row]], Findings]
    draw: Callable[[Sequence[Row]], Sequence[Drawing]]


def by_kind(measures: Mapping[str, Measure]) -> Measure:
    """A study's measure, whose items say by `kind` which of several they ask for."""

    def measure(item: Row) -> Row:
        return measures[item["kind"]](item)

    return measure


def columns(rows: Sequence[Row], *names: str) -> list[NDArray[np.float64]]:
    """Numbers of all rows by name, an array each."""
    return [np.array([row[name] for row in rows], dtype=float) for name in names]


def with_interval(values: Interval, digits: int = 3) -> str:
    """A mean with its interval, as text.

    >>> with_interval(Interval(0.5, 0.25, 0.75, 12), 2)
    '0.50 [0.25, 0.75]'
    """
    if values.mean is None:
        return "none"
    if values.ci_low is None or values.ci_high is None:
        return f"{values.mean:.{digits}f} (no interval)"
    return f"{values.mean:.{digits}f} [{values.ci_low:.{digits}f}, {values.ci_high:.{digits}f}]"


def exponential(values: Interval) -> Interval:
    """Of a mean of logarithms: the geometric mean with its interval."""
    logarithms = (values.mean, values.ci_low, values.ci_high)
    mean, low, high = (None if each is None else float(np.exp(each)) for each in logarithms)
    return Interval(mean, low, high, values.n)


def geometric_mean(values: Sequence[float] | NDArray[np.float64]) -> Interval:
    """exp of the mean logarithm of positive values, with exp of its t interval.

    >>> round(geometric_mean([0.1, 1.0, 10.0]).mean, 9)
    1.0
    """
    return exponential(mean_interval(np.log(values)))


def in_orders(values: Interval) -> str:
    """A mean with its interval, as text, for numbers over orders of magnitude.

    >>> in_orders(Interval(3.21e-12, 2e-12, 5e-12, 12))
    '3.2e-12 [2e-12, 5e-12]'
    """
    if values.mean is None:
        return "none"
    ends = "" if values.ci_low is None else f" [{values.ci_low:.2g}, {values.ci_high:.2g}]"
    return f"{values.mean:.2g}{ends}"


def span(values: Iterable[Interval]) -> str:
    """From the smallest to the largest mean, as text.

    >>> span([Interval(0.5, 0.4, 0.6, 40), Interval(0.123, 0.1, 0.2, 40)])
    '0.12 to 0.5'
    """
    means = [each.mean for each in values if each.mean is not None]
    return f"{min(means):.2g} to {max(means):.2g}"


def rows_of(rows: Sequence[Row], kind: str) -> list[Row]:
    """The rows whose `kind` is this one."""
    return [row for row in rows if row["kind"] == kind]


def rows_with(rows: Sequence[Row], **values: Any) -> list[Row]:
    """The rows that have all these values.

    >>> rows_with([{"seed": 0, "map": "sinh"}, {"seed": 1, "map": "sinh"}], map="sinh", seed=1)
    [{'seed': 1, 'map': 'sinh'}]
    """
    return [row for row in rows if all(row[name] == value for name, value in values.items())]


def above_one(ratios: Iterable[Interval]) -> int:
    """How many ratios have an interval above 1."""
    return sum(each.ci_low is not None and each.ci_low > 1 for each in ratios)


def below_one(ratios: Iterable[Interval]) -> int:
    """How many ratios have an interval below 1."""
    return sum(each.ci_high is not None and each.ci_high < 1 for each in ratios)


def verdict_on_more(ratios: Sequence[Interval]) -> Verdict:
    """On a claim of more in every case: supported if all ratios are above 1, not if more are below.

    >>> verdict_on_more([Interval(0.5, 0.4, 0.6, 40), Interval(1.0, 0.9, 1.1, 40)])
    'not supported'
    """
    more = above_one(ratios)
    if more == len(ratios):
        return "supported"
    return "not supported" if below_one(ratios) > more else "not decided"

"""Verdicts: what a contrast of two arms allows to say, and why not more.

    better, worse   the Holm-adjusted p of the paired t-test is below 5%
    equivalent      the 90% interval lies inside the margin (TOST at 5%); where the arms differ too, the
                    reason says "equivalent, smaller by x"
    undecided       neither: with the replicates that would decide
    none            the protocol allows no verdict: exploratory arms, heads whose output is no measurement's,
                    frozen settings, fewer than 40 replicates or ten tuning draws, diverged runs

The unit is the replicate: its own data draw, its own tuning, the mean of its final seeds. Tuning is the
largest noise of a comparison, so that seeds of one tuning are no replicates. A contrast is a difference of
means (log excess, or losses in units of the task: lower is better, nothing is 0) or a ratio of means (drops
in a race: higher is better, nothing is 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from qgeo.errors import ShapeError
from qgeo.statistics.equivalence import ALPHA, POWER, holm, is_equivalent, replicates_to_decide
from qgeo.statistics.intervals import Values, paired_p, ratio_of_means
from qgeo.statistics.means import Floats, Interval, differences, mean_interval, one_axis

Call = Literal["better", "worse", "equivalent", "undecided", "none"]
Role = Literal["confirmatory", "exploratory", "start"]
Ends = tuple[float, float]

FEWEST_REPLICATES = 40
"""Of a verdict. At 40 and a replicate sd of .195 equivalence within ±log 1.1 is found in 83% of cases."""

FEWEST_TUNING_DRAWS = 10
"""Of a verdict, in all: with five, identical arms were called different in 22% of cases."""

MARGIN_OF_EXCESS = float(np.log(1.1))
"""Of log excess: 10% of the distance to the source's floor."""

MARGIN_OF_RACE = 0.05
"""Of a ratio of drops."""


@dataclass(frozen=True)
class Question:
    """What is compared: two arms, at an endpoint, on a budget's axis, under a protocol.

    Attributes:
        role: only confirmatory pairs (F_Q against F_C on one head) get a verdict; "start" is a race before
            the first step of a training.
        settings: "frozen" where a setting of either arm is given, or there is one trial.
        output: of the head, "convention" where it is no measurement's, so that F_Q does not bound F_C.
        tuning_draws: independent tunings in all, over all replicates.
    """

    arm: str
    reference: str
    endpoint: str
    budget: str
    role: Role = "confirmatory"
    settings: Literal["tuned", "frozen"] = "tuned"
    output: Literal["measurement", "convention"] = "measurement"
    tuning_draws: int = 0


@dataclass(frozen=True)
class Contrast:
    """A paired comparison over replicates, before anything is concluded from it.

    Attributes:
        ci95, ci90: of the estimate; p: two-sided, of no difference; None where a run diverged or none exists.
        nothing: the estimate of arms that do not differ; better: which side of it is.
        margin: the arms are equivalent between nothing − margin and nothing + margin.
        replicates_needed: how many would decide, from the replicates' spread; None where it is unknown.
    """

    ci95: Interval
    ci90: Interval
    p: float | None
    nothing: float
    better: Literal["lower", "higher"]
    margin: float
    replicates_needed: int | None

    def __post_init__(self) -> None:
        if not self.margin > 0:
            raise ShapeError(f"expected a margin > 0, got {self.margin}")


@dataclass(frozen=True)
class Verdict:
    """An entry of "verdicts" in results.json; p: of no difference, unadjusted."""

    arm: str
    reference: str
    endpoint: str
    budget: str
    estimate: float | None
    ci95: Ends | None
    ci90: Ends | None
    margin: float
    verdict: Call
    reason: str
    replicates: int
    replicates_needed: int | None
    p: float | None
    role: Role


def difference_contrast(ours: Values, theirs: Values, margin: float = MARGIN_OF_EXCESS) -> Contrast:
    """mean(ours − theirs), a number per replicate on each side, lower is better; t intervals.

    Raises:
        ShapeError: different numbers of replicates, a margin that is not positive.

    >>> difference_contrast([1.0, 2.0, 4.0], [1.5, 2.5, 4.6]).ci95
    Interval(mean=-0.53..., ci_low=-0.67..., ci_high=-0.38..., n=3)
    """
    gaps = differences(ours, theirs)
    wide, narrow = (mean_interval(gaps, level) for level in (1 - ALPHA, 1 - 2 * ALPHA))
    return Contrast(wide, narrow, paired_p(ours, theirs), 0.0, "lower", margin, _needed(gaps, margin))


def ratio_contrast(ours: Values, theirs: Values, margin: float = MARGIN_OF_RACE) -> Contrast:
    """mean(ours)/mean(theirs), a number per replicate on each side, higher is better; Fieller's intervals.

    A ratio of 1 is a difference of 0, which gives p. No p, and so no verdict, where the reference's mean is
    not above zero: its steps save no loss. Errors: see `difference_contrast`.

    >>> ratio_contrast([4.0, 6.2, 5.0, 5.2], [2.0, 3.0, 2.6, 2.4]).ci90
    Interval(mean=2.04, ci_low=1.9..., ci_high=2.1..., n=4)
    """
    wide, narrow = (ratio_of_means(ours, theirs, level) for level in (1 - ALPHA, 1 - 2 * ALPHA))
    scale = one_axis(theirs).mean()
    has_ratio = wide.ci_low is not None and scale > 0
    needed = _needed(differences(ours, theirs) / scale, margin) if has_ratio else None
    p = paired_p(ours, theirs) if has_ratio else None
    return Contrast(wide, narrow, p, 1.0, "higher", margin, needed)


def verdicts(asked: Sequence[tuple[Question, Contrast]]) -> list[Verdict]:
    """The verdict on every question, p adjusted over those that may have one (tasks × endpoints).

    >>> generator = np.random.default_rng(0)
    >>> ours, theirs = generator.normal(-0.3, 0.2, 40), generator.normal(0, 0.2, 40)
    >>> question = Question("born+quantum", "born+classical", "log excess", "steps", tuning_draws=40)
    >>> verdicts([(question, difference_contrast(ours, theirs))])[0].verdict
    'better'
    """
    refusals = [refusal(question, contrast) for question, contrast in asked]
    tested = [
        c.p for (_, c), reason in zip(asked, refusals, strict=True) if reason is None and c.p is not None
    ]
    adjusted = iter(holm(tested))
    return [
        verdict(question, contrast, next(adjusted) if reason is None else 1.0)
        for (question, contrast), reason in zip(asked, refusals, strict=True)
    ]


def over_all_tasks(entries: Sequence[Verdict]) -> list[Verdict]:
    """Verdicts of several comparisons, p adjusted over all of them: better or worse where that still is below
    5%, else undecided. Equivalence is tested for each alone and stays."""
    tested = [entry for entry in entries if entry.verdict != "none" and entry.p is not None]
    adjusted = dict(zip(map(id, tested), holm([entry.p or 0.0 for entry in tested]), strict=True))
    return [_adjusted(entry, adjusted.get(id(entry), 1.0)) for entry in entries]


def _adjusted(entry: Verdict, p: float) -> Verdict:
    if entry.verdict not in ("better", "worse"):
        return entry
    call: Call = entry.verdict if p < ALPHA else "undecided"
    return replace(entry, verdict=call, reason=f"Holm-adjusted over all tasks and endpoints, p = {p:.2g}")


def verdict(question: Question, contrast: Contrast, adjusted_p: float) -> Verdict:
    """The verdict on one question, given the p of its contrast adjusted for all that are asked."""
    reason = refusal(question, contrast)
    call, why = _called(contrast, adjusted_p) if reason is None else ("none", reason)
    return Verdict(
        arm=question.arm,
        reference=question.reference,
        endpoint=question.endpoint,
        budget=question.budget,
        estimate=contrast.ci95.mean,
        ci95=_ends(contrast.ci95),
        ci90=_ends(contrast.ci90),
        margin=contrast.margin,
        verdict=call,
        reason=why,
        replicates=contrast.ci95.n,
        replicates_needed=contrast.replicates_needed,
        p=contrast.p,
        role=question.role,
    )


def refusal(question: Question, contrast: Contrast) -> str | None:
    """Why the protocol allows no verdict; None where it does."""
    count = contrast.ci95.n
    if question.role == "exploratory":
        return "exploratory: only F_Q against F_C on the same head is confirmatory"
    if question.role == "start":
        return "step 0 belongs to no verdict: near the start a finite step can reverse the sign"
    if question.output == "convention":
        return "the head’s output is no measurement’s: the quantum metric is a convention there"
    if question.settings == "frozen":
        return "given these settings: frozen, not tuned in this comparison"
    if count < FEWEST_REPLICATES:
        return f"too few replicates: {count}, a verdict takes {FEWEST_REPLICATES}"
    if question.tuning_draws < FEWEST_TUNING_DRAWS:
        return (
            f"not tuned enough: {question.tuning_draws} tuning draws, a verdict takes {FEWEST_TUNING_DRAWS}"
        )
    if contrast.ci95.mean is None:
        return "a replicate diverged"
    return "no ratio: the reference's mean is not surely above zero" if contrast.p is None else None


def _called(contrast: Contrast, p: float) -> tuple[Call, str]:
    """The call and its reason where a verdict is allowed."""
    assert contrast.ci95.mean is not None
    shift = contrast.ci95.mean - contrast.nothing
    side = "smaller" if shift < 0 else "larger"
    is_different = p < ALPHA
    low, high = contrast.nothing - contrast.margin, contrast.nothing + contrast.margin
    if is_equivalent(contrast.ci90, low, high):
        inside = f"90% interval inside [{low:.3g}, {high:.3g}]"
        return "equivalent", f"equivalent, {side} by {abs(shift):.2g}: {inside}" if is_different else inside
    if is_different:
        is_better = (shift < 0) == (contrast.better == "lower")
        return "better" if is_better else "worse", f"{side} by {abs(shift):.2g}, Holm-adjusted p = {p:.2g}"
    return "undecided", (
        f"Holm-adjusted p = {p:.2g}, 90% interval not inside [{low:.3g}, {high:.3g}]; "
        f"{contrast.replicates_needed} replicates decide in {POWER:.0%} of cases"
    )


def _needed(gaps: Floats, margin: float) -> int | None:
    """From the spread of replicates' differences, in the margin's unit."""
    if len(gaps) < 2 or not np.isfinite(gaps).all():
        return None
    return replicates_to_decide(float(gaps.std(ddof=1)), margin)


def _ends(interval: Interval) -> Ends | None:
    if interval.ci_low is None or interval.ci_high is None:
        return None
    return interval.ci_low, interval.ci_high

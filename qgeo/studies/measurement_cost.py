"""Study `measurement-cost`: is a quantum metric worth the circuits that it takes?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from qgeo.comparison.verdicts import Contrast, Question, Verdict, difference_contrast, verdicts
from qgeo.plot.curves import Curve, curves
from qgeo.plot.forest import ContrastRow, forest
from qgeo.statistics.means import mean_interval
from qgeo.studies.experiments.equal_circuits import (
    ADAM,
    AGAIN,
    BUDGET,
    CHARGED,
    QUANTUM,
    REFERENCE,
    SHOTS,
    WAYS,
    measure,
    rate,
)
from qgeo.studies.study import (
    Check,
    Drawing,
    Findings,
    Preset,
    Row,
    Study,
    Table,
    exponential,
    with_interval,
)
from qgeo.studies.study import Verdict as StudyVerdict

_METHOD = """
A Born head of two qubits (12 rotations, data angles included) on the Bloch walk, contexts of two tokens,
batches of 32. Every arm has the same 20,000 circuits: its number of steps is what these pay for, counted by a
dry run of its estimators (parameter shifts; grouped Pauli circuits of the linear combination of unitaries for
F_Q, its commuting layers, its diagonal; overlaps for QN-SPSA), once per distinct context of a batch, with the
evaluations that the length of each step takes. F_C comes from the outcomes of the gradient's own circuits and
costs none. F_Q is taken anew every step, every 5, every 20, or once.

A replicate has training data of its own, nine trials of each arm on its own tuning seed, and four final runs
of its choice; its value is the logarithm of their mean exact excess. Contrasts with F_C are paired over
replicates, with Student's t; better or worse takes a Holm-adjusted p below 5%, equivalence a 90% interval
within ±log 1.1. Training is exact, circuits and shots (1024 each) are counted: what is compared is the metric
at its best, with the noise of shots left out.

F_C tuned again on another stream of seeds is the null. F_Q charged by the formulae of the published methods
(every context, every pair of rotations on its own) with the same number of circuits is the effect: it must
get fewer steps, and end higher.
"""
_LIMITS = """
One head, one source, one budget, nine settings, eight of them at an edge of their grid: the verdict is one on
that grid. Exact gradients and metrics: with shots an estimated metric adds noise that an exact one has not,
which can only speak against measuring it. A device's own price, seconds, depends on its queue and is not
counted.
"""


def items(preset: Preset) -> list[Row]:
    """A replicate of an arm each, an arm's one after another."""
    replicates = {"quick": 4, "full": 40}[preset]
    return [{"arm": arm, "replicate": replicate} for arm in WAYS for replicate in range(replicates)]


def values(rows: Sequence[Row], arm: str, key: str = "value") -> list[Any]:
    """Of an arm's replicates, in their order."""
    return [row[key] for row in rows if row["arm"] == arm]


def contrast(rows: Sequence[Row], arm: str, reference: str = REFERENCE) -> Contrast:
    """Of log excess, over the replicates that both have."""
    ours, theirs = values(rows, arm), values(rows, reference)
    return difference_contrast(ours, theirs[: len(ours)], values(rows, arm, "margin")[0])


def conclude(rows: Sequence[Row]) -> Findings:
    """Every way to have F_Q against F_C, whose circuits cost nothing."""
    asked = [(_question(rows, arm), contrast(rows, arm)) for arm in QUANTUM]
    called = dict(zip(QUANTUM, verdicts(asked), strict=True))
    numbers: Row = {arm: asdict(entry) for arm, entry in called.items()}
    numbers |= {"circuits of F_Q": asdict(rate("F_Q every step"))}
    tables = (_table(rows, called), _cost_table(rows))
    replicates = len(values(rows, REFERENCE))
    return Findings(_overall(called), _answer(rows, called), _checks(rows), tables, replicates, numbers)


def _question(rows: Sequence[Row], arm: str) -> Question:
    return Question(arm, REFERENCE, "log excess", "circuits", tuning_draws=len(values(rows, arm)))


def _overall(called: dict[str, Verdict]) -> StudyVerdict:
    """Worth it if any way to measure F_Q ends below F_C, not if none can."""
    calls = {entry.verdict for entry in called.values()}
    if "better" in calls:
        return "supported"
    return "not supported" if calls <= {"worse", "equivalent"} else "not decided"


def _checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    adam = [row for row in rows if row["arm"] == ADAM]
    factor = [row["naive"] / row["circuits"] / (row["drawn"] / row["distinct"]) - 1 for row in adam]
    charged = contrast(rows, CHARGED, "F_Q every step").ci90.ci_low
    share = values(rows, "F_Q every step", "steps")[0] / values(rows, CHARGED, "steps")[0]
    p = contrast(rows, AGAIN).p
    return (
        Check.above("null", "p of F_C tuned again", 0.0 if p is None else p, 0.001),
        Check.below(
            "effect", "|naive/grouped of Adam over contexts drawn/distinct − 1|", max(map(abs, factor)), 1e-12
        ),
        Check.above("effect", "steps that grouping gives F_Q, times those of naive costs,", share, 2.0),
        Check.above(
            "effect",
            "log excess by charging F_Q naively, low end,",
            -np.inf if charged is None else charged,
            0.0,
        ),
    )


def _answer(rows: Sequence[Row], called: dict[str, Verdict]) -> str:
    ratios = {arm: with_interval(exponential(contrast(rows, arm).ci95), 2) for arm in (*QUANTUM, ADAM)}
    calls = {arm: entry.verdict.replace("none", "no verdict") for arm, entry in called.items()}
    said = "; ".join(f"{arm} {ratios[arm]} ({call})" for arm, call in calls.items())
    return (
        f"Excess over that of F_C from the gradient's own outcomes, at {BUDGET:,} circuits: {said}; Adam "
        f"{ratios[ADAM]} (R = {len(values(rows, REFERENCE))})."
    )


def _table(rows: Sequence[Row], called: dict[str, Verdict]) -> Table:
    lines = []
    for arm in WAYS:
        excess = mean_interval([1000 * each for each in values(rows, arm, "excess")])
        ratio = "1" if arm == REFERENCE else with_interval(exponential(contrast(rows, arm).ci95), 2)
        edges = f"{np.mean(values(rows, arm, 'edge')):.0%}"
        verdict = called[arm].verdict if arm in called else ""
        lines.append((arm, with_interval(excess, 2), ratio, str(excess.n), edges, verdict))
    head = ("arm", "excess, mnat per token", "over F_C's", "R", "at an edge", "verdict")
    return Table(f"After {BUDGET:,} circuits, {BUDGET * SHOTS / 1e6:.0f} million shots", head, tuple(lines))


def _cost_table(rows: Sequence[Row]) -> Table:
    lines = []
    for arm in WAYS:
        steps = values(rows, arm, "steps")[0]
        grouped, naive = (float(np.mean(values(rows, arm, key))) for key in ("circuits", "naive"))
        metric = rate(arm).grouped.metric
        fixed = f" + {metric.fixed}" if metric.fixed else ""
        lines.append(
            (
                arm,
                str(steps),
                f"{grouped / steps:.0f}",
                f"{naive / steps:.0f}",
                f"{metric.per_context}{fixed}",
                f"{grouped:.0f}",
            )
        )
    head = ("arm", "steps", "circuits a step, grouped", "naive", "of a metric, per context + fixed", "spent")
    return Table("What steps take, the evaluations for their length included", head, tuple(lines))


def draw(rows: Sequence[Row]) -> list[Drawing]:
    """Contrasts with F_C; losses against circuits."""
    bars = [_bar(rows, arm, place) for place, arm in enumerate((*QUANTUM, ADAM, AGAIN, CHARGED))]
    shown = (REFERENCE, ADAM, "F_Q every step", "F_Q every 5", "F_Q once", "diagonal of F_Q")
    lines = [_curve(rows, arm, place) for place, arm in enumerate(shown)]
    caption = (
        "Log excess minus that of F_C at equal circuits: 90% and 95% intervals; shaded: a factor of 1.1."
    )
    of_curves = (
        "Mean validation loss of final runs against circuits, grouped, with 95% bands over replicates."
    )
    return [
        Drawing("contrasts", caption, forest(bars, "log of excess over F_C's; left is better")),
        Drawing("curves", of_curves, curves(lines, axis="circuits since the start")),
    ]


def _bar(rows: Sequence[Row], arm: str, place: int) -> ContrastRow:
    of = contrast(rows, arm)
    steps = f"{values(rows, arm, 'steps')[0]} steps"
    if arm in QUANTUM:
        return ContrastRow(arm, steps, of.ci95, of.ci90, of.margin, place, "confirmatory")
    return ContrastRow(arm, steps, of.ci95, of.ci90, of.margin, place, "exploratory")


def _curve(rows: Sequence[Row], arm: str, place: int) -> Curve:
    paths = np.array(values(rows, arm, "curve"))
    return Curve(arm, paths[:, 0].mean(0), paths[:, 1], place)


MEASUREMENT_COST = Study(
    name="measurement-cost",
    title="Is a quantum metric worth the circuits that measure it?",
    claim="Measuring the quantum Fisher information pays: at equal circuits some way to have it ends lower "
    "than the classical one, which comes from the gradient's own outcomes.",
    source="Ours; methods of arXiv 1909.02108, 2005.05172, 2103.09232.",
    theorem="",
    method=_METHOD,
    limits=_LIMITS,
    items=items,
    measure=measure,
    conclude=conclude,
    draw=draw,
)

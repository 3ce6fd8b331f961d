"""Study `scaling`: do Born heads follow another power law of size than classical heads?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from qgeo.plot.forest import ContrastRow, forest
from qgeo.plot.loglog import LogLine, loglog
from qgeo.statistics.means import LEVEL, Interval, mean_interval, paired_difference
from qgeo.studies.experiments.power_laws import (
    FITS,
    ScalingCurve,
    planted_misses,
    size_table,
    split_alarms,
)
from qgeo.studies.experiments.scaling_curves import FAMILIES, SIZES, measure_curve
from qgeo.studies.study import (
    Check,
    Drawing,
    Findings,
    Preset,
    Row,
    Study,
    Table,
    Verdict,
    rows_of,
    with_interval,
)

MARGIN, WIDEST = 0.1, 0.2
"""Of a difference of exponents, chosen; of the interval of an exponent that can be compared."""

DRAWS = 100
"""Of plantings."""

Curves = Mapping[str, ScalingCurve]
ByFamily = Mapping[str, Mapping[str, Interval]]
"""Intervals by fit, of each family."""

_METHOD = """
Sources: random Markov chains of order 4 on 6 tokens (6,480 free numbers), whose logits have Gaussian
coefficients in random bases of functions of each token, falling off as the inverse of each index. Their
entropy rate h is exact, and so is a head's loss, summed over all 1,296 contexts.

Families: Born heads of 3 qubits, 1 to 36 layers with data angles of their own, 24 to 2,406 trainable
numbers N in eight sizes; perceptrons with one hidden layer, the same embedding and, as nearly as can be,
the same N. L-BFGS on the exact loss from five restarts, the same seeds at all sizes, until no entry of the
gradient is above 10⁻⁶ or 400 iterations are over; the best one counts. A replicate is a source:

    L(N) − h ≈ c N^(−α),    α by least squares of logarithms,

Born minus perceptron paired by source, 95% t intervals. α is read from all sizes, from the smaller and the
larger half, and from trainings stopped half-way. Supported: all four differences are beyond ±.1 on one
side; not supported: all four inside. Not decided otherwise, or where the interval of an α is wider than .2,
or an α moves by more than .1 from half the iterations to all of them.

Power laws of loss in size: Kaplan et al., arXiv 2001.08361, Hoffmann et al., arXiv 2203.15556; here data
are unlimited, and what limits is what Bahri et al., arXiv 2102.06701, call resolution.

Null: a family's restarts split at random in two pairs. Effect: losses .1 + N^(−.5) with floor .1, scattered
as restarts are.
"""
_LIMITS = """
One kind of source, one kind of circuit on three qubits that a laptop simulates, one classical family;
another classical family may differ as much. Sizes stay below the free numbers of the source; near these
every excess falls faster than any power. Large heads are not at a minimum after 400 iterations: the table
says how far their excess still fell. The best of five restarts is an upper bound on what a head can do, and
Born heads scatter more. The five starts are the same for all sources, so that intervals are given these
starts; the spread of data weights at the start was chosen in a pilot of Born heads, and one path of shapes
serves both families. The spectrum of these sources is no power law over these sizes, and so α belongs to
the range of sizes. Most trainable numbers of both families are weights from tokens to angles or hidden
units.
"""


def items(preset: Preset) -> list[Row]:
    """A family on a source each; Born heads first, they take longest."""
    replicates, sizes = {"quick": (3, 5), "full": (40, len(SIZES))}[preset]
    return [
        {"kind": family, "replicate": replicate, "sizes": sizes}
        for family in FAMILIES
        for replicate in range(replicates)
    ]


def conclude(rows: Sequence[Row]) -> Findings:
    """Exponents by fit, their differences, and what may be said of them."""
    curves = {family: ScalingCurve.of(rows_of(rows, family)) for family in FAMILIES}
    exponents = {
        family: {fit: mean_interval(curve.exponents(fit)) for fit in FITS} for family, curve in curves.items()
    }
    differences = {fit: _difference(curves, fit) for fit in FITS}
    moved = {family: _change(curve, "half the iterations", "all sizes") for family, curve in curves.items()}
    bends = {family: _change(curve, "smaller half", "larger half") for family, curve in curves.items()}
    why = obstacle({family: of["all sizes"] for family, of in exponents.items()}, moved)
    return Findings(
        "not decided" if why else verdict_on(list(differences.values())),
        _answer(exponents, differences, bends, why),
        _checks(curves),
        (_exponent_table(exponents, differences), size_table(curves)),
        replicates=differences["all sizes"].n,
        numbers={
            "exponents": {family: _as_dicts(of) for family, of in exponents.items()},
            "differences": _as_dicts(differences),
            "curvature": _as_dicts(bends),
            "moved": _as_dicts(moved),
        },
    )


def _difference(curves: Curves, fit: str, level: float = LEVEL) -> Interval:
    ours, theirs = (curves[family].exponents(fit) for family in FAMILIES)
    return paired_difference(ours, theirs, level)


def _change(curve: ScalingCurve, before: str, after: str) -> Interval:
    return paired_difference(curve.exponents(after), curve.exponents(before))


def _as_dicts(intervals: Mapping[str, Interval]) -> Row:
    return {name: asdict(each) for name, each in intervals.items()}


def verdict_on(differences: Sequence[Interval]) -> Verdict:
    """Supported where all differences are beyond the margin on one side, not where all are inside.

    >>> verdict_on([Interval(-0.3, -0.4, -0.2, 40), Interval(-0.2, -0.3, -0.11, 40)])
    'supported'
    >>> verdict_on([Interval(0.0, -0.05, 0.05, 40)] * 4)
    'not supported'
    """
    ends = [(each.ci_low, each.ci_high) for each in differences]
    bounded = [(low, high) for low, high in ends if low is not None and high is not None]
    if len(bounded) < len(ends):
        return "not decided"
    lows, highs = zip(*bounded, strict=True)
    if min(lows) > MARGIN or max(highs) < -MARGIN:
        return "supported"
    return "not supported" if min(lows) > -MARGIN and max(highs) < MARGIN else "not decided"


def obstacle(alphas: Mapping[str, Interval], moved: Mapping[str, Interval]) -> str:
    """Why exponents cannot be compared at all, or ""; a single source has no interval to be too wide.

    >>> obstacle({"born": Interval(1.0, 0.8, 1.2, 40)}, {})
    'the interval of α of born is wider than 0.2'
    """
    for family, each in alphas.items():
        if each.ci_low is not None and each.ci_high is not None and each.ci_high - each.ci_low > WIDEST:
            return f"the interval of α of {family} is wider than {WIDEST:g}"
    for family, each in moved.items():
        if each.mean is None or abs(each.mean) > MARGIN:
            return f"α of {family} moved by more than {MARGIN:g} in the second half of the iterations"
    return ""


def _answer(
    exponents: ByFamily, differences: Mapping[str, Interval], bends: Mapping[str, Interval], why: str
) -> str:
    born, mlp = (with_interval(exponents[family]["all sizes"], 2) for family in FAMILIES)
    bent = "; ".join(f"{with_interval(each, 2)} ({family})" for family, each in bends.items())
    apart = ", ".join(f"{with_interval(each, 2)} ({fit})" for fit, each in differences.items())
    return (
        f"α is {born} for Born heads and {mlp} for perceptrons of their sizes; Born minus "
        f"perceptron: {apart}. "
        f"From the smaller to the larger half of sizes α changes by {bent}; a power law's would not. "
        f"R = {differences['all sizes'].n} sources." + (f" Not decided because {why}." if why else "")
    )


def _checks(curves: Curves) -> tuple[Check, ...]:
    alarms, misses = (
        max(planted(curve, DRAWS, np.random.default_rng(0)) for curve in curves.values())
        for planted in (split_alarms, planted_misses)
    )
    lowest = min(float(curve.best.min()) for curve in curves.values())
    return (
        Check.above("theorem", "excess over the entropy rate, nats per token,", lowest, 0.0),
        Check.below("null", f"share of {DRAWS} splits of one family that differ in α", alarms, 0.12),
        Check.below("effect", f"share of {DRAWS} planted .1 + N^−.5 whose α is not .5", misses, 0.12),
    )


def _exponent_table(exponents: ByFamily, differences: Mapping[str, Interval]) -> Table:
    lines = [*exponents.items(), ("born − mlp", differences)]
    rows = tuple((name, *(with_interval(of[fit], 2) for fit in FITS)) for name, of in lines)
    return Table("Exponent α, mean over sources with 95% interval", ("family", *FITS), rows)


def draw(rows: Sequence[Row]) -> list[Drawing]:
    """Both curves with their fits; differences by fit."""
    curves = {family: ScalingCurve.of(rows_of(rows, family)) for family in FAMILIES}
    lines = [
        line
        for place, (family, curve) in enumerate(curves.items())
        for line in (
            LogLine(family, curve.numbers, curve.best, place),
            LogLine(f"{family}, fits", curve.numbers, curve.fitted(), place + len(curves)),
        )
    ]
    return [
        Drawing(
            "curves",
            "Excess over the exact entropy rate against trainable numbers, best of five restarts: geometric "
            "mean and one geometric standard deviation over sources, with the fits of all sources; α is "
            + ", ".join(f"{_alpha(curve)} ({family})" for family, curve in curves.items())
            + ".",
            loglog(lines, axis="trainable numbers N", quantity="excess loss (nats per token)"),
        ),
        Drawing(
            "differences",
            "α of Born heads minus α of perceptrons, by what it is read from: 95% and 90% intervals over "
            f"sources; the margin is {MARGIN:g}.",
            forest([_forest_row(curves, fit) for fit in FITS], "difference of exponents"),
        ),
    ]


def _alpha(curve: ScalingCurve) -> str:
    return with_interval(mean_interval(curve.exponents("all sizes")), 2)


def _forest_row(curves: Curves, fit: str) -> ContrastRow:
    wide, narrow = (_difference(curves, fit, level) for level in (0.95, 0.9))
    return ContrastRow(fit, "born − mlp", wide, narrow, MARGIN, 0, "confirmatory")


SCALING = Study(
    name="scaling",
    title="Do quantum models scale differently?",
    claim="Quantum models may deviate from classical scaling laws.",
    source="After Di Sipio, arXiv 2506.15830.",
    theorem="",
    method=_METHOD,
    limits=_LIMITS,
    items=items,
    measure=measure_curve,
    conclude=conclude,
    draw=draw,
)

"""Study `update-direction`: whether quantum geometry gives steeper, more directed steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import product

import numpy as np

from qgeo.plot.agreement import Agreement, agreement
from qgeo.plot.forest import ContrastRow, forest
from qgeo.statistics.means import Interval, mean_interval
from qgeo.studies.experiments import training_steps as heads
from qgeo.studies.experiments.infinitesimal_steps import RULERS, along_path, largest_rival, measure_step
from qgeo.studies.experiments.training_races import STEPS
from qgeo.studies.study import (
    Check,
    Drawing,
    Findings,
    Preset,
    Row,
    Study,
    Table,
    above_one,
    below_one,
    by_kind,
    rows_of,
    rows_with,
    span,
    verdict_on_more,
    with_interval,
)

CASES = tuple(product(heads.LATER_STEPS, heads.KLS[1:]))
"""Steps and KL divergences that the verdict is on."""

_THEOREM = """
Of all steps of one length √(δᵀMδ) the step −M⁻¹g drops the loss most, to first order, namely by the length
times √(gᵀM⁻¹g) (Cauchy and Schwarz). KL divergence is ½δᵀF_Cδ and squared Bures distance ¼δᵀF_Qδ, so that

    per KL divergence the classical step is the steepest, the quantum one only where they agree;
    per Bures distance the quantum step is the steepest, the classical one only where they agree.

Neither distance is the loss's. "Steeper" is a matter of the ruler: KL is what the output moves by, Bures
distance what the state moves by, seen or not. In the metric of the ruler "more directed" is the same
statement: the cosine between step and gradient is the drop over the largest possible one.

Between them, F_s = (1 − s) F_C + s F_Q filters the classical step by f = μ/(μ + s(1 − μ)) along the
generalised eigenvectors of (F_C, F_Q), whence, with w the shares of gᵀF_C⁺g,

    drop_s/drop_C = E_w f/√(E_w f²)                     at equal KL, falling in s
    drop_s/drop_Q = E_w f/√(E_w(f²/μ) E_w μ)            at equal Bures distance, rising in s

Where amplitudes are real, phases do not move: F_Q = F_C, and all of this is 1.
"""
_METHOD = """
Infinitesimal steps: random circuits of 4 qubits, 3 layers, all bits measured, random populations; steps at KL
or squared Bures distance 10⁻¹⁸, losses evaluated before and behind. Against each optimum: the other metric,
the identity, and six metrics that are the optimal one plus Wishart matrices of .1, 1 and 10 times its trace.
The path is predicted from μ and w alone. Real circuits (RY and CX only) are the null; the identity is the
effect there, on one context: on eight F_C is nearly a multiple of it.

Heads: Born heads of 4 qubits in training on Jane Austen's Persuasion (V = 16), checkpoints at steps 0, 5, 20,
60 of trajectories of Adam, F_C and F_Q, averaged; from each one step of the full gradient over 256 windows at
KL 10⁻¹⁰, .003 and .03. F_C and F_Q at three dampings each, the path at the least. A replicate has data and
initial numbers of its own; intervals are Fieller's. The verdict is on F_Q over F_C at KL .003 and .03, steps
5, 20 and 60, each at the damping that is best for it there.
"""
_LIMITS = """
Theorems are of infinitesimal steps without damping; what longer steps do depends on higher derivatives of the
loss, which no metric here knows. Drops are those of the training windows, without batch noise (study `filter`
has it). One step is not a training. Angles to the gradient in parameter space change with units, as study
`reparameterization` shows, and are given to say how little they mean: the identity has 0.
"""


def items(preset: Preset) -> list[Row]:
    """Trainings first: they are the longest."""
    replicates, seeds = {"quick": (3, 10), "full": (40, 60)}[preset]
    steps = [
        {"kind": "step", "family": family, "contexts": contexts, "seed": seed}
        for seed, family, contexts in product(range(seeds), ("hardware-efficient", "real-amplitudes"), (1, 8))
    ]
    return heads.training_items(replicates) + steps


def conclude(rows: Sequence[Row]) -> Findings:
    """The optima, the path, the null; then finite steps of heads in training."""
    steps, trained = rows_of(rows, "step"), rows_of(rows, "training")
    ratios = [_best_ratio(trained, *at) for at in CASES]
    numbers = {
        "first order": [heads.predicted_ratio_at(trained, step, heads.F_Q) for step in STEPS],
        "cases": [
            dict(zip(("step", "kl"), at, strict=True)) | asdict(ratio)
            for at, ratio in zip(CASES, ratios, strict=True)
        ],
    }
    return Findings(
        verdict_on_more(ratios),
        _answer(steps, trained, ratios),
        _checks(steps, trained),
        (_race_table(trained), _angle_table(steps, trained)),
        replicates=len(trained),
        numbers=numbers,
    )


def _best_ratio(trained: Sequence[Row], step: int, kl: float, level: float = 0.95) -> Interval:
    """F_Q over F_C, each at its best damping."""
    ours, theirs = (heads.best_damped(trained, step, kl, metric) for metric in ("F_Q", "F_C"))
    return heads.ratio_at(trained, step, kl, ours, theirs, level)


def _checks(steps: Sequence[Row], trained: Sequence[Row]) -> tuple[Check, ...]:
    real = rows_with(steps, family="real-amplitudes")
    optimum = max(abs(row[ruler]["optimum"] - 1) for row in steps for ruler in RULERS)
    rivals = max(largest_rival(row[ruler]) for row in steps for ruler in RULERS)
    pairs = [zip(*along_path(row, ruler), strict=True) for row in steps for ruler in RULERS]
    path = max(abs(seen - expected) for pair in pairs for seen, expected in pair)
    equal = max(abs(row["kl"]["other"] / row["kl"]["optimum"] - 1) for row in real)
    descent = mean_interval([row["kl"]["identity"] for row in rows_with(real, contexts=1)])
    return (
        Check.below("theorem", "optimal drops over length · √(gᵀM⁺g), off by", optimum, 0.01),
        Check.below("theorem", "largest drop of any other metric over the optimal one", rivals, 1 + 1e-4),
        Check.below("theorem", "error of predicted drops along the path", path, 0.01),
        Check.below("theorem", "the same for heads in training", heads.first_order_error(trained), 0.01),
        Check.below("null", "real circuits: |F_Q − F_C|/|F_Q|", max(row["phases"] for row in real), 1e-9),
        Check.below("null", "real circuits: |drop_Q/drop_C − 1|", equal, 1e-6),
        Check.below("effect", "real circuits: drop of the identity over F_C's", descent.ci_high or 2.0, 0.9),
    )


def _answer(steps: Sequence[Row], trained: Sequence[Row], ratios: Sequence[Interval]) -> str:
    by_kl, by_bures = ([row[ruler]["other"] for row in steps if row["phases"] > 1e-9] for ruler in RULERS)
    first = [heads.predicted_ratio_at(trained, step, heads.F_Q) for step in heads.LATER_STEPS]
    long_q, long_c = (
        span(heads.ratio_at(trained, step, heads.KLS[-1], name) for step in heads.LATER_STEPS)
        for name in (heads.F_Q, heads.DAMPED_F_C)
    )
    return (
        "Steeper is a matter of the ruler. Per KL divergence F_C's step is the steepest, and F_Q's drops "
        f"{with_interval(mean_interval(by_kl))} times as much in random circuits; per Bures distance F_Q's "
        f"is, and F_C's drops {with_interval(mean_interval(by_bures))} times as much. In heads in training, "
        f"at equal KL, F_Q's infinitesimal steps drop {min(first):.2f} to {max(first):.2f} times as much as "
        f"F_C's at equal relative damping. At KL .03 they drop {long_q} times as much, F_C's with more "
        f"damping ({heads.DAMPED_F_C}) {long_c} times. Each at its best damping, F_Q's step drops more than "
        f"F_C's in {above_one(ratios)}, less in {below_one(ratios)} of {len(ratios)} cases (KL .003 and .03, "
        f"steps 5, 20, 60; n = {len(trained)} replicates)."
    )


def _race_table(trained: Sequence[Row]) -> Table:
    lines = []
    for step, kl in product(STEPS, heads.KLS):
        ratios = [heads.ratio_at(trained, step, kl, name) for name in heads.NAMES if name != heads.F_C]
        lines.append((f"step {step}, KL {kl:g}", *map(with_interval, ratios)))
    columns = ("race", *(name for name in heads.NAMES if name != heads.F_C))
    return Table(f"Drop over that of {heads.F_C}, heads in training, full gradient", columns, tuple(lines))


def _angle_table(steps: Sequence[Row], trained: Sequence[Row]) -> Table:
    circuits = [mean_interval([row["angles"][place] for row in steps]) for place in (0, 1)]
    of_heads = [mean_interval(heads.mean_angle(trained, name)) for name in (heads.F_C, heads.F_Q)]
    lines = [
        (name, with_interval(one, 1), with_interval(other, 1))
        for name, one, other in zip(("F_C", "F_Q"), circuits, of_heads, strict=True)
    ]
    columns = ("metric", "random circuits, undamped", f"heads in training, d = {heads.DAMPINGS[0]:g}")
    return Table("Angle between step and gradient in parameter space, degrees", columns, tuple(lines))


def draw(rows: Sequence[Row]) -> list[Drawing]:
    """Predicted and seen along the path; finite steps."""
    steps, trained = rows_of(rows, "step"), rows_of(rows, "training")
    groups = [
        Agreement(f"equal {label}", *reversed(np.hstack([along_path(row, ruler) for row in steps])))
        for ruler, label in zip(RULERS, ("KL divergence", "Bures distance"), strict=True)
    ]
    return [
        Drawing(
            "path",
            "Drop of F_s over the largest possible one, s = .25, .5, .75, 1, infinitesimal steps of random "
            "circuits: seen against predicted from μ and w.",
            agreement(groups, axis="drop over the optimal one", unit=1.0),
        ),
        Drawing(
            "finite-steps",
            "Drop of F_Q's step over F_C's at equal KL, heads in training, each at its best damping: 95% and "
            "90% intervals; crosses: first order at equal damping; the margin is 5%.",
            forest([_forest_row(trained, *at) for at in CASES], "drop of F_Q over drop of F_C"),
        ),
    ]


def _forest_row(trained: Sequence[Row], step: int, kl: float) -> ContrastRow:
    wide, narrow = (_best_ratio(trained, step, kl, level) for level in (0.95, 0.9))
    predicted = heads.predicted_ratio_at(trained, step, heads.F_Q)
    name, under = f"step {step}", f"KL {kl:g}"
    return ContrastRow(name, under, wide, narrow, 0.05, 0, "confirmatory", 1.0, predicted)


UPDATE_DIRECTION = Study(
    name="update-direction",
    title="Does quantum geometry give steeper, more directed steps?",
    claim="Steps of the quantum geometry are steeper and more directed than those of the classical one.",
    source="After Di Sipio, arXiv 2506.15830.",
    theorem=_THEOREM,
    method=_METHOD,
    limits=_LIMITS,
    items=items,
    measure=by_kind({"step": measure_step, "training": heads.measure_training}),
    conclude=conclude,
    draw=draw,
)

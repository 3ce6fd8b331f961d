"""Study `sharpness`: does Fisher geometry say which head of equal training loss generalises better?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import product

import numpy as np
import torch

from qgeo.heads.jacobian import flat_parameters
from qgeo.heads.kinds import HEADS
from qgeo.optim.sharpness import sharpness_curve
from qgeo.plot.forest import ContrastRow, forest
from qgeo.plot.points import Points, points
from qgeo.statistics.means import LEVEL, Interval, mean_interval
from qgeo.studies.experiments.equal_loss import (
    SCALARS,
    SETTINGS,
    SIZES,
    SOURCES,
    fitted_head,
    head_of,
    population_loss,
    scalars,
    train_to,
    training_loss,
)
from qgeo.studies.experiments.ranked_gaps import (
    REPLICATE,
    STRATA,
    THRESHOLD,
    false_alarms,
    grouped,
    placed,
    reading,
    tau_interval,
    taus,
    trained,
)
from qgeo.studies.study import (
    Check,
    Drawing,
    Findings,
    Preset,
    Row,
    Study,
    Table,
    Verdict,
    by_kind,
    columns,
    rows_of,
    with_interval,
)
from qgeo.tasks.windows import Windows

N_TRAIN = (512, 128, 32)
EPSILONS = (0.001, 0.01, 0.1)
_THEOREM = """
Where a head is the distribution of the data its loss rises, along every step δ, by exactly

    L(θ + δ) − L(θ) = E_x Σ_y p_θ(y|x) log(p_θ(y|x)/p_{θ+δ}(y|x)) = KL(p_θ ‖ p_{θ+δ}),

so that its KL-sharpness, the largest rise within a KL divergence of ε, is ε: for every head, size and
parametrization. No scalar of that kind can rank well-specified minima; what it can see is misfit.
"""
_METHOD = """
Sources whose population loss is exact: the Bloch walk, and Mess3 with x = .05, a = .85; contexts of two
tokens. Softmax regression, perceptron, Born and Pauli heads of two qubits, all of about one size, are trained
on 32, 128 and 512 windows with Adam, two of eight settings each, drawn with the windows (learning rate .01
or .05, batch 16 or 64, decoupled weight decay 0 or .1), until the loss of all training windows is the same,
floor + .2 (ln V − floor), to 1e-9. The gap, population minus training loss, then differs by the population's
loss alone.

At the end, all at the training windows: realised KL-sharpness at ε = .01, its second-order form on the range
of F_C, tr F_C, its largest eigenvalue, participation ratio, effective dimension at n, condition number with
damping .03 tr F_C/P. Kendall's τ of each with the gap, over pairs that share source, draw, size and n, is the
partial τ; pairs that share the head, too, differ in learning rate, batch and weight decay alone.

A replicate is a draw of training windows with all that is trained on it. Intervals are bootstrap-t over
replicates, Bonferroni for seven scalars. A scalar explains the gap if its τ is beyond ±.3, on one side,
both at equal n and in one head. Gaps permuted at equal n are the null; n itself, at equal head and setting,
is the effect.
"""
_LIMITS = """
Heads of 30 to 50 numbers, contexts of two tokens, one level of training loss, which some small heads never
reach on many windows: these runs are left out and counted. The loss is stopped on its way down, so that the
gradient does not vanish at the end: KL-sharpness has a part that is slope, as has what the claim is usually
made of.
"""


def items(preset: Preset) -> list[Row]:
    """All heads of a size on a draw of n training windows each, the longest first."""
    draws = {"quick": 1, "full": 10}[preset]
    runs = [
        {"kind": "runs", "n_train": n, "size": size, "source": source, "draw": draw}
        for n, size, source, draw in product(N_TRAIN, reversed(SIZES), SOURCES, range(draws))
    ]
    return runs + [{"kind": "theorem", "head": head, "seed": seed} for head, seed in product(HEADS, range(3))]


def _runs(item: Row) -> Row:
    """A row per head and setting; settings are those of the draw, whatever n."""
    source, n, of_draw = SOURCES[item["source"]](), item["n_train"], [item["draw"], len(item["size"])]
    windows = Windows.of(source.sample(n + 2, np.random.default_rng([*of_draw, n])), 2)
    settings = np.random.default_rng(of_draw).choice(len(SETTINGS), 2, replace=False)
    level, rows = training_loss(source), []
    for (place, kind), setting in product(enumerate(HEADS), map(int, settings)):
        seed = 1000 * item["draw"] + 10 * setting + place
        head = head_of(kind, item["size"], source.vocabulary_size, torch.Generator().manual_seed(seed))
        row = {"head": kind, "setting": setting, "parameters": len(flat_parameters(head))}
        if train_to(head, windows, level, SETTINGS[setting], seed):
            row |= {"gap": population_loss(source, head) - level} | scalars(head, windows)
        rows.append(row)
    return {"rows": rows}


def _theorem(item: Row) -> Row:
    """Largest relative deviation from ε, to second order, and from the KL divergence of what is realised."""
    head, windows = fitted_head(item["head"], np.random.default_rng(item["seed"]))
    curve = sharpness_curve(head, windows.contexts, windows.targets, EPSILONS)
    off = np.abs([curve.second_order / curve.epsilons - 1, curve.realised / curve.kls - 1])
    return {"deviation": float(off.max()), "reached": float((curve.kls / curve.epsilons).min())}


def conclude(rows: Sequence[Row]) -> Findings:
    """τ of every scalar, and what may be said of it."""
    runs = trained(placed(rows))
    level = 1 - (1 - LEVEL) / len(SCALARS)
    by_name = {
        name: {kind: tau_interval(taus(runs, name, shared), level) for kind, shared in STRATA.items()}
        for name in SCALARS
    }
    readings = {name: reading(of["at equal n"], of["in one head"]) for name, of in by_name.items()}
    numbers = {
        name: {kind: asdict(interval) for kind, interval in of.items()} | {"explains": readings[name]}
        for name, of in by_name.items()
    }
    checks, tables = _checks(rows, runs), (_tau_table(by_name, readings), _gap_table(rows))
    replicates = by_name[SCALARS[0]]["at equal n"].n
    return Findings(_verdict(readings), _answer(by_name, readings), checks, tables, replicates, numbers)


def _verdict(readings: dict[str, str]) -> Verdict:
    if "yes" in readings.values():
        return "supported"
    return "not supported" if set(readings.values()) == {"no"} else "not decided"


def _answer(by_name: dict[str, dict[str, Interval]], readings: dict[str, str]) -> str:
    marginal, among, within = (with_interval(by_name["KL-sharpness"][kind], 2) for kind in STRATA)
    named = {word: [name for name, each in readings.items() if each == word] for word in ("yes", "undecided")}
    return (
        f"KL-sharpness ranks the gap with τ = {marginal} where n may differ, {among} at equal n and size, "
        f"and {within} in one head. Beyond ±{THRESHOLD:g} at equal n and in one head: "
        f"{', '.join(named['yes']) or 'no scalar'}; undecided: {', '.join(named['undecided']) or 'none'} "
        f"(R = {by_name[SCALARS[0]]['at equal n'].n})."
    )


def _checks(rows: Sequence[Row], runs: Sequence[Row]) -> tuple[Check, ...]:
    worst = max(row["deviation"] for row in rows_of(rows, "theorem"))
    alarms = false_alarms(runs, "KL-sharpness", 100)
    of_n = abs(float(np.mean(taus(runs, "n_train", ("head", "setting")))))
    return (
        Check.below("theorem", "|KL-sharpness/ε − 1| at well-specified minima", worst, 1e-6),
        Check.below("null", "share of 100 permutations of gaps whose τ differs from 0", alarms, 0.12),
        Check.above("effect", "|τ| of n with the gap at equal head and setting", of_n, 0.5),
    )


def _tau_table(by_name: dict[str, dict[str, Interval]], readings: dict[str, str]) -> Table:
    lines = tuple(
        (name, *(with_interval(each, 2) for each in of.values()), readings[name])
        for name, of in by_name.items()
    )
    head = ("scalar", *STRATA, f"beyond ±{THRESHOLD:g} in both")
    return Table("Kendall's τ with the gap; intervals simultaneous for seven scalars", head, lines)


def _gap_table(rows: Sequence[Row]) -> Table:
    groups = grouped(placed(rows), ("n_train", "head"))
    lines = [(f"n = {n}, {head}", *_gap_cells(groups[n, head])) for n, head in product(N_TRAIN, HEADS)]
    names = ("heads", "gap, nats per token", "R", "runs that reached the loss")
    return Table("Population minus training loss at equal training loss", names, tuple(lines))


def _gap_cells(runs: Sequence[Row]) -> tuple[str, str, str]:
    reached = trained(runs)
    means = [float(np.mean([run["gap"] for run in each])) for each in grouped(reached, REPLICATE).values()]
    gaps = mean_interval(means or [None])
    return with_interval(gaps, 4), str(len(means)), f"{len(reached)} of {len(runs)}"


def draw(rows: Sequence[Row]) -> list[Drawing]:
    """τ of all scalars; the gap against KL-sharpness."""
    runs = trained(placed(rows))
    partial = [(kind, place) for place, kind in enumerate(STRATA) if STRATA[kind]]
    bars = [_bar(runs, name, kind, place) for name, (kind, place) in product(SCALARS, partial)]
    groups = [
        Points(f"n = {of_n[0]['n_train']}", *columns(of_n, "KL-sharpness", "gap"))
        for of_n in grouped(runs, ("n_train",)).values()
    ]
    return [
        Drawing(
            "partial-tau",
            "Partial Kendall τ of each scalar with the gap over replicates, with unadjusted 90% and 95% "
            f"intervals; shaded: |τ| below {THRESHOLD:g}.",
            forest(bars, "Kendall's τ with the generalisation gap"),
        ),
        Drawing(
            "gap-against-sharpness",
            "Every run that reached the training loss, by the number n of training windows.",
            points(groups, "KL-sharpness at ε = .01 (nats per token)", "gap (nats per token)"),
        ),
    ]


def _bar(runs: Sequence[Row], name: str, kind: str, place: int) -> ContrastRow:
    values = taus(runs, name, STRATA[kind])
    wide, narrow = tau_interval(values), tau_interval(values, 0.9)
    return ContrastRow(name, kind, wide, narrow, THRESHOLD, place, "confirmatory")


SHARPNESS = Study(
    name="sharpness",
    title="Does Fisher geometry say which minimum generalises?",
    claim="The geometry of the Fisher information explains sharp minima and how they generalise.",
    source="arXiv 2506.15830.",
    theorem=_THEOREM,
    method=_METHOD,
    limits=_LIMITS,
    items=items,
    measure=by_kind({"runs": _runs, "theorem": _theorem}),
    conclude=conclude,
    draw=draw,
)

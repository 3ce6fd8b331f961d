"""Study `sharpness`: does Fisher geometry say which head of equal training loss generalises better?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import torch

from qgeo.heads.kinds import HEADS
from qgeo.optim.sharpness import sharpness_curve
from qgeo.studies.experiments.equal_loss import (
    CONTEXT,
    N_TRAIN,
    SETTINGS,
    SIZES,
    SOURCES,
    fitted_head,
    head_of,
    trained_row,
)
from qgeo.studies.experiments.gap_findings import drawings, findings
from qgeo.studies.experiments.ranked_gaps import placed
from qgeo.studies.study import Check, Drawing, Findings, Preset, Row, Study, by_kind, rows_of
from qgeo.tasks.windows import Windows

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
    windows = Windows.of(source.sample(n + CONTEXT, np.random.default_rng([*of_draw, n])), CONTEXT)
    settings = np.random.default_rng(of_draw).choice(len(SETTINGS), 2, replace=False)
    rows = []
    for (place, kind), setting in product(enumerate(HEADS), map(int, settings)):
        seed = 1000 * item["draw"] + 10 * setting + place
        head = head_of(kind, item["size"], source.vocabulary_size, torch.Generator().manual_seed(seed))
        rows.append({"head": kind} | trained_row(source, head, windows, setting, seed))
    return {"rows": rows}


def _theorem(item: Row) -> Row:
    """Largest relative deviation from ε, to second order, and from the KL divergence of what is realised."""
    head, windows = fitted_head(item["head"], np.random.default_rng(item["seed"]))
    curve = sharpness_curve(head, windows.contexts, windows.targets, EPSILONS)
    off = np.abs([curve.second_order / curve.epsilons - 1, curve.realised / curve.kls - 1])
    return {"deviation": float(off.max()), "reached": float((curve.kls / curve.epsilons).min())}


def conclude(rows: Sequence[Row]) -> Findings:
    """τ of every scalar, and what may be said of it."""
    worst = max(row["deviation"] for row in rows_of(rows, "theorem"))
    theorem = Check.below("theorem", "|KL-sharpness/ε − 1| at well-specified minima", worst, 1e-6)
    return findings(placed(rows), (theorem,))


def draw(rows: Sequence[Row]) -> list[Drawing]:
    """τ of all scalars; the gap against KL-sharpness."""
    return drawings(placed(rows))


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

"""Study `transformer-sharpness`: does Fisher geometry say which small transformer generalises better?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import torch

from qgeo.studies.experiments.equal_loss import N_TRAIN, SETTINGS, SOURCES, trained_row
from qgeo.studies.experiments.gap_findings import drawings, findings
from qgeo.studies.experiments.ranked_gaps import placed
from qgeo.studies.experiments.small_transformers import CONTEXT, LAYERS, transformer
from qgeo.studies.study import Drawing, Findings, Preset, Row, Study
from qgeo.tasks.windows import Windows

_METHOD = """
The protocol of the study `sharpness`, on transformers that are trained whole: pre-norm GPTs of width 4, two
attention heads, one or two layers (about 290 and 530 trainable numbers), contexts of four tokens, embedding
and output tied. Sources whose population loss is exact: the Bloch walk, and Mess3 with x = .05, a = .85.

Each is trained on 32, 128 and 512 windows with Adam, two of eight settings, drawn with the windows
(learning rate .01 or .05, batch 16 or 64, decoupled weight decay 0 or .1), until the loss of all training
windows is the same, floor + .2 (ln V − floor), to 1e-9. The gap, population minus training loss, then
differs by the population's loss alone.

At the end, all at the training windows and of all trainable numbers: realised KL-sharpness at ε = .01, its
second-order form on the range of F_C, tr F_C, its largest eigenvalue, participation ratio, effective
dimension at n, condition number with damping .03 tr F_C/P. Kendall's τ of each with the gap, over pairs
that share source, draw and n, is the partial τ; pairs that share the number of layers, too, differ in
learning rate, batch and weight decay alone.

A replicate is a draw of training windows with all that is trained on it. Intervals are bootstrap-t over
replicates, Bonferroni for seven scalars. A scalar explains the gap if its τ is beyond ±.3, on one side,
both at equal n and at equal layers. Gaps permuted at equal n are the null; n itself, at equal layers and
setting, is the effect.
"""
_LIMITS = """
Transformers of a few hundred numbers on sources of three and four tokens, far from a language model. On 512
windows of the Bloch walk four runs in ten never reach the training loss; they are left out and counted. A
trunk of 100,000 numbers trains under every head (`qgeo compare --trunk gpt`), but an F_C of all its numbers
does not fit into memory, and that of the head on it says nothing of the trunk. In one replicate a pair at
equal n and layers is two runs: τ there is a mean of signs. P is larger than the rank of F_C on most draws,
so that the second-order form is one on its range. The loss is stopped on its way down: KL-sharpness has a
part that is slope.
"""


def items(preset: Preset) -> list[Row]:
    """All transformers on a draw of n training windows each, the longest first."""
    sources, draws = {"quick": (("mess3",), 1), "full": (tuple(SOURCES), 20)}[preset]
    return [
        {"kind": "runs", "n_train": n, "size": "transformer", "source": source, "draw": draw}
        for n, source, draw in product(N_TRAIN, sources, range(draws))
    ]


def measure(item: Row) -> Row:
    """A row per number of layers and setting; settings are those of the draw, whatever n."""
    source, n, draw = SOURCES[item["source"]](), item["n_train"], item["draw"]
    windows = Windows.of(source.sample(n + CONTEXT, np.random.default_rng([draw, n])), CONTEXT)
    settings = np.random.default_rng([2, draw]).choice(len(SETTINGS), 2, replace=False)
    rows = []
    for layers, setting in product(LAYERS, map(int, settings)):
        seed = 1000 * draw + 10 * setting + LAYERS[layers]
        head = transformer(layers, source.vocabulary_size, torch.Generator().manual_seed(seed))
        rows.append({"head": layers} | trained_row(source, head, windows, setting, seed))
    return {"rows": rows}


def conclude(rows: Sequence[Row]) -> Findings:
    """τ of every scalar, and what may be said of it."""
    return findings(placed(rows))


def draw(rows: Sequence[Row]) -> list[Drawing]:
    """τ of all scalars; the gap against KL-sharpness."""
    return drawings(placed(rows))


TRANSFORMER_SHARPNESS = Study(
    name="transformer-sharpness",
    title="Does Fisher geometry say which small transformer generalises?",
    claim="The geometry of the Fisher information explains sharp minima of transformers.",
    source="arXiv 2506.15830, and a question of its referees.",
    theorem="",
    method=_METHOD,
    limits=_LIMITS,
    items=items,
    measure=measure,
    conclude=conclude,
    draw=draw,
)

"""Study `pullback`: does F_Q add anything over the exact F_C of what is measured, on the same head?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from typing import Any, Literal

import numpy as np

from qgeo.comparison.bars import text_unit
from qgeo.comparison.endpoints import endpoint
from qgeo.comparison.training import final_windows
from qgeo.comparison.verdicts import Contrast, Question, Verdict, difference_contrast, verdicts
from qgeo.plot.forest import ContrastRow, forest
from qgeo.statistics.means import mean_interval
from qgeo.studies.experiments.measured_output import random_output
from qgeo.studies.experiments.tuned import configured, tuned_value
from qgeo.studies.study import (
    Check,
    Drawing,
    Findings,
    Preset,
    Row,
    Study,
    Table,
    by_kind,
    rows_of,
    with_interval,
)
from qgeo.studies.study import Verdict as StudyVerdict

QUANTUM, CLASSICAL, AGAIN, SHORT = "born+quantum", "born+classical", "born+classical, again", "short"
"""The pair; F_C on a second stream of seeds, tuned for itself; F_C stopped at a third of its steps."""

_SMALL: Row = {
    "task": {"vocabulary": 16, "context": 2},
    "heads": {"embedding": 2},
    "training": {"steps": 45, "batch": 64, "evaluate_every": 45, "validation_windows": 1024},
    "protocol": {"replicates": 4, "finals": 4, "tokens": 8192},
}
"""Of the quick preset: it shows that everything works, and decides nothing."""

_THEOREM = """
An output distribution p_θ(y|x) carries the Fisher–Rao metric, the only one that no sufficient statistic
changes (Chentsov). Pulled back through θ → p_θ it is

    F_C = E_x Jᵀ(diag p − ppᵀ)J,    J the Jacobian of the log-probabilities' scores,

and pulled back through θ → ψ_θ the Fubini–Study metric is F_Q/4. So the question whether a pullback helps
where the quantum Fisher information did not is the question of F_C against F_Q on one head.
"""
_METHOD = """
The protocol of comparisons. A replicate has training data of its own, 16 trials of each arm on its own
tuning seed, its own choice by validation loss, and four final runs of it; its value is their mean on test
windows. F_Q and F_C step by the same realised KL divergence and tune its size and their damping over the
same grid. The contrast is paired over replicates, with Student's t intervals; better or worse takes a
Holm-adjusted p below 5%, equivalence the 90% interval inside ±.1 u (text) or ±log 1.1 (source).

The same arm again, from a second stream of seeds and tuned anew, is the null; the arm stopped at a third of
its steps is the effect. Resampled from recorded runs, the same protocol calls identical arms different in
5% of cases, finds a planted ratio of .8, and does not fall into the trap of a single tuning seed
(results/planted).

Preset full is the standard run's pair on both of its tasks; preset quick has smaller heads and few
replicates.
"""
_LIMITS = """
One head, one size, one budget of steps, a grid of four dampings and four step sizes: where a choice lies at
an edge of the grid, the verdict is one on that grid. Intervals speak of initialisation and data draws,
given the text. Nothing is said about circuits or shots: the metric is exact.
"""


def settings(task: str, preset: Preset, arm: str) -> Row:
    """Of a comparison with the pair and the same arm again; the short arm has a third of the steps."""
    again = [{"name": AGAIN, "head": "born", "metric": "classical", "seed_stream": 1}]
    named: Row = {} if task == "text" else {"task": {"name": task}}
    of_preset: Row = _SMALL if preset == "quick" else {"protocol": {"replicates": 40, "finals": 4}}
    made = {"arms": {"names": [QUANTUM, CLASSICAL]}, "arm": again} | of_preset | named
    return _shortened(made) if arm == SHORT else made


def _shortened(made: Row) -> Row:
    steps = configured(made)[0].training.steps // 3
    return made | {"training": made.get("training", {}) | {"steps": steps, "evaluate_every": steps}}


def items(preset: Preset) -> list[Row]:
    """A replicate of an arm each."""
    tasks, replicates = {"quick": (("text",), 4), "full": (("text", "bloch-walk"), 40)}[preset]
    runs = [
        {"kind": "arm", "task": task, "preset": preset, "replicate": replicate, "arm": arm}
        for task, replicate, arm in product(tasks, range(replicates), (QUANTUM, CLASSICAL, AGAIN, SHORT))
    ]
    return runs + [{"kind": "identity", "seed": seed, "preset": preset} for seed in range(5)]


def _arm(item: Row) -> Row:
    """Value in units of the endpoint, and what was chosen."""
    arm = item["arm"]
    made = settings(item["task"], item["preset"], arm)
    configuration, task = configured(made)
    row = tuned_value(made, CLASSICAL if arm == SHORT else arm, item["replicate"])
    compared = endpoint(task, text_unit(task, final_windows(task, configuration.training.test_windows)))
    return row | {"value": compared.value(row[compared.key]), "margin": compared.margin}


def _identity(item: Row) -> Row:
    """|F_C − E Jᵀ(diag p − ppᵀ)J| over |F_C|, the scores being log-probabilities up to a constant."""
    output = random_output("hardware-efficient", 3, 2, 4, np.random.default_rng(item["seed"]))
    f_c, p = output.metrics()[0], np.exp(output.log_probs())
    scores = output.jacobian() + np.random.default_rng(0).normal(size=(len(f_c), len(p), 1))
    mean = (p * scores).sum(-1)
    pulled = (np.einsum("by,iby,jby->ij", p, scores, scores) - mean @ mean.T) / len(p)
    return {"deviation": float(np.abs(pulled - f_c).max() / np.abs(f_c).max())}


def conclude(rows: Sequence[Row]) -> Findings:
    """The pair's verdict on every task, and its two controls."""
    tasks = _tasks(rows)
    pairs = [_contrast(rows, task, QUANTUM) for task in tasks]
    called = verdicts([(_question(contrast), contrast) for contrast in pairs])
    checks = [_identity_check(rows), *(check for task in tasks for check in _controls(rows, task))]
    answer = " ".join(_sentence(rows, task, entry) for task, entry in zip(tasks, called, strict=True))
    numbers = {task: asdict(entry) for task, entry in zip(tasks, called, strict=True)}
    replicates = called[0].replicates
    return Findings(_overall(called), answer, tuple(checks), (_table(rows),), replicates, numbers)


def _tasks(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["task"] for row in rows_of(rows, "arm")))


def _controls(rows: Sequence[Row], task: str) -> list[Check]:
    null, effect = _contrast(rows, task, AGAIN), _contrast(rows, task, SHORT).ci95
    return [
        Check.above("null", f"{task}: p of the same arm again", null.p or 0.0, 0.001),
        Check.above("effect", f"{task}: loss by two thirds of the steps, low end", effect.ci_low or 0.0, 0.0),
    ]


def _overall(called: Sequence[Verdict]) -> StudyVerdict:
    """Of the claim that the pullback helps where F_Q does not: F_C better than F_Q, or not."""
    calls = {entry.verdict for entry in called}
    if calls == {"worse"}:
        return "supported"
    return "not supported" if calls <= {"better", "equivalent"} else "not decided"


def _identity_check(rows: Sequence[Row]) -> Check:
    deviation = max(row["deviation"] for row in rows_of(rows, "identity"))
    return Check.below("theorem", "|F_C − pullback| over |F_C|", deviation, 1e-10)


def _question(contrast: Contrast) -> Question:
    return Question(QUANTUM, CLASSICAL, "end of training", "steps", tuning_draws=contrast.ci95.n)


def _values(rows: Sequence[Row], task: str, arm: str, key: str = "value") -> list[Any]:
    return [row[key] for row in rows_of(rows, "arm") if (row["task"], row["arm"]) == (task, arm)]


def _contrast(rows: Sequence[Row], task: str, arm: str) -> Contrast:
    """Of an arm against F_C."""
    margin = _values(rows, task, arm, "margin")[0]
    return difference_contrast(_values(rows, task, arm), _values(rows, task, CLASSICAL), margin)


_CALLS = {"none": "no verdict"}


def _sentence(rows: Sequence[Row], task: str, entry: Verdict) -> str:
    edges = [f"{np.mean(_values(rows, task, arm, 'edge')):.0%}" for arm in (QUANTUM, CLASSICAL)]
    wide = _contrast(rows, task, QUANTUM).ci95
    return (
        f"On {task}, F_Q against F_C: {_CALLS.get(entry.verdict, entry.verdict)}, {with_interval(wide)} in "
        f"units of the endpoint (above 0 F_Q is worse; margin ±{entry.margin:.3f}, R = {entry.replicates}); "
        f"{edges[0]} and {edges[1]} of the choices lie at an edge of the grid."
    )


def _table(rows: Sequence[Row]) -> Table:
    lines = []
    for task, arm in product(_tasks(rows), (QUANTUM, CLASSICAL, AGAIN, SHORT)):
        losses = mean_interval(_values(rows, task, arm, "test_loss"))
        lines.append((f"{task}: {arm}", with_interval(losses, 4), str(losses.n)))
    return Table("Test loss, nats per token", ("arm", "mean over replicates", "R"), tuple(lines))


def draw(rows: Sequence[Row]) -> list[Drawing]:
    """Contrasts with F_C, the controls among them."""
    contrasts = [
        _forest_row(rows, task, arm, place)
        for task, (place, arm) in product(_tasks(rows), enumerate((QUANTUM, AGAIN, SHORT)))
    ]
    caption = "Difference from F_C over replicates: 90% and 95% intervals; shaded: the margin of equivalence."
    return [
        Drawing(
            "contrasts", caption, forest(contrasts, "difference from F_C, endpoint units; left is better")
        )
    ]


def _forest_row(rows: Sequence[Row], task: str, arm: str, place: int) -> ContrastRow:
    contrast = _contrast(rows, task, arm)
    role: Literal["confirmatory", "exploratory"] = "confirmatory" if arm == QUANTUM else "exploratory"
    return ContrastRow(arm, task, contrast.ci95, contrast.ci90, contrast.margin, place, role)


PULLBACK = Study(
    name="pullback",
    title="Does the quantum Fisher information add anything over the classical one?",
    claim="The quantum Fisher information alone did not improve training, a pullback of a metric did.",
    source="arXiv 2506.15830.",
    theorem=_THEOREM,
    method=_METHOD,
    limits=_LIMITS,
    items=items,
    measure=by_kind({"arm": _arm, "identity": _identity}),
    conclude=conclude,
    draw=draw,
)

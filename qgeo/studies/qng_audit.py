"""Study `qng-audit`: published wins of quantum natural gradient, when every method is tuned alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from itertools import product
from math import log
from typing import Any

import numpy as np
from qiskit.quantum_info import SparsePauliOp

from qgeo.plot.forest import ContrastRow, forest
from qgeo.statistics.intervals import paired_p
from qgeo.statistics.means import Interval, mean_interval
from qgeo.studies.experiments.descents import (
    METHODS,
    Descent,
    Setting,
    first_pair,
    is_at_edge,
    random_layers,
    settings,
    steps_to,
    target_of,
    transverse_ising,
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
    exponential,
    with_interval,
)

AGAIN = "gradient, again"
KEYS = {
    "log_steps": "steps, tuned",
    "log_circuits": "circuits entry by entry",
    "log_grouped": "circuits, grouped",
    "common": "steps, one η",
}
STEPS, FINALS, SHARE = 100, 4, 0.05
"""Of a descent; final starts of a replicate; the target above the ground energy, in Σ|w|."""


@dataclass(frozen=True)
class Problem:
    """An observable on random layers; eta: one learning rate for all, of the metric F/4 (1 without one)."""

    qubits: int
    layers: int
    observable: Callable[[int], SparsePauliOp]
    eta: float


PROBLEMS = {
    "pair-7": Problem(7, 5, first_pair, 0.05),
    "ising-7": Problem(7, 5, transverse_ising, 0.0125),
    "pair-9": Problem(9, 5, first_pair, 0.05),
}

_METHOD = """
Circuits of McClean et al., as in figure 3 of Stokes et al. (RY(π/4), then five layers of rotations about
random axes and CZ ladders), with Z₀Z₁ on 7 and 9 qubits, and a critical Ising chain on 7; angles begin
uniform in [0, 2π). Exact energies: the metric at its best, without the noise of shots.

A replicate is a random circuit. Every method (plain descent, Adam, natural gradient with F_Q, its commuting
layers' blocks, its diagonal) has 24 trials from one start of the replicate's own, chooses the fewest steps
to the target (5% of Σ|w| above the ground energy; ties by the energy there), and is judged from four other
starts by the mean of log steps. Circuits are counted twice: grouped strings and parameter shifts in both, the
metric entry by entry as the published methods count it, and grouped as qgeo's estimators send it, all
rotations of a layer in one circuit.

Then the same starts at one learning rate η for all (.05, for the chain .0125), as published comparisons do
it. Plain descent tuned from another start is the null, the published order at the common η the effect.
"""
_LIMITS = """
Exact energies and metrics; with shots the metric costs what is counted here and adds its own noise. A
hundred steps at most: a start that does not reach the target counts as a hundred and one. The papers' own
figures are not read off: the order of methods at one η is what is reproduced. Of the published comparisons
named in the method only that circuit is repeated; others (2311.04135, 2501.05847) are not, their settings
were not at hand.
"""


def items(preset: Preset) -> list[Row]:
    """A method in a replicate each, those of nine qubits first; four replicates do not show the effect."""
    names, replicates = {"quick": (("pair-7", "ising-7"), 8), "full": (("pair-9", "pair-7", "ising-7"), 40)}[
        preset
    ]
    return [
        {"problem": name, "replicate": replicate, "method": method}
        for name, replicate, method in product(names, range(replicates), (*METHODS, AGAIN))
    ]


def measure(item: Row) -> Row:
    """Mean log steps and circuits to the target from final starts, tuned and at the common η."""
    problem, descents = PROBLEMS[item["problem"]], _descents(item["problem"], item["replicate"])
    method = item["method"].removesuffix(", again")
    target = target_of(descents[0].observable, SHARE)
    chosen = min(settings(method), key=partial(_cost, descents[item["method"] == AGAIN], method, target))
    common = Setting(problem.eta * (1 if method in METHODS[:2] else 4), 0.001)
    steps, at_common = (
        [steps_to(each.energies(method, setting, STEPS, target), target) for each in descents[2:]]
        for setting in (chosen, common)
    )
    return {
        "log_steps": _mean_log(steps),
        "log_circuits": _mean_log(steps) + log(descents[0].circuits(method)),
        "common": _mean_log(at_common),
        "missed": sum(each > STEPS for each in steps),
        "setting": asdict(chosen),
        "edge": is_at_edge(method, chosen),
    }


def _descents(name: str, replicate: int) -> list[Descent]:
    """From the two starts of choices and the final ones."""
    problem, generator = PROBLEMS[name], np.random.default_rng([1, replicate])
    circuit = random_layers(problem.qubits, problem.layers, generator)
    starts = generator.uniform(0, 2 * np.pi, (2 + FINALS, circuit.num_parameters))
    return [Descent(circuit, problem.observable(problem.qubits), start) for start in starts]


@cache
def _log_grouped(name: str, method: str) -> float:
    """Log of a step's grouped circuits: a rotation on every qubit of every layer, whatever its axis, so the
    same in all replicates."""
    return log(_descents(name, 0)[0].grouped_circuits(method))


def _cost(descent: Descent, method: str, target: float, setting: Setting) -> tuple[int, float]:
    """Steps, then the energy there; a divergence is worse than anything."""
    energies = descent.energies(method, setting, STEPS, target)
    return steps_to(energies, target), float(np.nan_to_num(energies[-1], nan=np.inf))


def _mean_log(steps: Sequence[int]) -> float:
    return float(np.mean(np.log(np.maximum(steps, 1))))


def conclude(rows: Sequence[Row]) -> Findings:
    """Tuned ratios of F_Q to both Euclidean methods, null and effect of every problem."""
    names = list(dict.fromkeys(row["problem"] for row in rows))
    checks = [check for name in names for check in _controls(rows, name)]
    tuned = {(name, other): _log_ratio(rows, name, other) for name, other in product(names, METHODS[:2])}
    sentences = " ".join(_sentence(rows, name) for name in names)
    replicates = next(iter(tuned.values())).n
    numbers = {name: _numbers(rows, name) for name in names}
    tables = (_table(rows, names),)
    return Findings(_verdict(list(tuned.values())), sentences, tuple(checks), tables, replicates, numbers)


def _verdict(ratios: Sequence[Interval]) -> Verdict:
    """Of the claim that F_Q takes fewer steps than plain descent and Adam, on every problem."""
    if all(ratio.ci_high is not None and ratio.ci_high < 0 for ratio in ratios):
        return "supported"
    refuted = any(ratio.ci_low is not None and ratio.ci_low > 0 for ratio in ratios)
    return "not supported" if refuted else "not decided"


def _controls(rows: Sequence[Row], name: str) -> list[Check]:
    again, descent = (_values(rows, name, method, "log_steps") for method in (AGAIN, "gradient"))
    ahead = [_log_ratio(rows, name, other, "common").ci_high for other in METHODS[:2]]
    worst = max(0.0 if high is None else high for high in ahead)
    return [
        Check.above(
            "null", f"{name}: p of plain descent tuned again", paired_p(again, descent) or 0.0, 0.001
        ),
        Check.below("effect", f"{name}: log steps of F_Q over others' at one η, high end,", worst, 0.0),
    ]


def _values(rows: Sequence[Row], name: str, method: str, key: str) -> list[float]:
    if key == "log_grouped":
        return [steps + _log_grouped(name, method) for steps in _values(rows, name, method, "log_steps")]
    return [row[key] for row in rows if (row["problem"], row["method"]) == (name, method)]


def _log_ratio(
    rows: Sequence[Row], name: str, other: str, key: str = "log_steps", method: str = "quantum"
) -> Interval:
    """Mean of log(steps of a method / steps of another) over replicates."""
    pairs = zip(_values(rows, name, method, key), _values(rows, name, other, key), strict=True)
    return mean_interval([ours - theirs for ours, theirs in pairs])


def _factor(ratio: Interval) -> str:
    """The ratio itself, as text."""
    return with_interval(exponential(ratio), 2)


def _sentence(rows: Sequence[Row], name: str) -> str:
    steps, circuits, grouped, common = (_factor(_log_ratio(rows, name, "adam", key)) for key in KEYS)
    plain = _factor(_log_ratio(rows, name, "gradient"))
    return (
        f"{name}: F_Q takes {plain} times the steps of tuned plain descent and {steps} times those of tuned "
        f"Adam, {circuits} times Adam's circuits counted entry by entry, {grouped} times grouped; at one η "
        f"for all, {common} times Adam's steps."
    )


def _numbers(rows: Sequence[Row], name: str) -> Row:
    ratios: Row = {}
    for other, key in product(METHODS[:2], KEYS):
        ratios[f"{key} against {other}"] = asdict(_log_ratio(rows, name, other, key))
    for method, key in product(METHODS[3:], KEYS):
        ratios[f"{method}: {key} against adam"] = asdict(_log_ratio(rows, name, "adam", key, method))
    return ratios


def _table(rows: Sequence[Row], names: Sequence[str]) -> Table:
    lines = [_line(rows, name, method) for name, method in product(names, METHODS)]
    head = ("method", *KEYS.values(), "starts that miss", "edge of lr")
    return Table("Geometric means over replicates with 95% intervals", head, tuple(lines))


def _line(rows: Sequence[Row], name: str, method: str) -> tuple[str, ...]:
    means = [mean_interval(_values(rows, name, method, key)) for key in KEYS]
    missed = sum(_values(rows, name, method, "missed"))
    edges = float(np.mean(_values(rows, name, method, "edge")))
    return f"{name}: {method}", *(_count(mean) for mean in means), f"{missed:g}", f"{edges:.0%}"


def _count(mean: Interval) -> str:
    return with_interval(exponential(mean), 1)


def draw(rows: Sequence[Row]) -> list[Drawing]:
    """Every metric against Adam, in steps and in circuits."""
    names = list(dict.fromkeys(row["problem"] for row in rows))
    bars = [
        _bar(rows, name, key, label, place)
        for name, (place, (key, label)) in product(names, enumerate(KEYS.items()))
    ]
    axis = "log of F_Q's over Adam's; left of 0 F_Q needs less"
    caption = "F_Q against Adam: 90% and 95% intervals over replicates; shaded: a factor of 1.1."
    return [Drawing("against-adam", caption, forest(bars, axis))]


def _bar(rows: Sequence[Row], name: str, key: str, label: str, place: int) -> ContrastRow:
    ours, theirs = (_values(rows, name, method, key) for method in ("quantum", "adam"))
    gaps: Any = np.subtract(ours, theirs)
    wide, narrow = mean_interval(gaps), mean_interval(gaps, 0.9)
    return ContrastRow(name, label, wide, narrow, log(1.1), place, "confirmatory")


QNG_AUDIT = Study(
    name="qng-audit",
    title="Does quantum natural gradient win when every method is tuned alike?",
    claim="Quantum natural gradient reaches a target in fewer steps than plain descent and Adam.",
    source="Stokes et al., arXiv 1909.02108, figure 3, and many after it.",
    theorem="",
    method=_METHOD,
    limits=_LIMITS,
    items=items,
    measure=measure,
    conclude=conclude,
    draw=draw,
)

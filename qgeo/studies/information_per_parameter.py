"""Study `information-per-parameter`: what Fisher information per parameter says, and what it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import product
from operator import itemgetter

import numpy as np

from qgeo.plot.forest import ContrastRow, forest
from qgeo.plot.spectra import spectrum
from qgeo.statistics.means import Interval, mean_interval
from qgeo.studies.experiments.matched_heads import (
    BEYOND,
    DIRECTIONS,
    HEAD_NAMES,
    SHARES,
    STARTS,
    measure_head,
)
from qgeo.studies.experiments.measured_output import Floats
from qgeo.studies.experiments.units import CHANGES, measure_units, units_table
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
    geometric_mean,
    in_orders,
    rows_of,
    rows_with,
    span,
    verdict_on_more,
)

QUBITS = (4, 6, 8)
Quantity = Callable[[Row], float]

QUANTITIES: dict[str, Quantity] = {
    "tr F_C/N": itemgetter("trace"),
    "rank/N": lambda row: row["rank"] / row["N"],
    **{name: itemgetter(name) for name in SHARES},
}
"""Of a head; the last three are shares of the direction towards a population."""

OF_STATES: tuple[Quantity, ...] = (
    itemgetter("trace_q"),
    lambda row: row["rank_q"] / row["N"],
    itemgetter("kept"),
)
"""Of a Born head's F_Q: its trace and rank per number, mean μ."""

_THEOREM = """
For θ = Aφ, A regular, F_φ = AᵀFA. With A = 2I the trace is four times as large: tr F/N is a number of units,
and by a choice of A it can be anything. So are determinant, condition number and participation ratio of F.
The same for all A are

    rank F_C, rank F_Q;   μ of F_C v = μ F_Q v, so Σ log μ = log det F_C − log det F_Q;   gᵀF⁺g,

for the best step at KL divergence k drops √(2k gᵀF_C⁺g), to first order. Ranks, and gᵀF_C⁺g, compare
different models too: let u be the direction, at a model's output, in which a population lies, among all
B(V − 1) directions of distributions; then

    s = gᵀF_C⁺g / χ² = |Πu|²/|u|²,    Π the projection on directions that the parameters reach,

and of an isotropic random direction s is rank F_C/B(V − 1) on average. μ compares F_C with F_Q in one model;
of a classical head, a state with amplitudes √p, they are the same.
"""
_METHOD = """
Units: circuits of 3 qubits, P = 12, 16 contexts, against the same circuits in φ = θ/2 and in θ = Aφ, A random
with singular values from 1/3 to 3; both compiled and evaluated as circuits of their own.

Heads: Born heads of 4, 6, 8 qubits (hardware-efficient, 3 layers, outcomes folded to 16 tokens, encoder of 2
tokens trained too), softmax and MLP heads with as many trainable numbers (within 8%), all 256 contexts, at
both starts. For each: tr F_C/N, rank, spectrum, and the share s of the direction towards two populations: the
source zipf-bigram exactly, and the default text (next character after two, V = 16), also without the mean
distribution of tokens, which biases of classical heads reach at once. A replicate is a seed of all
initial numbers; Born and classical heads of one seed are compared.
"""
_LIMITS = """
Heads at their start: what is reached later in training is not seen here, and a training does not take the
best step. Shares depend on the population and on how heads are built, here with a common encoder; a circuit
made for its data may reach more. Ranks and shares count directions however little moves along them, at the
uniform start of Born heads down to 10⁻¹² of the largest eigenvalue, which is kind to them. Classical heads
have redundant numbers (logits shifted alike, factors between two linear maps); without these their rank per
number would be 1, as it would for circuits without theirs. F_Q is what the best measurement could tell, which
is no output of a language model.
"""


def items(preset: Preset) -> list[Row]:
    """Eight qubits first: they are the longest."""
    seeds = {"quick": 6, "full": 40}[preset]
    heads = [
        {"kind": "head", "head": head, "qubits": qubits, "start": start, "seed": seed}
        for qubits, seed, start, head in product(reversed(QUBITS), range(seeds), STARTS, HEAD_NAMES)
    ]
    return heads + [{"kind": "units", "seed": seed} for seed in range(seeds)]


def conclude(rows: Sequence[Row]) -> Findings:
    """Units, then heads of one size."""
    units, heads = rows_of(rows, "units"), rows_of(rows, "head")
    ratios = {name: _contrasts(heads, name) for name in QUANTITIES}
    shares = [each for name in SHARES for each in ratios[name].values()]
    return Findings(
        verdict_on_more(shares),
        _answer(ratios, shares),
        _checks(units, heads),
        (units_table(units), *(_heads_table(heads, start) for start in STARTS)),
        replicates=shares[0].n,
        numbers={name: {key: asdict(each) for key, each in by.items()} for name, by in ratios.items()},
    )


def _checks(units: Sequence[Row], heads: Sequence[Row]) -> tuple[Check, ...]:
    changes = [row[name] for row in units for name in CHANGES]
    doubled = max(abs(row["doubled"]["trace"] / 4 - 1) for row in units)
    isotropic = float(np.mean([row["random"] * DIRECTIONS / row["rank"] for row in heads]))
    return (
        Check.below("effect", "tr F/N of θ = 2φ is four times as large, off by", doubled, 1e-10),
        Check.below("null", "change of μ", max(row["kept"] for row in changes), 1e-8),
        Check.below("null", "relative change of gᵀF_C⁺g", max(row["drop"] for row in changes), 1e-8),
        Check.below("null", "change of ranks", max(row["ranks"] for row in changes), 0.5),
        Check.below("theorem", "|s B(V−1)/rank − 1|, random directions,", abs(isotropic - 1), 0.02),
    )


def _contrasts(heads: Sequence[Row], quantity: str) -> dict[str, Interval]:
    """Born over classical head, per case: geometric mean over seeds."""
    return {
        f"{qubits} qubits, {start}, {other}": geometric_mean(_ratios(heads, quantity, qubits, start, other))
        for qubits, start, other in product(QUBITS, STARTS, HEAD_NAMES[1:])
    }


def _ratios(heads: Sequence[Row], quantity: str, qubits: int, start: str, other: str) -> Floats:
    chosen, of = rows_with(heads, qubits=qubits, start=start), QUANTITIES[quantity]
    ours, theirs = ([of(row) for row in rows_with(chosen, head=name)] for name in ("born", other))
    return np.asarray(np.array(ours) / np.array(theirs))


def _answer(ratios: dict[str, dict[str, Interval]], shares: Sequence[Interval]) -> str:
    spans = {name: span(by.values()) for name, by in ratios.items()}
    return (
        "Fisher information per parameter is a number of units: θ = 2φ makes it four times as large in every "
        f"model. As it stands, tr F_C/N of Born heads is {spans['tr F_C/N']} times that of classical heads "
        f"of their size; but they reach {spans['rank/N']} times as many directions per number, and of the "
        f"direction towards a source {spans['zipf-bigram']} times, towards text {spans['text']} times, "
        f"beyond its mean {spans[BEYOND]} times the share that the classical head reaches: more in "
        f"{above_one(shares)}, less in {below_one(shares)} of {len(shares)} cases (n = {shares[0].n} seeds "
        "each)."
    )


def _heads_table(heads: Sequence[Row], start: str) -> Table:
    rows = [
        (f"{qubits} qubits" if name == "born" else f"{qubits} qubits: {name} of its size", *_cells(chosen))
        for qubits, name in product(QUBITS, HEAD_NAMES)
        if (chosen := rows_with(heads, qubits=qubits, start=start, head=name))
    ]
    columns = ("head", "N", *QUANTITIES, "tr F_Q/N", "rank F_Q/N", "mean μ")
    return Table(f"Born heads and classical ones, {start} start; means over seeds", columns, tuple(rows))


def _cells(rows: Sequence[Row]) -> Iterator[str]:
    yield str(rows[0]["N"])
    for of in QUANTITIES.values():
        yield in_orders(mean_interval([of(row) for row in rows]))
    for of in OF_STATES:
        yield in_orders(mean_interval([of(row) for row in rows])) if rows[0]["head"] == "born" else ""


def draw(rows: Sequence[Row]) -> list[Drawing]:
    """Spectra of one seed; what Born heads have and reach, over classical heads."""
    heads = rows_with(rows_of(rows, "head"), qubits=6)
    one = {row["head"]: row for row in rows_with(heads, seed=0, start="random")}
    matrices = {"born, F_Q": one["born"]["eigenvalues_q"]} | {
        f"{name}, F_C": row["eigenvalues"] for name, row in one.items()
    }
    contrasts = [_forest_row(heads, *at) for at in product(QUANTITIES, HEAD_NAMES[1:])]
    return [
        Drawing(
            "spectra",
            "Eigenvalues of heads of one size, 6 qubits, random start, one seed each. Their heights are "
            "those of units; where they end is the rank.",
            spectrum({name: np.diag(values) for name, values in matrices.items()}),
        ),
        Drawing(
            "ratios",
            "Born head over classical head of its size, 6 qubits, uniform start: logarithm to base 10, 95% "
            "and 90% intervals over seeds; the margin is a factor 1.1.",
            forest(contrasts, "log₁₀ of the ratio"),
        ),
    ]


def _forest_row(heads: Sequence[Row], quantity: str, other: str) -> ContrastRow:
    logs = np.log10(_ratios(heads, quantity, 6, "uniform", other))
    label = f"share, {quantity}" if quantity in SHARES else quantity
    wide, narrow = (mean_interval(logs, level) for level in (0.95, 0.9))
    place = HEAD_NAMES.index(other)
    return ContrastRow(label, f"over {other}", wide, narrow, np.log10(1.1), place, "confirmatory")


INFORMATION_PER_PARAMETER = Study(
    name="information-per-parameter",
    title="Do quantum parameters carry more Fisher information?",
    claim="Quantum parameters carry more Fisher information each than classical ones.",
    source="After Di Sipio, arXiv 2506.15830.",
    theorem=_THEOREM,
    method=_METHOD,
    limits=_LIMITS,
    items=items,
    measure=by_kind({"head": measure_head, "units": measure_units}),
    conclude=conclude,
    draw=draw,
)

"""Study `readout`: what "quantum information per parameter" measures, the state or its readout."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from qgeo.circuit.ansatz import ansatz
from qgeo.geometry.spectra import rank
from qgeo.statistics.equivalence import ALPHA, is_equivalent
from qgeo.statistics.means import Interval, mean_interval
from qgeo.studies.experiments import abbas
from qgeo.studies.experiments.network_gaps import (
    MARGIN,
    depth_table,
    differences,
    drawings,
    gap,
    gap_table,
    share_table,
)
from qgeo.studies.experiments.random_bases import in_random_bases, variance
from qgeo.studies.experiments.readings import QUANTUM, TWO_OUTCOMES, DataCircuit, by_reading, disorder
from qgeo.studies.study import (
    Check,
    Drawing,
    Findings,
    Preset,
    Row,
    Study,
    Verdict,
    by_kind,
    columns,
    rows_of,
    with_interval,
)

SIZES, DEPTHS, BASES = (1, 2, 4, 6), (1, 2, 4, 8), 400
CERTAIN = 0.999
"""Level of an interval that a theorem puts a number into: a check may not fail in one of 20 runs."""

_PUBLISHED_GAP = abbas.CURVES["zz"][-1] - abbas.CURVES["z"][-1]

_THEOREM = """
Measurement loses information, and so does whatever is done to outcomes afterwards. For every state, every
measurement of it and every fixed channel behind the bits, per context and in the mean over contexts,

    F_readout ⪯ F_C(bits) ⪯ F_Q,      rank F_C ≤ K − 1 per context, K the number of outcomes,

since Σ_y ∂p_y = 0. Two outcomes have rank 1: ∂p ∂pᵀ/p(1 − p). Two readings that are the same channel have
the same F. Over Haar-random bases of a pure state, at every n,

    E F_C = ½ F_Q.

For RY(θ), RZ(φ) on one qubit F_Q = diag(1, sin²θ) and F_C = diag(1, 0): bits see nothing of the phase. The
effective dimension d is that of F̂ = P F/E_θ tr F: one factor for all F changes nothing, ½ F_Q has the d of
F_Q, and d does not rise with F in the order ⪯: what decides is how evenly information is spread over
directions and θ.
"""
_METHOD = """
Order and rank: hardware-efficient circuits at random values on 1 to 6 qubits with 1 to 8 layers; parity, the
lowest bit, all zeros or not, a random half of the bitstrings (two outcomes each), the number of ones, all
bits, all bits in a Haar-random basis; on one context and on 16. tr F/tr F_Q is a reading's share of what the
state tells per parameter. Mean over bases: per circuit 400 of them.

Effective dimension: both networks of Abbas et al., figure 3a, in every reading, on the published draw of
θ and inputs, and on draws of our own, which are the replicates; both networks share them. The claim is
supported if the 95% interval of the gap between the networks lies above half the published one with parity,
and if with bits and with F_Q its 90% interval lies within ±.01, a tenth of it (two one-sided tests at 5%).
"""
_LIMITS = """
The gap is that of two networks of 4 qubits and 40 parameters at θ in [0, 1), as published. d at n = 10⁶ of
100 θ is a mean of √det that few θ may dominate; replicates draw them anew. What a larger d is worth for
learning is not asked. Readings are noise-free.
"""


def items(preset: Preset) -> list[Row]:
    """Networks first: they are the longest. Draw 0 is the published one."""
    replicates, seeds = {"quick": (8, 4), "full": (100, 40)}[preset]
    networks = [
        {"kind": "network", "feature_map": name, "draw": draw}
        for draw, name in product(range(replicates + 1), abbas.FEATURE_MAPS)
    ]
    order = [
        {"kind": "order", "qubits": qubits, "layers": layers, "seed": seed}
        for seed, qubits, layers in product(range(seeds), reversed(SIZES), reversed(DEPTHS))
    ]
    bases = [{"kind": "bases", "qubits": n, "seed": seed} for seed, n in product(range(seeds), (4, 3, 2, 1))]
    return networks + order + bases


def _network(item: Row) -> Row:
    """d/P at every n, and the mean rank over θ, by reading."""
    circuit = abbas.network(item["feature_map"])
    every = by_reading(circuit, *abbas.drawn(item["draw"]), item["draw"])
    return {
        "dimensions": {name: abbas.curve(fishers).tolist() for name, fishers in every.items()},
        "ranks": {name: float(np.mean([rank(f) for f in fishers])) for name, fishers in every.items()},
    }


def _order(item: Row) -> Row:
    """Shares of tr F_Q, ranks on one and on 16 contexts, and by how much the order fails."""
    generator = np.random.default_rng([item["seed"], item["qubits"], item["layers"]])
    built = ansatz("hardware-efficient", item["qubits"], item["layers"])
    circuit = DataCircuit(built.circuit, built.input_parameters)
    values = generator.uniform(-np.pi, np.pi, (1, len(built.parameters)))
    inputs = generator.uniform(-np.pi, np.pi, (16, len(built.input_parameters)))
    seed = item["seed"]
    alone = {name: f[0] for name, f in by_reading(circuit, values, inputs[:1], seed).items()}
    mean = {name: f[0] for name, f in by_reading(circuit, values, inputs, seed).items()}
    whole = np.trace(mean[QUANTUM])
    return {
        "shares": {name: float(np.trace(f) / whole) for name, f in mean.items()},
        "ranks": {name: rank(f) for name, f in alone.items()},
        "ranks_of_16": {name: rank(f) for name, f in mean.items()},
        "disorder": max(disorder(fishers) for fishers in (alone, mean)),
    }


def _bases(item: Row) -> Row:
    """Mean over Haar bases: tr F_C/tr F_Q, and squared distance from ½ F_Q over that of chance."""
    generator = np.random.default_rng([item["seed"], item["qubits"]])
    circuit = ansatz("hardware-efficient", item["qubits"], 2).circuit
    values = generator.uniform(-np.pi, np.pi, circuit.num_parameters)
    four_q, seen = in_random_bases(circuit, values, BASES, seed=item["seed"])
    off = seen.mean(0) - four_q.real / 2
    expected = variance(four_q, 2 ** item["qubits"]).sum() / BASES
    return {
        "share": float(np.trace(seen.mean(0)) / np.trace(four_q.real)),
        "distance": float((off**2).sum() / expected),
    }


def conclude(rows: Sequence[Row]) -> Findings:
    """Theorem, published curve, null and effect, then the gap in every reading."""
    order, bases, networks = (rows_of(rows, kind) for kind in ("order", "bases", "network"))
    gaps = {name: gap(networks, name) for name in networks[0]["dimensions"]}
    on_published = {name: differences(networks, name)[0] for name in gaps}
    (violation,), of_bases = columns(order, "disorder"), columns(bases, "share", "distance")
    share, distance = (mean_interval(values, CERTAIN) for values in of_bases)
    checks = (
        Check.below("theorem", "violation of F_readout ⪯ F_C ⪯ F_Q", violation.max(), 1e-10),
        _ranks(order),
        _contains("share of F_Q in Haar bases", share, 0.5),
        _contains("distance² from ½ F_Q over that of chance", distance, 1.0),
        *(_published(row) for row in networks if row["draw"] == 0),
        Check.below("null", "d/P of two equal readings apart by", _apart(networks), 1e-9),
        Check.above("effect", "gap on the published draw, parity,", on_published["parity"], 0.1),
        *(
            Check.below("effect", f"|gap| on the published draw, {name},", abs(on_published[name]), 1e-3)
            for name in ("bits", QUANTUM)
        ),
    )
    numbers = {"gaps": {name: vars(of_draws) for name, of_draws in gaps.items()}, "published": on_published}
    tables = (gap_table(networks), share_table(order), depth_table(order))
    return Findings(_verdict(networks), _answer(gaps), checks, tables, gaps["parity"].n, numbers)


def _verdict(networks: Sequence[Row]) -> Verdict:
    parity, half = gap(networks, "parity"), (_PUBLISHED_GAP / 2)
    others = [gap(networks, name, 1 - 2 * ALPHA) for name in ("bits", QUANTUM)]
    if parity.ci_low is None or parity.ci_high is None:
        return "not decided"
    if parity.ci_low > half and all(is_equivalent(each, -MARGIN, MARGIN) for each in others):
        return "supported"
    beyond = any(abs(each.mean or 0) > MARGIN for each in others)
    return "not supported" if parity.ci_high < half or beyond else "not decided"


def _answer(gaps: dict[str, Interval]) -> str:
    shown = {name: with_interval(of_draws, 4) for name, of_draws in gaps.items()}
    others = [name for name in shown if name not in ("parity", "parity by gates", "bits", QUANTUM)]
    return (
        f"The gap in d/P at n = 10⁶ between the two networks is {shown['parity']} with parity, "
        f"{shown['bits']} with all bits and {shown[QUANTUM]} in F_Q (mean over {gaps['parity'].n} draws); "
        f"with other readings {', '.join(f'{shown[name]} ({name})' for name in others)}."
    )


def _ranks(order: Sequence[Row]) -> Check:
    """Seen on one context."""
    seen = sorted({row["ranks"][name] for row in order for name in TWO_OUTCOMES})
    return Check("theorem", "rank per context of two outcomes 1", ", ".join(map(str, seen)), seen == [1])


def _contains(what: str, seen: Interval, expected: float) -> Check:
    low, high = seen.ci_low, seen.ci_high
    inside = low is not None and high is not None and low <= expected <= high
    return Check("theorem", f"{what}: {expected:g} in the 99.9% interval", with_interval(seen), inside)


def _published(row: Row) -> Check:
    numbers = abbas.figure_3a(row["feature_map"], row["dimensions"]["parity"])
    agree = sum(number.agrees for number in numbers)
    expected = f"figure 3a, {row['feature_map']}: all {len(numbers)} numbers to four digits"
    return Check("published", expected, f"{agree} agree", agree == len(numbers))


def _apart(networks: Sequence[Row]) -> float:
    pairs = [(row["dimensions"]["parity"], row["dimensions"]["parity by gates"]) for row in networks]
    return float(max(np.abs(np.subtract(*pair)).max() for pair in pairs))


def draw(rows: Sequence[Row]) -> list[Drawing]:
    """Of the gaps, and of what readings keep."""
    return drawings(rows_of(rows, "network"), rows_of(rows, "order"), DEPTHS)


READOUT = Study(
    name="readout",
    title="Does information per parameter belong to the state or to its readout?",
    claim="The gap in effective dimension that was published between two quantum neural networks is one of "
    "their readout, parity: all bits of the same circuits, and the states themselves, do not show it.",
    source="Ours; the networks and their effective dimensions are those of Abbas et al., arXiv 2011.00027.",
    theorem=_THEOREM,
    method=_METHOD,
    limits=_LIMITS,
    items=items,
    measure=by_kind({"network": _network, "order": _order, "bases": _bases}),
    conclude=conclude,
    draw=draw,
)

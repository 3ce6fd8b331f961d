"""Study `filter`: the quantum natural gradient is the classical one through a spectral filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from typing import Any

import numpy as np

from qgeo.geometry.drop import BatchNoise, factorized, first_order_drop, predicted_ratio
from qgeo.geometry.filter import bures_race_ratio, kl_race_ratio, spectral_filter
from qgeo.plot.agreement import Agreement, agreement
from qgeo.plot.spectra import Filter, filters
from qgeo.statistics.means import mean_interval
from qgeo.studies.experiments import training_races as batches
from qgeo.studies.experiments.measured_output import (
    MeasuredOutput,
    least_norm_step,
    parity_readout,
    random_output,
    shortest_classical_step,
    wishart,
)
from qgeo.studies.study import (
    Check,
    Drawing,
    Findings,
    Preset,
    Row,
    Study,
    Table,
    by_kind,
    columns,
    rows_of,
    with_interval,
)

KL = 1e-15
"""Nats, or squared Bures distance, of a finite step: what it misses of first order falls with the root of it,
and is at most 1e-3 here, in the circuit of the worst condition."""

FAMILIES = ("hardware-efficient", "brickwork", "reuploading", "iqp")
_THEOREM = """
Write ψ_y = √p_y e^{iφ_y}. With all bits measured, for every circuit and every context x,

    F_Q = F_C + 4 E_x Cov_p(∂φ),    so that F_C ⪯ F_Q, with equality where phases do not move.

Facchi et al. (arXiv 1009.5219) have it for one state. Let F_C v_i = μ_i F_Q v_i, v_iᵀF_Qv_j = δ_ij; then
0 ≤ μ_i ≤ 1, and F_Q⁻¹g is F_C⁻¹g with its part along v_i multiplied by μ_i. With w_i the shares of gᵀF_C⁺g,
infinitesimal steps of the full gradient g, without damping, at equal KL divergence lower the loss in ratio

    drop_Q / drop_C = E_w μ / √(E_w μ²) = 1/√(1 + CV_w(μ)²) ≤ 1

by Cauchy and Schwarz: F_Q cannot win at first order. At equal mean squared Bures distance the roles are
exchanged. With damping and the noise of batches of B tokens, M = F + λI and Σ the covariance of one token's
gradient, to leading order

    drop(M) ∝ gᵀM⁻¹g / √(gᵀM⁻¹F_C M⁻¹g + tr(M⁻¹F_C M⁻¹Σ)/B),

and there F_Q may win, where μ rises with the signal-to-noise ratio of directions.
"""
_METHOD = """
Identity: F_Q, F_C and the covariance of phases come from three computations; circuits, values and three
contexts are random. Noise-free steps: a random population over the outcomes of a random circuit is the data;
finite steps of F_C, F_Q and of F_Q plus a Wishart matrix of its trace are stretched to KL 10⁻¹⁵ and the loss
is evaluated before and behind. Prediction and measurement share matrices and gradient, nothing else.

Haar bases: the same circuits, measured in a random basis of all qubits, with P no more than 2ⁿ·contexts/40:
there μ concentrates at ½, F_C is nearly F_Q/2, and no step of one differs from that of the other.

Noisy steps: Born heads of 4 qubits in training on Jane Austen's Persuasion (V = 16), checkpoints at steps 0,
5, 20, 60 of trajectories of Adam, F_C and F_Q, averaged; from each one step per batch of both metrics, at KL
10⁻⁶ and .003, at three dampings, drops over held-out windows. A replicate has training data of its own;
intervals are Fieller's, over replicates, and where a drop does not differ from zero they have no ends.
"""
_LIMITS = """
First order: near the start the finite step at KL .003 can reverse the sign. F_C is that of the unsmoothed
bitstrings; for an output that is a fixed channel of them μ is smaller still, and for softmax of expectation
values (Pauli heads) the identity does not hold. Noisy predictions take Σ and g from all training windows;
steps take F from their own batch, which is not independent of its gradient: at small dampings that is seen.
"""


def items(preset: Preset) -> list[Row]:
    """Races first: they are the longest."""
    replicates, seeds = {"quick": (6, 4), "full": (40, 25)}[preset]
    races = batches.race_items(replicates)
    shapes = [("z", 1), ("z", 8), ("haar", 1), ("haar", 64)]
    steps = [
        {"kind": "step", "basis": basis, "contexts": contexts, "seed": seed}
        for seed, (basis, contexts) in product(range(seeds), shapes)
    ]
    identities = [
        {"kind": "identity", "family": family, "qubits": qubits, "seed": seed}
        for seed, family, qubits in product(range(seeds), FAMILIES, (2, 4, 6))
    ]
    spectra = [
        {"kind": "spectrum", "qubits": qubits, "layers": layers, "seed": seed}
        for seed, qubits, layers in product(range(seeds), (2, 4, 6), (1, 2, 4, 8))
    ]
    return races + steps + identities + spectra


def _identity(item: Row) -> Row:
    """max |F_Q − F_C − 4 E Cov_p(∂φ)| / max |F_Q|."""
    output = random_output(item["family"], item["qubits"], 1, 3, _generator(item))
    f_c, f_q = output.metrics()
    deviation = np.abs(f_q - f_c - 4 * output.phase_covariance()).max()
    return {"deviation": float(deviation / np.abs(f_q).max())}


def _step(item: Row) -> Row:
    """Ratios of drops at equal KL and at equal Bures distance, beside their predictions."""
    generator = _generator(item)
    output = random_output("hardware-efficient", 4, 3, item["contexts"], generator, item["basis"])
    f_c, f_q = output.metrics()
    gradient, found = output.gradient(), spectral_filter(f_c, f_q)
    noisy = f_q + wishart(len(f_q), np.trace(f_q), generator)
    steps = {name: least_norm_step(f, gradient) for name, f in (("c", f_c), ("q", f_q), ("w", noisy))}
    shortest = shortest_classical_step(found, gradient)
    by_kl = {name: output.drop(step, output.divergence, KL) for name, step in steps.items()}
    by_bures = {"q": output.drop(steps["q"], output.bures, KL), "c": output.drop(shortest, output.bures, KL)}
    return {
        "ratio": by_kl["q"] / by_kl["c"],
        "predicted": kl_race_ratio(found, gradient),
        "bures": by_bures["c"] / by_bures["q"],
        "bures_predicted": bures_race_ratio(found, gradient),
        "wishart": by_kl["w"] / by_kl["c"],
        "wishart_predicted": predicted_ratio(noisy, f_c, f_c, gradient),
        "damping_c": _lost_by_damping(output, f_c, f_c),
        "damping_q": _lost_by_damping(output, f_q, f_c),
    }


def _lost_by_damping(output: MeasuredOutput, metric: Any, f_c: Any) -> float:
    """Best over worst predicted drop of steps from batches of 64 tokens, over dampings from 1e-4 to 3."""
    dampings = np.geomspace(1e-4, 3, 16) * np.trace(metric) / len(metric)
    noise = BatchNoise(output.token_covariance(), 64)
    drops = first_order_drop(factorized(metric), f_c, output.gradient(), dampings, noise)
    return float(drops.max() / drops.min())


def _spectrum(item: Row) -> Row:
    """μ of bits and of parity, on one context."""
    output = random_output("hardware-efficient", item["qubits"], item["layers"], 1, _generator(item))
    f_c, f_q = output.metrics()
    parity = output.readout_fisher(parity_readout(item["qubits"]))
    kept = {name: spectral_filter(read, f_q).kept for name, read in (("bits", f_c), ("parity", parity))}
    return {name: mu.tolist() for name, mu in kept.items()}


def conclude(rows: Sequence[Row]) -> Findings:
    """Theorem, null and effect, then the noisy races."""
    steps, races = rows_of(rows, "step"), batches.race_points(rows_of(rows, "race"))
    identity = max(row["deviation"] for row in rows_of(rows, "identity"))
    off, off_bures = (
        max(abs(row[seen] / row[f"{name}predicted"] - 1) for row in steps)
        for seen, name in (("ratio", ""), ("bures", "bures_"))
    )
    flat = [row["ratio"] for row in steps if (row["basis"], row["contexts"]) == ("haar", 64)]
    short = [race for race in races if race["kl"] == batches.SHORT]
    inside = sum(batches.is_inside(race) for race in short)
    checks = (
        Check.below("theorem", "|F_Q − F_C − 4 Cov(∂φ)| over |F_Q|", identity, 1e-10),
        Check.below("theorem", "error of predicted noise-free ratios", off, 0.01),
        Check.below("theorem", "the same at equal Bures distance", off_bures, 0.01),
        Check.below("theorem", "largest ratio", max(row["ratio"] for row in steps), 1 + 1e-4),
        Check.below("theorem", "error for heads in training", max(abs(race["off"]) for race in races), 0.01),
        Check.above("null", "ratio in Haar bases, P ≤ 2ⁿ·64/40,", float(np.mean(flat)), 0.98),
        Check.below("effect", "ratio of F_Q + Wishart", max(row["wishart"] for row in steps), 0.99),
    )
    lost = {metric: float(np.median(columns(steps, f"damping_{metric}"))) for metric in "qc"}
    first = {kl: batches.first_race(rows_of(rows, "race"), kl) for kl in (batches.SHORT, batches.LONG)}
    answer = (
        f"The identity holds to {identity:.0e}; noise-free races of F_Q against F_C came out as predicted "
        f"within {off:.0e} ({len(steps)} circuits), none was won by F_Q. Of {len(short)} races by short "
        f"steps from batches {inside} have an interval (n = {short[0]['n']} replicates each) that contains "
        f"the prediction. At step 0, each metric at the best of three dampings, chosen on the other half of "
        f"the replicates, F_Q's drop is {' and '.join(with_interval(each) for each in first.values())} times "
        f"F_C's at KL 1e-6 and .003. Between the best and the worst damping lies a factor {lost['q']:.2f} "
        f"for F_Q and {lost['c']:.2f} for F_C (medians over circuits): what F_Q damps by itself."
    )
    tables = (batches.race_table(races), _spectrum_table(rows_of(rows, "spectrum")))
    numbers = {"identity": identity, "off": off, "inside": inside, "lost": lost, "races": races}
    numbers |= {"first": {f"{kl:g}": asdict(ratio) for kl, ratio in first.items()}}
    return Findings("proved", answer, checks, tables, numbers=numbers)


def _spectrum_table(rows: Sequence[Row]) -> Table:
    """Mean μ with its interval over circuits."""
    lines = []
    for qubits, layers in sorted({(row["qubits"], row["layers"]) for row in rows}):
        chosen = [row for row in rows if (row["qubits"], row["layers"]) == (qubits, layers)]
        means = [[float(np.mean(row[readout])) for row in chosen] for readout in ("bits", "parity")]
        intervals = [with_interval(mean_interval(values)) for values in means]
        lines.append((f"n = {qubits}, L = {layers}", *intervals, str(len(chosen))))
    head = ("circuit", "mean μ of bits", "mean μ of parity", "circuits")
    return Table("What readouts keep, over the range of F_Q; one context", head, tuple(lines))


def draw(rows: Sequence[Row]) -> list[Drawing]:
    """Predicted against seen, and spectra of μ."""
    steps, races = rows_of(rows, "step"), batches.race_points(rows_of(rows, "race"))
    short, long = (
        [race for race in batches.bounded(races) if race["kl"] == kl] for kl in (batches.SHORT, batches.LONG)
    )
    ends = ("predicted", "ratio", "low", "high")
    groups = [
        Agreement("noise-free", *columns(steps, "predicted", "ratio")),
        Agreement("noise-free, F_Q + Wishart", *columns(steps, "wishart_predicted", "wishart")),
        Agreement("batches, KL 1e-6", *columns(short, *ends)),
        Agreement("batches, KL .003", *columns(long, *ends)),
    ]
    shown = [row for row in rows_of(rows, "spectrum") if row["seed"] == 0 and row["qubits"] == 4]
    kept = [
        Filter(f"bits, L = {row['layers']}", np.array(row["bits"]), place) for place, row in enumerate(shown)
    ]
    return [
        Drawing(
            "predicted-races",
            "Drop of one metric's step over that of the F_C step at equal KL, seen against predicted; "
            "bars are 95% intervals over replicates.",
            agreement(groups, axis="ratio of drops", unit=1.0),
        ),
        Drawing("spectra", "μ of 4 qubits, all bits measured, by depth; one circuit each.", filters(kept)),
    ]


def _generator(item: Row) -> np.random.Generator:
    return np.random.default_rng([item["seed"], item.get("qubits", 4), item.get("contexts", 0)])


FILTER = Study(
    name="filter",
    title="Is the quantum natural gradient the classical one through a filter?",
    claim="The quantum Fisher information is the classical one plus what the readout cannot see, and its "
    "natural gradient is the classical one with each direction weakened by what the readout loses.",
    source="Ours; the identity is Facchi et al., arXiv 1009.5219.",
    theorem=_THEOREM,
    method=_METHOD,
    limits=_LIMITS,
    items=items,
    measure=by_kind(
        {"race": batches.measure_race, "step": _step, "identity": _identity, "spectrum": _spectrum}
    ),
    conclude=conclude,
    draw=draw,
)

"""Study `filter`: the quantum natural gradient is the classical one through a spectral filter."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from qgeo.geometry.drop import predicted_ratio
from qgeo.geometry.exact import classical_fisher
from qgeo.geometry.filter import bures_race_ratio, kl_race_ratio, spectral_filter
from qgeo.plot.agreement import Agreement, agreement
from qgeo.plot.spectra import Filter, filters
from qgeo.statistics.means import mean_interval
from qgeo.studies.measured_output import MeasuredOutput, random_output, wishart
from qgeo.studies.study import Check, Drawing, Findings, Preset, Row, Study, Table, rows_of
from qgeo.studies.training_races import (
    bounded,
    is_inside,
    measure_race,
    race_items,
    race_points,
    race_table,
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
5, 20, 60 of trajectories of Adam, F_C and F_Q, averaged; from each one step per batch of both metrics at
KL .003, at three dampings, drops over held-out windows. A replicate has training data of its own; intervals
are Fieller's, over replicates.
"""
_LIMITS = """
First order: near the start the finite step at KL .003 can reverse the sign. F_C is that of the unsmoothed
bitstrings; for an output that is a fixed channel of them μ is smaller still, and for softmax of expectation
values (Pauli heads) the identity does not hold. Noisy predictions take Σ and g from the whole training set,
F from each batch is treated as independent of its gradient.
"""


def items(preset: Preset) -> list[Row]:
    """Races first: they are the longest."""
    replicates, seeds = {"quick": (6, 4), "full": (40, 25)}[preset]
    races = race_items(replicates)
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


def measure(item: Row) -> Row:
    """What one item gives."""
    return {"race": measure_race, "step": _step, "identity": _identity, "spectrum": _spectrum}[item["kind"]](
        item
    )


def _identity(item: Row) -> Row:
    """max |F_Q − F_C − 4 E Cov_p(∂φ)| / max |F_Q|."""
    output = random_output(item["family"], item["qubits"], 1, 3, _generator(item))
    f_c, f_q = output.metrics()
    return {"deviation": float(np.abs(f_q - f_c - 4 * _phase_covariance(output)).max() / np.abs(f_q).max())}


def _phase_covariance(output: MeasuredOutput) -> Any:
    """E_x Cov_p(∂φ), (P, P)."""
    p, moved = np.exp(output.log_probs()), output.phase_jacobian()
    mean = (p * moved).sum(-1)
    return (np.einsum("by,iby,jby->ij", p, moved, moved) - mean @ mean.T) / len(p)


def _step(item: Row) -> Row:
    """Ratios of drops at equal KL and at equal Bures distance, beside their predictions."""
    generator = _generator(item)
    output = random_output("hardware-efficient", 4, 3, item["contexts"], generator, item["basis"])
    f_c, f_q = output.metrics()
    gradient, found = output.gradient(), spectral_filter(f_c, f_q)
    noisy = f_q + wishart(len(f_q), np.trace(f_q), generator)
    steps = {name: _least_norm(f, gradient) for name, f in (("c", f_c), ("q", f_q), ("w", noisy))}
    shortest = found.directions @ ((found.directions.T @ gradient) / _inverse_of(found.kept))
    by_kl = {name: output.drop(step, output.divergence, KL) for name, step in steps.items()}
    by_bures = {"q": output.drop(steps["q"], output.bures, KL), "c": output.drop(shortest, output.bures, KL)}
    return {
        "ratio": by_kl["q"] / by_kl["c"],
        "predicted": kl_race_ratio(found, gradient),
        "bures": by_bures["c"] / by_bures["q"],
        "bures_predicted": bures_race_ratio(found, gradient),
        "wishart": by_kl["w"] / by_kl["c"],
        "wishart_predicted": predicted_ratio(noisy, f_c, f_c, gradient),
    }


def _spectrum(item: Row) -> Row:
    """μ of bits and of parity, on one context."""
    output = random_output("hardware-efficient", item["qubits"], item["layers"], 1, _generator(item))
    f_c, f_q = output.metrics()
    parity = np.array(
        [[bin(z).count("1") % 2 == side for z in range(2 ** item["qubits"])] for side in (0, 1)]
    )
    read = classical_fisher(output.program, output.values, inputs=output.inputs, readout=parity * 1.0)
    return {
        "bits": spectral_filter(f_c, f_q).kept.tolist(),
        "parity": spectral_filter(read, f_q).kept.tolist(),
    }


def conclude(rows: Sequence[Row]) -> Findings:
    """Theorem, null and effect, then the noisy races."""
    identity = max(row["deviation"] for row in rows_of(rows, "identity"))
    steps, races = rows_of(rows, "step"), race_points(rows_of(rows, "race"))
    off = max(_off(row, "ratio", "predicted") for row in steps)
    off_bures = max(_off(row, "bures", "bures_predicted") for row in steps)
    highest = max(row["ratio"] for row in steps)
    haar = [row for row in steps if row["basis"] == "haar" and row["contexts"] == 64]
    flat = mean_interval([row["ratio"] for row in haar])
    wishart_highest = max(row["wishart"] for row in steps)
    in_training = max(abs(row["off"]) for row in races)
    inside = sum(is_inside(race) for race in races)
    checks = (
        Check("theorem", "F_Q − F_C − 4 Cov(∂φ) below 1e-10 of F_Q", f"{identity:.1e}", identity < 1e-10),
        Check("theorem", "noise-free ratios as predicted within 1%", f"{off:.1e}", off < 0.01),
        Check("theorem", "at equal Bures distance too", f"{off_bures:.1e}", off_bures < 0.01),
        Check("theorem", "no ratio above 1", f"{highest:.6f} at most", highest < 1 + 1e-4),
        Check("theorem", "steps of training heads within 1%", f"{in_training:.1e}", in_training < 0.01),
        Check(
            "null", "Haar bases, P ≤ 2ⁿ·64/40: ratio above .98", f"{flat.mean:.4f}", (flat.mean or 0) > 0.98
        ),
        Check(
            "effect", "F_Q + Wishart loses always", f"{wishart_highest:.3f} at most", wishart_highest < 0.99
        ),
    )
    answer = (
        f"The identity holds to {identity:.0e}, noise-free races of F_Q against F_C came out as predicted "
        f"within {off:.0e} ({len(steps)} circuits), and none was won by F_Q. Of {len(races)} noisy races of "
        f"training heads {inside} intervals contain their prediction (n = {races[0]['n']} replicates each)."
    )
    tables = (race_table(races), _spectrum_table(rows_of(rows, "spectrum")))
    numbers = {"identity": identity, "off": off, "haar": flat.mean, "races": races, "inside": inside}
    return Findings("proved", answer, checks, tables, numbers=numbers)


def _off(row: Row, seen: str, predicted: str) -> float:
    return float(abs(row[seen] / row[predicted] - 1))


def _spectrum_table(rows: Sequence[Row]) -> Table:
    """Mean μ, and the share of directions below one half."""
    lines = []
    for qubits, layers in sorted({(row["qubits"], row["layers"]) for row in rows}):
        chosen = [row for row in rows if (row["qubits"], row["layers"]) == (qubits, layers)]
        means = [float(np.mean(row["bits"])) for row in chosen]
        spread = mean_interval(means)
        parity = float(np.mean([sum(row["parity"]) / len(row["parity"]) for row in chosen]))
        interval = f"{spread.mean:.3f} [{spread.ci_low:.3f}, {spread.ci_high:.3f}]"
        lines.append((f"n = {qubits}, L = {layers}", interval, f"{parity:.3f}", str(spread.n)))
    columns = ("circuit", "mean μ of bits", "mean μ of parity", "circuits")
    return Table("What readouts keep, over the range of F_Q; one context", columns, tuple(lines))


def draw(rows: Sequence[Row]) -> list[Drawing]:
    """Predicted against seen, and spectra of μ."""
    steps, races = rows_of(rows, "step"), race_points(rows_of(rows, "race"))
    groups = [
        Agreement("noise-free", *_columns(steps, "predicted", "ratio")),
        Agreement("noise-free, F_Q + Wishart", *_columns(steps, "wishart_predicted", "wishart")),
        Agreement(
            "batches of training heads", *_columns(bounded(races), "predicted", "ratio", "low", "high")
        ),
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


def _columns(rows: Sequence[Row], *names: str) -> list[Any]:
    return [np.array([row[name] for row in rows]) for name in names]


def _least_norm(matrix: Any, gradient: Any) -> Any:
    """M⁺g."""
    return np.linalg.pinv(matrix, 1e-10, hermitian=True) @ gradient


def _inverse_of(kept: Any) -> Any:
    """μ, ∞ where it is 0, to divide by."""
    return np.where(kept > 1e-10 * kept.max(), kept, np.inf)


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
    measure=measure,
    conclude=conclude,
    draw=draw,
)

"""Infinitesimal steps of random circuits: what is the steepest by which ruler, and the path in between.

    per KL divergence  ½δᵀF_Cδ        F_C⁺g, dropping √(2 KL gᵀF_C⁺g)
    per Bures distance² ¼δᵀF_Qδ       F_Q⁺g, dropping √(4 D² gᵀF_Q⁺g)

Drops are losses before and behind a step of size 10⁻¹⁸; predictions take μ and the shares w alone.
"""

from __future__ import annotations

import numpy as np

from qgeo.geometry.angles import angles_between
from qgeo.geometry.filter import SpectralFilter, shares, spectral_filter
from qgeo.studies.experiments.measured_output import (
    Floats,
    Length,
    MeasuredOutput,
    least_norm_step,
    random_output,
    shortest_classical_step,
    wishart,
)
from qgeo.studies.study import Row

SIZE = 1e-18
"""Nats, or squared Bures distance, of a step: at 1e-15 single drops miss first order by up to a percent, in
the circuit of the worst condition; rounding is 1e-6 here."""

PATH = (0.25, 0.5, 0.75, 1.0)
"""s of F_s = (1 − s) F_C + s F_Q."""

MIXED = (0.1, 1.0, 10.0)
"""Trace of the Wishart matrices that are added to an optimal metric, over its own; each is drawn twice."""

RULERS = ("kl", "bures")


def measure_step(item: Row) -> Row:
    """Drops over that of the optimal step, at equal KL and at equal Bures distance; the path; angles."""
    generator = np.random.default_rng([item["seed"], item["contexts"]])
    output = random_output(item["family"], 4, 3, item["contexts"], generator)
    (f_c, f_q), gradient = output.metrics(), output.gradient()
    found = spectral_filter(f_c, f_q)
    step_c, step_q = (least_norm_step(metric, gradient) for metric in (f_c, f_q))
    rivals_kl = _random_steps(f_c, gradient, generator) | {"other": step_q, "identity": gradient}
    rivals_bures = _random_steps(f_q, gradient, generator) | {
        "other": shortest_classical_step(found, gradient),
        "identity": gradient,
    }
    path = {f"s = {s:g}": least_norm_step((1 - s) * f_c + s * f_q, gradient) for s in PATH}
    best_kl, best_bures = np.sqrt([2 * SIZE * gradient @ step_c, 4 * SIZE * gradient @ step_q])
    return {
        "phases": float(np.abs(f_q - f_c).max() / np.abs(f_q).max()),
        "kl": _drops(output, output.divergence, {"optimum": step_c} | rivals_kl | path, best_kl),
        "bures": _drops(output, output.bures, {"optimum": step_q} | rivals_bures | path, best_bures),
        "path": predicted_path(found, gradient),
        "angles": angles_between([gradient, step_c, step_q])[0, 1:].tolist(),
    }


def _random_steps(metric: Floats, gradient: Floats, generator: np.random.Generator) -> dict[str, Floats]:
    """Of the metric plus random ones."""
    added = {f"random {place}": part * np.trace(metric) for place, part in enumerate(MIXED * 2)}
    return {
        name: least_norm_step(metric + wishart(len(metric), trace, generator), gradient)
        for name, trace in added.items()
    }


def _drops(output: MeasuredOutput, length: Length, steps: dict[str, Floats], best: float) -> dict[str, float]:
    """Over the largest possible drop of first order."""
    units = {name: step / np.linalg.norm(step) for name, step in steps.items()}
    return {name: output.drop(step, length, SIZE) / best for name, step in units.items()}


def predicted_path(found: SpectralFilter, gradient: Floats) -> dict[str, list[float]]:
    """drop_s/drop_C at equal KL and drop_s/drop_Q at equal Bures distance, per s of `PATH`."""
    weights = shares(found, gradient)
    used = weights > 0
    w, mu = weights[used], found.kept[used]
    filters = [mu / (mu + s * (1 - mu)) for s in PATH]
    return {
        "kl": [float(w @ f / np.sqrt(w @ f**2)) for f in filters],
        "bures": [float(w @ f / np.sqrt((w @ (f**2 / mu)) * (w @ mu))) for f in filters],
    }


def largest_rival(drops: dict[str, float]) -> float:
    return max(drop for name, drop in drops.items() if name != "optimum") / drops["optimum"]


def along_path(row: Row, ruler: str) -> tuple[list[float], list[float]]:
    """Seen and predicted drops over the optimal one, per s of `PATH`."""
    drops = row[ruler]
    return [drops[f"s = {s:g}"] / drops["optimum"] for s in PATH], row["path"][ruler]

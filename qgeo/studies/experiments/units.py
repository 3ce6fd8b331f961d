"""What a change of units does to information matrices of a circuit: to numbers, and to invariants.

    θ = 2φ    and    θ = Aφ, A random with singular values from 1/3 to 3

Circuits in φ are compiled and evaluated as circuits of their own (`coordinates.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from qgeo.geometry.filter import spectral_filter
from qgeo.geometry.spectra import participation_ratio, rank
from qgeo.studies.experiments.coordinates import Affine, Geometry, Model, circuit_models, mixed_units
from qgeo.studies.study import Row, Table, geometric_mean, in_orders

QUBITS, LAYERS, CONTEXTS = 3, 2, 16

CHANGES = {"doubled": "θ = 2φ", "mixed": "θ = Aφ"}

_GEOMETRIES: tuple[Geometry, Geometry] = ("classical", "quantum")
_FACTORS = {
    "trace": "tr F_C/N",
    "participation": "participation ratio of F_C",
    "determinant": "(det F_Q)^(1/N), det A = ±1",
}


def measure_units(item: Row) -> Row:
    """Per change of units: factors of what depends on them, changes of what does not."""

    def mixed(size: int) -> Affine:
        return mixed_units(size, np.random.default_rng([item["seed"], 1]))  # the same A for F_C and F_Q

    return {
        "doubled": _change(item["seed"], lambda size: Affine(2 * np.eye(size))),
        "mixed": _change(item["seed"], mixed),
    }


def _change(seed: int, choose: Callable[[int], Affine]) -> Row:
    pairs = [
        circuit_models(QUBITS, LAYERS, CONTEXTS, geometry, choose, np.random.default_rng(seed))
        for geometry in _GEOMETRIES
    ]
    before, after = (_numbers(*models) for models in zip(*pairs, strict=True))
    return {name: after[name] / before[name] for name in _FACTORS} | {
        "kept": float(np.abs(after["kept"] - before["kept"]).max()),
        "drop": abs(after["drop"] / before["drop"] - 1),
        "ranks": abs(after["ranks"] - before["ranks"]),
    }


def _numbers(of_outcomes: Model, of_states: Model) -> Row:
    f_c, f_q = of_outcomes.metric, of_states.metric
    return {
        "trace": float(np.trace(f_c) / len(f_c)),
        "participation": participation_ratio(f_c),
        "determinant": float(np.exp(np.linalg.slogdet(f_q)[1] / len(f_q))),
        "kept": spectral_filter(f_c, f_q).kept,
        "drop": float(of_outcomes.natural @ of_outcomes.gradient),
        "ranks": rank(f_c) + rank(f_q),
    }


def units_table(rows: Sequence[Row]) -> Table:
    """Factors, as geometric means over circuits."""
    lines = [
        (label, *(in_orders(geometric_mean([row[change][name] for row in rows])) for change in CHANGES))
        for name, label in _FACTORS.items()
    ]
    caption = f"Factors that a change of units makes; n = {len(rows)} circuits"
    return Table(caption, ("number", *CHANGES.values()), tuple(lines))

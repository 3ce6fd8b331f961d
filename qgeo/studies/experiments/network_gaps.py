"""The gap between the networks of Abbas et al. in every reading, and what the page of `readout` shows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from qgeo.plot.curves import Curve, curves
from qgeo.plot.forest import ContrastRow, forest
from qgeo.statistics.equivalence import ALPHA
from qgeo.statistics.means import LEVEL, Interval, mean_interval
from qgeo.studies.experiments import abbas
from qgeo.studies.experiments.readings import QUANTUM, Floats
from qgeo.studies.study import Drawing, Row, Table, with_interval

MARGIN = 0.01
"""Of a gap in d/P that is none: a tenth of the published one."""


def gap(networks: Sequence[Row], reading: str, level: float = LEVEL) -> Interval:
    """Of d/P at n = 10⁶, zz less z, over draws of our own."""
    return mean_interval(differences(networks, reading)[1:], level)


def differences(networks: Sequence[Row], reading: str) -> Floats:
    """Of every draw, the published one first."""
    zz, z = (dimensions(networks, name, reading)[:, -1] for name in abbas.FEATURE_MAPS)
    return np.asarray(zz - z)


def dimensions(networks: Sequence[Row], feature_map: str, reading: str) -> Floats:
    """d/P, (draws, n), the published draw first."""
    chosen = [row for row in networks if row["feature_map"] == feature_map]
    return np.array([row["dimensions"][reading] for row in sorted(chosen, key=lambda row: row["draw"])])


def gap_table(networks: Sequence[Row]) -> Table:
    """A line per reading."""
    lines = []
    for name in networks[0]["dimensions"]:
        zz, z = (dimensions(networks, feature_map, name)[0, -1] for feature_map in abbas.FEATURE_MAPS)
        rank_of_all = "/".join(f"{row['ranks'][name]:.0f}" for row in networks if row["draw"] == 0)
        ours = with_interval(gap(networks, name), 4)
        lines.append((name, f"{zz:.4f}", f"{z:.4f}", f"{zz - z:+.4f}", ours, rank_of_all))
    head = ("reading", "zz", "z", "gap", f"gap, {gap(networks, 'parity').n} draws of ours", "rank zz/z")
    return Table("d/P at n = 10⁶, published draw; rank of F over 100 inputs, mean over θ", head, tuple(lines))


def share_table(order: Sequence[Row]) -> Table:
    """Over circuits of 4 qubits and 8 layers, P = 64."""
    chosen = [row for row in order if (row["qubits"], row["layers"]) == (4, 8)]
    lines = []
    for name in chosen[0]["shares"]:
        share = with_interval(mean_interval([row["shares"][name] for row in chosen]))
        ranks = (f"{np.mean([row[key][name] for row in chosen]):.0f}" for key in ("ranks", "ranks_of_16"))
        lines.append((name, share, *ranks, str(len(chosen))))
    head = ("reading", "tr F/tr F_Q", "rank, one context", "rank, 16 contexts", "circuits")
    return Table("4 qubits, 8 layers, P = 64", head, tuple(lines))


def depth_table(order: Sequence[Row]) -> Table:
    """A line per number of qubits and layers."""
    shown = ("parity", "number of ones", "bits", "Haar basis")
    lines = []
    for n, layers in sorted({(row["qubits"], row["layers"]) for row in order}):
        chosen = [row for row in order if (row["qubits"], row["layers"]) == (n, layers)]
        shares = (with_interval(mean_interval([row["shares"][name] for row in chosen])) for name in shown)
        ranks = (f"{np.mean([row['ranks'][name] for row in chosen]):.0f}" for name in (*shown, QUANTUM))
        lines.append((f"n = {n}, L = {layers}", *shares, "/".join(ranks), str(len(chosen))))
    head = ("circuit", *shown, "ranks of these and of F_Q, one context", "circuits")
    return Table("tr F/tr F_Q over 16 contexts, by qubits and layers", head, tuple(lines))


def drawings(networks: Sequence[Row], order: Sequence[Row], depths: Sequence[int]) -> list[Drawing]:
    """Effective dimensions, gaps, and shares of F_Q by depth."""
    shown = list(product(("parity", "number of ones", "bits"), abbas.FEATURE_MAPS))
    effective = [
        Curve(f"{reading}, {name}", np.array(abbas.OBSERVATIONS), dimensions(networks, name, reading), place)
        for place, (reading, name) in enumerate(shown)
    ]
    shares = [
        Curve(
            f"{reading}, {n} qubits", np.array(depths, dtype=float), _shares(order, reading, n, depths), place
        )
        for place, (reading, n) in enumerate(product(("bits", "parity"), (2, 4, 6)))
    ]
    return [
        Drawing(
            "effective-dimension",
            "Normalised effective dimension of both networks in three readings, mean, 95% band over draws.",
            curves(effective, axis="observations n", scale="log", height="d(n)/P"),
        ),
        Drawing(
            "gaps",
            "Gap in d/P at n = 10⁶ between the two networks, zz less z, by reading: 90% and 95% intervals "
            "over draws; shaded: a tenth of the published gap.",
            forest([_gap_row(networks, *at) for at in enumerate(networks[0]["dimensions"])], "gap in d/P"),
        ),
        Drawing(
            "shares",
            "Share of F_Q that readings keep, tr F/tr F_Q on 16 contexts; mean and 95% band over circuits.",
            curves(shares, axis="layers", height="tr F / tr F_Q"),
        ),
    ]


def _shares(order: Sequence[Row], reading: str, qubits: int, depths: Sequence[int]) -> Floats:
    """(circuits, depths)."""
    return np.array(
        [
            [row["shares"][reading] for row in order if (row["qubits"], row["layers"]) == (qubits, layers)]
            for layers in depths
        ]
    ).T


def _gap_row(networks: Sequence[Row], place: int, reading: str) -> ContrastRow:
    wide, narrow = gap(networks, reading), gap(networks, reading, 1 - 2 * ALPHA)
    return ContrastRow(reading, "", wide, narrow, MARGIN, place, "confirmatory")

"""What scalars of trained heads say of their generalisation gaps: verdict, checks, tables and figures.

    runs (`ranked_gaps.py`) → τ of every scalar in every stratum → "yes", "no", "undecided" → verdict

The claim is that one of them explains the gap: supported if one does, not supported if none can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from qgeo.plot.forest import ContrastRow, forest
from qgeo.plot.points import Points, points
from qgeo.statistics.means import LEVEL, Interval, mean_interval
from qgeo.studies.experiments.equal_loss import SCALARS
from qgeo.studies.experiments.ranked_gaps import (
    REPLICATE,
    STRATA,
    THRESHOLD,
    false_alarms,
    grouped,
    reading,
    tau_interval,
    taus,
    trained,
)
from qgeo.studies.study import Check, Drawing, Findings, Row, Table, Verdict, columns, with_interval

ByStratum = dict[str, Interval]


def findings(runs: Sequence[Row], known: tuple[Check, ...] = ()) -> Findings:
    """Of all runs, those that missed their training loss among them; `known`: checks of the study's own."""
    reached = trained(runs)
    by_name = {name: _intervals(reached, name) for name in SCALARS}
    readings = {name: reading(of["at equal n"], of["in one head"]) for name, of in by_name.items()}
    numbers = {
        name: {kind: asdict(interval) for kind, interval in of.items()} | {"explains": readings[name]}
        for name, of in by_name.items()
    }
    checks, tables = (*known, *_checks(reached)), (_tau_table(by_name, readings), _gap_table(runs))
    replicates = by_name[SCALARS[0]]["at equal n"].n
    return Findings(_verdict(readings), _answer(by_name, readings), checks, tables, replicates, numbers)


def _intervals(runs: Sequence[Row], name: str) -> ByStratum:
    """Simultaneous for all scalars, by Bonferroni."""
    level = 1 - (1 - LEVEL) / len(SCALARS)
    return {kind: tau_interval(taus(runs, name, shared), level) for kind, shared in STRATA.items()}


def _verdict(readings: Mapping[str, str]) -> Verdict:
    if "yes" in readings.values():
        return "supported"
    return "not supported" if set(readings.values()) == {"no"} else "not decided"


def _answer(by_name: Mapping[str, ByStratum], readings: Mapping[str, str]) -> str:
    marginal, among, within = (with_interval(by_name["KL-sharpness"][kind], 2) for kind in STRATA)
    named = {word: [name for name, each in readings.items() if each == word] for word in ("yes", "undecided")}
    return (
        f"KL-sharpness ranks the gap with τ = {marginal} where n may differ, {among} at equal n and size, "
        f"and {within} in one head. Beyond ±{THRESHOLD:g} at equal n and in one head: "
        f"{', '.join(named['yes']) or 'no scalar'}; undecided: {', '.join(named['undecided']) or 'none'} "
        f"(R = {by_name[SCALARS[0]]['at equal n'].n})."
    )


def _checks(runs: Sequence[Row]) -> tuple[Check, ...]:
    alarms = false_alarms(runs, "KL-sharpness", 100)
    of_n = abs(float(np.mean(taus(runs, "n_train", ("head", "setting")))))
    return (
        Check.below("null", "share of 100 permutations of gaps whose τ differs from 0", alarms, 0.12),
        Check.above("effect", "|τ| of n with the gap at equal head and setting", of_n, 0.5),
    )


def _tau_table(by_name: Mapping[str, ByStratum], readings: Mapping[str, str]) -> Table:
    lines = tuple(
        (name, *(with_interval(each, 2) for each in of.values()), readings[name])
        for name, of in by_name.items()
    )
    head = ("scalar", *STRATA, f"beyond ±{THRESHOLD:g} in both")
    return Table("Kendall's τ with the gap; intervals simultaneous for seven scalars", head, lines)


def _gap_table(runs: Sequence[Row]) -> Table:
    groups = grouped(runs, ("n_train", "head")).values()
    lines = [(f"n = {of[0]['n_train']}, {of[0]['head']}", *_gap_cells(of)) for of in groups]
    names = ("heads", "gap, nats per token", "R", "runs that reached the loss")
    return Table("Population minus training loss at equal training loss", names, tuple(lines))


def _gap_cells(runs: Sequence[Row]) -> tuple[str, str, str]:
    reached = trained(runs)
    means = [float(np.mean([run["gap"] for run in each])) for each in grouped(reached, REPLICATE).values()]
    gaps = mean_interval(means or [None])
    return with_interval(gaps, 4), str(len(means)), f"{len(reached)} of {len(runs)}"


def drawings(runs: Sequence[Row]) -> list[Drawing]:
    """τ of all scalars; the gap against KL-sharpness."""
    reached = trained(runs)
    partial = [(kind, place) for place, kind in enumerate(STRATA) if STRATA[kind]]
    bars = [_bar(reached, name, kind, place) for name in SCALARS for kind, place in partial]
    groups = [
        Points(f"n = {of_n[0]['n_train']}", *columns(of_n, "KL-sharpness", "gap"))
        for of_n in grouped(reached, ("n_train",)).values()
    ]
    return [
        Drawing(
            "partial-tau",
            "Partial Kendall τ of each scalar with the gap over replicates, with unadjusted 90% and 95% "
            f"intervals; shaded: |τ| below {THRESHOLD:g}.",
            forest(bars, "Kendall's τ with the generalisation gap"),
        ),
        Drawing(
            "gap-against-sharpness",
            "Every run that reached the training loss, by the number n of training windows.",
            points(groups, "KL-sharpness at ε = .01 (nats per token)", "gap (nats per token)"),
        ),
    ]


def _bar(runs: Sequence[Row], name: str, kind: str, place: int) -> ContrastRow:
    values = taus(runs, name, STRATA[kind])
    wide, narrow = tau_interval(values), tau_interval(values, 0.9)
    return ContrastRow(name, kind, wide, narrow, THRESHOLD, place, "confirmatory")

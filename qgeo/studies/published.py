"""Study `published`: numbers that others printed, computed again. `qgeo study checks` runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qgeo.plot.agreement import Agreement, agreement
from qgeo.studies.experiments import abbas, qlm_fisher, random_bases
from qgeo.studies.experiments.published_numbers import PublishedNumber, as_row, numbers_of
from qgeo.studies.experiments.readings import readings
from qgeo.studies.study import (
    Check,
    Drawing,
    Findings,
    Preset,
    Row,
    Study,
    Table,
    Verdict,
    rows_of,
)

_METHOD = """
Each source's setting is rebuilt from its text, data and code: circuits, draws, optimizers, what is averaged
over what. A number agrees if all its printed digits come out. Where that cannot be asked the table says how
far apart both may be: losses on iris were differentiated by differences, with a rounding of 3·10⁻⁷; the
variance over Haar bases is a formula, held against a sample.

Abbas et al., figure 3a: effective dimension of two networks, read by parity, over 100 θ and 100 inputs, and
norm and single entries of the stored matrices. Figure 3b: mean loss over 100 starts of Adam on two kinds of
iris. qLM-fisher, experiment 1: Fisher information of a logistic regression and ends of three optimizers;
experiment 3: F_Q of a qubit, and descents on the Bloch sphere. Lu and Sha: variance of F_C over Haar bases.
"""
_LIMITS = """
That numbers come out again says that both compute the same; whether they bear on a claim is what the other
studies ask. Preset quick takes a tenth of the bases, and allows the variance √10 times as much.
"""


@dataclass(frozen=True)
class Source:
    """Where numbers stand, and what computes them anew from an item."""

    title: str
    again: Callable[[Row], list[PublishedNumber]]


def _figure_3a(item: Row) -> list[PublishedNumber]:
    parity, *_ = readings(abbas.QUBITS, np.random.default_rng(0))
    feature_map = item["feature_map"]
    fishers = parity.fishers(abbas.network(feature_map), *abbas.drawn())
    return abbas.figure_3a(feature_map, abbas.curve(fishers)) + abbas.matrices_3a(feature_map, fishers)


OTHERWISE = "other-settings"
"""The kind of the item in which numbers may not come out."""

LARGEST_DRAWN = 2.0

SOURCES: Mapping[str, Source] = {
    "figure-3b": Source("Abbas et al., figure 3b", lambda item: abbas.figure_3b(item["steps"])),
    "figure-3a": Source("Abbas et al., figure 3a", _figure_3a),
    "random-bases": Source("Lu, Sha", lambda item: random_bases.lu_sha(item["qubits"], item["bases"])),
    "logistic": Source(
        "qLM-fisher, experiment 1", lambda _: qlm_fisher.logistic_fisher() + qlm_fisher.logistic_ends()
    ),
    "qubit": Source(
        "qLM-fisher, experiment 3", lambda _: qlm_fisher.qubit_fisher() + qlm_fisher.qubit_descents()
    ),
}


def items(preset: Preset) -> list[Row]:
    """The training first: it is the longest."""
    bases = {"quick": random_bases.BASES, "full": 10 * random_bases.BASES}[preset]
    return [
        {"kind": "figure-3b", "steps": 100},
        *({"kind": "random-bases", "qubits": qubits, "bases": bases} for qubits in (4, 3, 2)),
        *({"kind": "figure-3a", "feature_map": name} for name in abbas.FEATURE_MAPS),
        {"kind": "logistic"},
        {"kind": "qubit"},
        {"kind": OTHERWISE},
    ]


def _measure(item: Row) -> Row:
    return as_row(
        qlm_fisher.other_descents() if item["kind"] == OTHERWISE else SOURCES[item["kind"]].again(item)
    )


def conclude(rows: Sequence[Row]) -> Findings:
    """A check per source, a line per number."""
    by_source = _by_source(rows)
    everything = [number for numbers in by_source.values() for number in numbers]
    count, agree = len(everything), sum(number.agrees for number in everything)
    otherwise = [number for row in rows_of(rows, OTHERWISE) for number in numbers_of(row)]
    still = sum(number.agrees for number in otherwise)
    effect = Check(
        "effect",
        "without the clip, and with steps of F_Q: other numbers",
        f"{still} are the same",
        still == 0,
    )
    checks = (*(_check(title, numbers) for title, numbers in by_source.items()), effect)
    lines = tuple(_line(title, number) for title, numbers in by_source.items() for number in numbers)
    table = Table(
        "Numbers as published, and ours", ("source", "setting", "published", "ours", "agrees"), lines
    )
    answer = f"Of {count} published numbers, from {len(by_source)} experiments, {agree} come out again."
    numbers = {"count": count, "agree": agree}
    verdict: Verdict = "supported" if agree == count else "not supported"
    return Findings(verdict, answer, checks, (table,), numbers=numbers)


def _by_source(rows: Sequence[Row]) -> dict[str, list[PublishedNumber]]:
    return {
        source.title: [number for row in rows_of(rows, kind) for number in numbers_of(row)]
        for kind, source in SOURCES.items()
    }


def _check(title: str, numbers: Sequence[PublishedNumber]) -> Check:
    off = [number for number in numbers if not number.agrees]
    seen = ", ".join(f"{number.setting}: {number.shown} for {number.published}" for number in off)
    return Check("published", f"{title}: {len(numbers)} numbers again", seen or "all", not off)


def _line(title: str, number: PublishedNumber) -> tuple[str, ...]:
    agrees = "yes" if number.agrees else "NO"
    return (
        title,
        number.setting,
        number.published,
        number.shown,
        agrees if number.within is None else f"{agrees}, within {number.within:.2g}",
    )


def draw(rows: Sequence[Row]) -> list[Drawing]:
    """All numbers that are of one size, published against ours."""
    groups = []
    for title, numbers in _by_source(rows).items():
        shown = [number for number in numbers if abs(number.ours) < LARGEST_DRAWN]
        theirs, ours = ([float(number.published) for number in shown], [number.ours for number in shown])
        groups.append(Agreement(title, np.array(theirs), np.array(ours)))
    caption = (
        f"Ours (seen) against published (predicted), numbers below {LARGEST_DRAWN:g}; the table has all."
    )
    return [Drawing("published", caption, agreement(groups))]


PUBLISHED = Study(
    name="published",
    title="Do published numbers come out again?",
    claim="What others printed of Fisher information in small models is computed here to the same digits.",
    source="Abbas et al., arXiv 2011.00027; github.com/rdisipio/qLM-fisher; Lu, Sha, arXiv 2509.08196.",
    theorem="",
    method=_METHOD,
    limits=_LIMITS,
    items=items,
    measure=_measure,
    conclude=conclude,
    draw=draw,
)

"""Study `reparameterization`: whether a step depends on the coordinates that it is computed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import product
from operator import attrgetter, methodcaller

import numpy as np

from qgeo.plot.loglog import LogLine, loglog
from qgeo.statistics.means import Interval
from qgeo.studies.experiments.coordinates import (
    Coordinates,
    Geometry,
    HeadName,
    Model,
    Sinh,
    circuit_models,
    head_models,
    mixed_units,
)
from qgeo.studies.experiments.measured_output import Floats
from qgeo.studies.study import (
    Check,
    Drawing,
    Findings,
    Preset,
    Row,
    Study,
    Table,
    geometric_mean,
    in_orders,
    rows_with,
    span,
)

LENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 0.0775)
"""√(δᵀFδ) of steps; the last one has a KL divergence of .003 nats, to first order, where F is F_C."""

DAMPINGS = (0.001, 0.01, 0.1, 1.0)
"""λ over the mean eigenvalue of F, in the coordinates of the step."""

CIRCUITS: dict[str, tuple[int, int, int, Geometry]] = {
    "F_Q": (3, 2, 16, "quantum"),
    "F_C": (3, 2, 16, "classical"),
    "F_Q, P > rank": (2, 3, 1, "quantum"),
}
"""Of circuits: qubits, layers, contexts, geometry. With one context of 2 qubits rank F_Q is 6 of P = 12."""

HEADS: dict[str, HeadName] = {"softmax": "softmax", "MLP": "mlp"}
REDUNDANT = "F_Q, P > rank"
MODELS = (*CIRCUITS, *HEADS)
MAPS = {"affine": "θ = Aφ", "sinh": "θ = sinh φ"}
NATURAL, GRADIENT = "natural", "gradient"

_THEOREM = """
Let θ = f(φ) be smooth with a regular Jacobian J, and F regular. Then F_φ = JᵀFJ and g_φ = Jᵀg, so that

    J F_φ⁻¹ g_φ = F⁻¹ g    and    g_φᵀ F_φ⁻¹ g_φ = gᵀ F⁻¹ g:

the natural gradient is a vector, the same in all coordinates, and so is its length. If f is affine, the step
θ − ηF⁻¹g is the same point, however long. If f is not, end points differ by ½η² f''(δφ, δφ) + …: end states
of a step differ in second order of its length. F_Q and F_C transform alike, so that all this holds for both.

Where F is singular, F⁺g is the shortest of many steps, in its own coordinates: two of them differ by a null
vector, which moves nothing at first order. Affine maps leave the step exactly as it is there only if nothing
moves along null vectors at a distance either, as along a common shift of softmax's logits.

(F + λI)⁻¹g is no vector: I does not become JᵀJ. Nor is g itself; these steps differ in first order.
"""
_METHOD = """
A model in φ is computed as any other: a circuit whose angles are expressions of φ, a head whose weights are
functions of φ by automatic differentiation. Circuits: hardware-efficient, 3 qubits, P = 12, 16 contexts, at
random values, with a random population; states are compared for F_Q, √p for F_C. One more circuit of 2 qubits
and one context has rank 6 at P = 12. Classical heads with F_C: softmax regression (P = 24), a perceptron
(P = 39), 6 tokens, all 36 contexts; embeddings are fixed.

Two maps: θ = Aφ, A random with singular values from 1/3 to 3; θ = sinh φ. In both coordinates steps of one
length ℓ = √(δᵀFδ) are taken; the distance √(1 − |⟨ψ|ψ'⟩|²) between the two end points is measured, and given
in units of ℓ/2, which is how far such a step moves, to first order. Rules: undamped natural gradient; with
λ = d tr F/P of F in the step's own coordinates; gradient descent. All have one length: what differs is
direction. F⁺g is solved as least squares of a square root of F, so that it keeps its digits.
"""
_LIMITS = """
How much damping costs depends on A: 9 times between units is a choice, and more of it costs more. Momentum,
Adam and batch noise are not looked at. Where F is ill-conditioned, as of perceptrons (10⁵ to 10⁷), undamped
steps of KL .003 are far from infinitesimal. With trained embeddings F_C has curved null directions.
"""


def items(preset: Preset) -> list[Row]:
    """Every model in both coordinates, per seed; circuits first: they are the longest."""
    seeds = {"quick": 8, "full": 40}[preset]
    return [
        {"model": model, "map": name, "seed": seed}
        for model, seed, name in product(MODELS, range(seeds), MAPS)
    ]


def measure(item: Row) -> Row:
    """Distances of the two end points, per rule and length; and how far gᵀF⁺g is from the same."""
    model, other = _models(item)
    squares = [each.natural @ each.gradient for each in (model, other)]
    distances = {
        name: [_end_to_end(model, other, rule, length) for length in LENGTHS] for name, rule in RULES.items()
    }
    return {"length": float(abs(squares[1] / squares[0] - 1)), "distance": distances}


def _models(item: Row) -> tuple[Model, Model]:
    generator = np.random.default_rng([item["seed"], MODELS.index(item["model"])])

    def choose(size: int) -> Coordinates:
        return Sinh() if item["map"] == "sinh" else mixed_units(size, generator)

    if item["model"] in HEADS:
        return head_models(HEADS[item["model"]], choose, generator)
    qubits, layers, contexts, geometry = CIRCUITS[item["model"]]
    return circuit_models(qubits, layers, contexts, geometry, choose, generator)


Rule = Callable[[Model], Floats]
Means = dict[tuple[str, str, str], Interval]

RULES: dict[str, Rule] = {
    NATURAL: attrgetter("natural"),
    **{f"d = {d:g}": methodcaller("damped", d) for d in DAMPINGS},
    GRADIENT: attrgetter("gradient"),
}


def _end_to_end(model: Model, other: Model, rule: Rule, length: float) -> float:
    end = model.amplitudes(model.step(rule(model), length))
    return other.distance(other.step(rule(other), length), end)


def conclude(rows: Sequence[Row]) -> Findings:
    """The theorem, exactly and in its order; then what damping breaks."""
    affine, sinh = rows_with(rows, map="affine"), rows_with(rows, map="sinh")
    exact = [max(row["distance"][NATURAL]) for row in affine if row["model"] != REDUNDANT]
    curved = [*sinh, *(row for row in affine if row["model"] == REDUNDANT)]
    off = [abs(slope(row["distance"][NATURAL]) - 2) for row in curved]
    descent = [relative(row, GRADIENT) for row in affine]
    checks = (
        Check.below("theorem", "change of gᵀF⁺g, both maps,", max(row["length"] for row in rows), 1e-10),
        Check.below("null", "distance of natural end points, θ = Aφ,", max(exact), 1e-10),
        Check.below("theorem", "|slope − 2| of that distance, sinh and P > rank,", max(off), 0.05),
        Check.above("effect", "relative distance of gradient descent, θ = Aφ,", min(descent), 0.1),
    )
    means = _typical(rows)
    numbers = {", ".join(key): asdict(mean) for key, mean in means.items()} | {"exact": max(exact)}
    tables = tuple(_table(name, means) for name in MAPS)
    return Findings("proved", _answer(max(exact), means), checks, tables, numbers=numbers)


def _answer(exact: float, means: Means) -> str:
    spans = {key[:2]: span(means[(*key[:2], model)] for model in MODELS) for key in means}
    return (
        f"An undamped natural step leads to the same point in affinely related coordinates, to {exact:.0e}, "
        "for F_Q, for F_C of circuits and for classical heads. After θ = sinh φ its end points differ by the "
        f"square of the step's length: at KL .003 by {spans['sinh', NATURAL]} of the step. This holds for "
        "every metric that transforms as F does; F_Q has no part in it that F_C has not. Damping ends it: "
        f"with units up to 9 times apart, end points differ by {spans['affine', 'd = 0.001']} of the step at "
        f"d = .001, {spans['affine', 'd = 0.1']} at d = .1, {spans['affine', GRADIENT]} for gradient descent "
        f"(geometric means of five models, n = {next(iter(means.values())).n} each)."
    )


def slope(distances: Sequence[float]) -> float:
    """Of log distance in log length, between the two shortest steps."""
    return float(np.log(distances[1] / distances[0]) / np.log(LENGTHS[1] / LENGTHS[0]))


def relative(row: Row, rule: str) -> float:
    """The distance of end points after the longest step, in units of ℓ/2."""
    return float(2 * row["distance"][rule][-1] / LENGTHS[-1])


def _typical(rows: Sequence[Row]) -> Means:
    """Geometric means of relative distances, per map, rule and model."""
    return {
        (name, rule, model): geometric_mean(
            [relative(row, rule) for row in rows_with(rows, map=name, model=model)]
        )
        for name, rule, model in product(MAPS, RULES, MODELS)
    }


def _table(name: str, means: Means) -> Table:
    lines = [(rule, *(in_orders(means[name, rule, model]) for model in MODELS)) for rule in RULES]
    caption = f"{MAPS[name]}: distance of end points at KL .003, in units of ℓ/2; geometric means"
    return Table(caption, ("rule", *MODELS), tuple(lines))


def draw(rows: Sequence[Row]) -> list[Drawing]:
    """Orders of the difference in the length; what damping does to it."""
    affine, sinh = (rows_with(rows, map=name) for name in MAPS)
    shown = [("F_Q", NATURAL), ("F_C", NATURAL), ("MLP", NATURAL), ("F_Q", "d = 0.1"), ("F_Q", GRADIENT)]
    by_length = [
        _line(
            f"{model}, {rule}",
            LENGTHS,
            [row["distance"][rule] for row in rows_with(sinh, model=model)],
            place,
        )
        for place, (model, rule) in enumerate(shown)
    ]
    damped = list(RULES)[1:-1]
    by_damping = [
        _line(
            name, DAMPINGS, [[relative(row, d) for d in damped] for row in rows_with(affine, model=name)], at
        )
        for at, name in enumerate(MODELS)
    ]
    return [
        Drawing(
            "by-length",
            "θ = sinh φ: how far the same rule leads apart in the two coordinates. Geometric means over "
            "seeds, bands of one geometric standard deviation.",
            loglog(by_length, (1, 2), axis="length of the step, √(δᵀFδ)", quantity="distance of end points"),
        ),
        Drawing(
            "by-damping",
            "θ = Aφ: distance of end points in units of ℓ/2 over damping, steps at KL .003; undamped: 0.",
            loglog(by_damping, axis="relative damping d", quantity="distance / (ℓ/2)"),
        ),
    ]


def _line(name: str, x: Sequence[float], values: Sequence[Sequence[float]], place: int) -> LogLine:
    return LogLine(name, np.array(x), np.array(values), place)


REPARAMETERIZATION = Study(
    name="reparameterization",
    title="Does geometry decide a step, or do coordinates?",
    claim="Geometry, not coordinates, decides a step: natural gradients respect the non-Euclidean structure "
    "of the space that a model's parameters stand for.",
    source="Di Sipio, arXiv 2506.15830; Amari 1998, Martens arXiv 1412.1193 for the invariance.",
    theorem=_THEOREM,
    method=_METHOD,
    limits=_LIMITS,
    items=items,
    measure=measure,
    conclude=conclude,
    draw=draw,
)

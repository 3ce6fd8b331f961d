"""What a training step would cost on hardware, in circuit evaluations: gradient and metric separately.

Counted per context, for the circuit's m rotations (data angles included, because the encoder trains through
them), each with s_r distinct positive eigenvalue gaps of its generator:

    forward                  1
    gradient                 Σ_r 2 s_r                            parameter shift
    metric quantum           m(m−1)/2 + m                         linear combination of unitaries, ungrouped
    metric matrix-free       the same                             the same matrix: products save no circuit
    metric block-diagonal    Σ_layers m_l(m_l−1)/2 + m_l          the same pairs, inside layers only
    metric diagonal          m
    metric classical         0                                    reuses the gradient's outcomes
    metric empirical         0                                    reuses the gradient's outcomes
    adam, sgd                0                                    no metric

These are the naive counts of the published methods; grouping lowers them. A classical head costs none. A
metric without a rule here is refused: nothing is booked as free by default.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from qgeo.circuit.program import Program
from qgeo.errors import ConfigurationError


@dataclass(frozen=True)
class StepCost:
    """Circuit evaluations per context: of every step, and of every step that takes the metric anew."""

    gradient: int
    metric: int


@dataclass(frozen=True)
class CostRule:
    """What a metric costs: in words, and counted per context."""

    formula: str
    evaluations: Callable[[Program], int]


def _of_all_pairs(program: Program) -> int:
    return _pairs(len(program.angles))


def _of_layers(program: Program) -> int:
    """Pairs inside each commuting layer; what is in none has no effect."""
    return sum(_pairs(len(layer)) for layer in program.layers)


def _free(_: Program) -> int:
    return 0


_PAIRS = "B · (m(m−1)/2 + m): linear combination of unitaries over m rotations, ungrouped"
_REUSED = "0: reuses the outcomes of the gradient's circuits"

RULES: dict[str, CostRule] = {
    "quantum": CostRule(_PAIRS, _of_all_pairs),
    "quantum-block-diagonal": CostRule(
        "B · Σ_l (m_l(m_l−1)/2 + m_l): the pairs inside commuting layers", _of_layers
    ),
    "quantum-diagonal": CostRule("B · m", lambda program: len(program.angles)),
    # Conjugate gradients need F v for v that are known one after the other; no circuit measures F v as such.
    "quantum-matrix-free": CostRule(
        f"{_PAIRS}; the same matrix as quantum: products save a simulator's work, no circuit", _of_all_pairs
    ),
    "classical": CostRule(_REUSED, _free),
    "empirical": CostRule(_REUSED, _free),
    "adam": CostRule("0: no metric", _free),
    "sgd": CostRule("0: no metric", _free),
}
"""By the metric's name; every metric of an arm has one."""

FORMULAE = {
    "gradient": "B · (1 + Σ_r 2 s_r): parameter shift, s_r eigenvalue gaps of rotation r",
    **{name: rule.formula for name, rule in RULES.items()},
}


def step_cost(program: Program | None, metric: str) -> StepCost:
    """Cost of one step of a head with this program (None for a classical head) under this metric.

    Raises:
        ConfigurationError: there is no rule for the metric.
    """
    if metric not in RULES:
        raise ConfigurationError(
            f"expected a metric whose cost is known ({', '.join(RULES)}), got {metric!r}; add its rule to "
            "qgeo.comparison.cost.RULES"
        )
    if program is None:
        return StepCost(0, 0)
    gradient = 1 + sum(map(_shifts, _spectra(program)))
    return StepCost(gradient, RULES[metric].evaluations(program))


def _pairs(count: int) -> int:
    return count * (count - 1) // 2 + count


def _spectra(program: Program) -> list[np.ndarray]:
    return [np.linalg.eigvalsh(rotation.generator) for rotation in program.rotations]


def _shifts(spectrum: np.ndarray) -> int:
    """Two evaluations per distinct positive gap."""
    gaps = np.abs(spectrum[:, None] - spectrum[None, :]).round(9)
    return 2 * len(np.unique(gaps[gaps > 0]))

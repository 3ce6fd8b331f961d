"""What a training step would cost on hardware, in circuit evaluations: gradient and metric separately.

Counted per context, for the circuit's m rotations (data angles included, because the encoder trains through
them), each with s_r distinct positive eigenvalue gaps of its generator:

    forward                  1
    gradient                 Σ_r 2 s_r                            parameter shift
    metric quantum           m(m−1)/2 + m                         linear combination of unitaries, ungrouped
    metric block-diagonal    Σ_layers m_l(m_l−1)/2 + m_l          the same pairs, inside layers only
    metric diagonal          m
    metric classical         0                                    reuses the gradient's outcomes
    metric empirical         0                                    reuses the gradient's outcomes

These are the naive counts of the published methods; grouping lowers them. A classical head costs none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qgeo.circuit.program import Program

FORMULAE = {
    "gradient": "B · (1 + Σ_r 2 s_r): parameter shift, s_r eigenvalue gaps of rotation r",
    "quantum": "B · (m(m−1)/2 + m): linear combination of unitaries over m rotations, ungrouped",
    "quantum-block-diagonal": "B · Σ_l (m_l(m_l−1)/2 + m_l): the pairs inside commuting layers",
    "quantum-diagonal": "B · m",
    "classical": "0: reuses the outcomes of the gradient's circuits",
    "empirical": "0: reuses the outcomes of the gradient's circuits",
}


@dataclass(frozen=True)
class StepCost:
    """Circuit evaluations per context and step."""

    gradient: int
    metric: int


def step_cost(program: Program | None, metric: str) -> StepCost:
    """Cost of one step of a head with this program (None for a classical head) under this metric."""
    if program is None:
        return StepCost(0, 0)
    return StepCost(1 + sum(map(_shifts, _spectra(program))), _metric_cost(program, metric))


def _metric_cost(program: Program, metric: str) -> int:
    rotations = len(program.angles)
    if metric == "quantum":
        return _pairs(rotations)
    if metric == "quantum-block-diagonal":
        layers = [len(layer) for layer in program.layers]
        return sum(map(_pairs, [*layers, rotations - sum(layers)]))
    return rotations if metric == "quantum-diagonal" else 0


def _pairs(count: int) -> int:
    return count * (count - 1) // 2 + count


def _spectra(program: Program) -> list[np.ndarray]:
    return [np.linalg.eigvalsh(rotation.generator) for rotation in program.rotations]


def _shifts(spectrum: np.ndarray) -> int:
    """Two evaluations per distinct positive gap."""
    gaps = np.abs(spectrum[:, None] - spectrum[None, :]).round(9)
    return 2 * len(np.unique(gaps[gaps > 0]))

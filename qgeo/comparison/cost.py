"""What a training step would cost on hardware, in circuit evaluations: gradient and metric separately.

Counted per context, for the circuit's m rotations (data angles included, because the encoder trains through
them), each with s_r distinct positive eigenvalue gaps of its generator:

    forward                  1
    gradient                 Σ_r 2 s_r                            parameter shift
    metric                   as its record says (`optim/metrics.py`); a first-order optimizer has none

These are the naive counts of the published methods; grouping lowers them. A classical head costs none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qgeo.circuit.program import Program
from qgeo.optim.first_order import FIRST_ORDER
from qgeo.optim.metrics import METRICS


@dataclass(frozen=True)
class StepCost:
    """Circuit evaluations per context: of every gradient, of every metric that is taken anew, and of the head
    at another point, as a search for a step's length asks for it."""

    gradient: int
    metric: int
    forward: int


def formulae() -> dict[str, str]:
    """The costs of gradient and metrics in words."""
    return {
        "gradient": "B · (1 + Σ_r 2 s_r): parameter shift, s_r eigenvalue gaps of rotation r",
        **{name: metric.evaluations.formula for name, metric in METRICS.items()},
        **dict.fromkeys(FIRST_ORDER, "0: no metric"),
        "length of a step": "B · evaluations of the head that its KL divergence takes",
    }


def step_cost(program: Program | None, metric: str) -> StepCost:
    """Cost of one step of a head with this program (None for a classical head) under this metric.

    Raises:
        ConfigurationError: there is no such metric.
    """
    per_metric = _no_metric if metric in FIRST_ORDER else METRICS[metric].evaluations.count
    if program is None:
        return StepCost(0, 0, 0)
    return StepCost(1 + sum(map(_shifts, _spectra(program))), per_metric(program), 1)


def _no_metric(_: Program) -> int:
    return 0


def _spectra(program: Program) -> list[np.ndarray]:
    return [np.linalg.eigvalsh(rotation.generator) for rotation in program.rotations]


def _shifts(spectrum: np.ndarray) -> int:
    """Two evaluations per distinct positive gap."""
    gaps = np.abs(spectrum[:, None] - spectrum[None, :]).round(9)
    return 2 * len(np.unique(gaps[gaps > 0]))

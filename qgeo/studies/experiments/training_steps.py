"""Steps of the full gradient from heads in training, at equal KL divergence, from F_C to F_Q.

    F_s = (1 − s) F_C + s F_Q, the identity, F_C and F_Q with more damping,    at KL from 10⁻¹⁰ to .03 nats

Heads, checkpoints and data are those of `training_races.py`; gradient, metric, divergence and loss are taken
over the same 256 windows, so that nothing is random but the checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from qgeo.comparison.race import Racer, full_gradient_race, predicted
from qgeo.comparison.replicates import data_of
from qgeo.comparison.shadow_race import FIRST_ORDER_KL, checkpoints
from qgeo.comparison.training import spread
from qgeo.geometry.angles import angles_between
from qgeo.heads.protocol import checked_head
from qgeo.optim.controls import identity, mixture
from qgeo.optim.damping import RelativeDamping
from qgeo.optim.exact import classical, quantum
from qgeo.statistics.intervals import ratio_of_means
from qgeo.statistics.means import LEVEL, Interval
from qgeo.studies.experiments.training_races import STEPS, training, trajectories
from qgeo.studies.study import Row
from qgeo.tasks.windows import Windows

SHARES = (0.25, 0.5, 0.75)
"""s of F_s between F_C and F_Q."""

KLS = (FIRST_ORDER_KL, 0.003, 0.03)
"""Nats per token of a step: infinitesimal, as comparisons have it, and ten times that."""

DAMPINGS = (0.001, 0.03, 0.3)
"""Of F_C and F_Q, relative to their mean eigenvalues; the least one serves the path too."""

_METRICS = {"F_C": classical, "F_Q": quantum}
RACERS = (
    *(Racer(f"{name}, d = {d:g}", rule, d) for name, rule in _METRICS.items() for d in DAMPINGS),
    *(Racer(f"s = {share:g}", mixture(share), DAMPINGS[0]) for share in SHARES),
    Racer("identity", identity),
)
NAMES = tuple(racer.name for racer in RACERS)
F_C, F_Q = (f"{name}, d = {DAMPINGS[0]:g}" for name in _METRICS)
DAMPED_F_C = f"F_C, d = {DAMPINGS[1]:g}"

WINDOWS = 256


def measure_training(item: Row) -> Row:
    """Drops per KL and racer, predictions, angles: a row per trajectory and step."""
    configuration, task = training(item["replicates"], KLS[1])
    data = data_of(configuration, task, item["replicate"])
    windows = spread(data.train, WINDOWS)
    rows = [
        {"trajectory": on.arm.name, "step": step} | _steps(head, windows)
        for on in trajectories(DAMPINGS[0])
        for step, head in checkpoints(on, item["replicate"], configuration, data)
    ]
    return {"rows": rows}


def _steps(head: nn.Module, windows: Windows) -> Row:
    races = [full_gradient_race(head, windows, RACERS, kl=kl) for kl in KLS]
    return {
        "drops": [race.drops[0].tolist() for race in races],
        "missed": int(sum((~race.met).sum() for race in races)),
        "predicted": predicted(head, windows, RACERS).tolist(),
        "angles": _angles(head, windows),
    }


def _angles(head: nn.Module, windows: Windows) -> list[float]:
    """Degrees between a racer's step and the negative gradient, in the parameters that the head has."""
    checked = checked_head(head)
    _, jacobian = checked.log_probs_and_jacobian(windows.contexts)
    gradient = -jacobian[torch.arange(len(windows)), windows.targets].detach().mean(0)
    steps = [gradient]
    for racer in RACERS:
        matrix = racer.metric(checked, windows.contexts, windows.targets)
        steps.append(matrix.solve(gradient, RelativeDamping(racer.damping).of(matrix)))
    angles: list[float] = angles_between(torch.stack(steps).numpy())[0, 1:].tolist()
    return angles


def ratio_at(
    rows: Sequence[Row], step: int, kl: float, ours: str, theirs: str = F_C, level: float = LEVEL
) -> Interval:
    """Mean drop of a racer over that of another at one step, with Fieller's interval over replicates."""
    drops = {name: _per_replicate(rows, step, kl, name) for name in (ours, theirs)}
    return ratio_of_means(drops[ours], drops[theirs], level)


def best_damped(rows: Sequence[Row], step: int, kl: float, metric: str) -> str:
    """The racer of F_C or F_Q whose damping drops the mean most."""
    tried = [name for name in NAMES if name.startswith(metric)]
    return max(tried, key=lambda name: float(np.mean(_per_replicate(rows, step, kl, name))))


def _per_replicate(rows: Sequence[Row], step: int, kl: float, racer: str) -> list[float]:
    """Mean drop over trajectories."""
    place, which = KLS.index(kl), NAMES.index(racer)
    return [float(np.mean([at["drops"][place][which] for at in _at(row, step)])) for row in rows]


def predicted_ratio_at(rows: Sequence[Row], step: int, racer: str) -> float:
    """Of first-order drops, means over trajectories and replicates, over that of F_C."""
    drops = np.mean([at["predicted"] for row in rows for at in _at(row, step)], axis=0)
    return float(drops[NAMES.index(racer)] / drops[NAMES.index(F_C)])


def first_order_error(rows: Sequence[Row]) -> float:
    """Largest relative error of predicted ratios at the infinitesimal KL, over checkpoints and racers."""
    errors = []
    for row in rows:
        for at in row["rows"]:
            seen, expected = np.array(at["drops"][0]), np.array(at["predicted"])
            errors.append(np.abs(seen / seen[0] / (expected / expected[0]) - 1).max())
    return float(max(errors))


def mean_angle(rows: Sequence[Row], racer: str) -> list[float]:
    """Per replicate, over all checkpoints but those at step 0, degrees."""
    which = NAMES.index(racer)
    return [float(np.mean([at["angles"][which] for at in row["rows"] if at["step"]])) for row in rows]


def _at(row: Row, step: int) -> list[Row]:
    return [at for at in row["rows"] if at["step"] == step]


def training_items(replicates: int) -> list[Row]:
    """A piece per replicate."""
    return [
        {"kind": "training", "replicate": replicate, "replicates": replicates}
        for replicate in range(replicates)
    ]


LATER_STEPS = STEPS[1:]
"""Step 0 belongs to no verdict: a finite step from equal probabilities is not in first order."""

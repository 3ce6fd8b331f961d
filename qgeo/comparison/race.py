"""The shadow race: from one checkpoint a step of every metric at the same KL, and which lowers the loss most.

    δ = −(F + λI)⁻¹ ĝ,   s with KL(p_θ ‖ p_{θ+sδ}) = kl on the step's contexts,   drop = L(θ) − L(θ + sδ)

`minibatch_race` takes ĝ and F from many batches and L over held-out windows: what one step of training is
worth. `full_gradient_race` takes all from the same windows: there drops at a small KL are those of theory,

    drop/√(2 kl) → gᵀM⁻¹g / √(gᵀM⁻¹F_C M⁻¹g),   M = F + λI                       (`geometry/drop.py`)

and `predicted` says beforehand what batches and held-out windows make of that. A checkpoint is a head as it
stands, and is left as it was found. Checkpoints are told apart, never averaged: near the start a finite step
can reverse the sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from qgeo.comparison.training import mean_loss
from qgeo.errors import ConfigurationError
from qgeo.geometry.drop import BatchNoise, factorized, first_order_drop
from qgeo.heads.jacobian import flat_parameters, trainable
from qgeo.heads.protocol import checked_head
from qgeo.optim.damping import RelativeDamping
from qgeo.optim.exact import Rule, classical
from qgeo.optim.line import Line, move_to
from qgeo.optim.loss import loss_gradient
from qgeo.statistics.intervals import ratio_of_means
from qgeo.statistics.means import Interval
from qgeo.tasks.windows import Windows

Floats = NDArray[np.float64]

KL = 0.003
"""Nats per token, of a minibatch step: a choice."""

_CHUNK = 512
"""Windows whose Jacobians (B, V, P) are held at once: 26 MB at V = 32, P = 200."""


@dataclass(frozen=True)
class Racer:
    """A metric with its damping, relative: λ = damping · tr F / P."""

    name: str
    metric: Rule
    damping: float = 0.0


@dataclass(frozen=True, eq=False)
class Race:
    """What steps from one checkpoint did.

    Attributes:
        names: of the racers, R of them; drops: (D, R) nats per token, a row per batch.
        kls: (D, R) realised; met: (D, R) whether a step reached the KL that was asked for.
    """

    names: tuple[str, ...]
    drops: Floats
    kls: Floats
    met: NDArray[np.bool_]

    def ratio(self, name: str, reference: str) -> Interval:
        """Mean drop of a racer over that of another, with Fieller's interval over batches.

        Raises:
            ConfigurationError: no racer of that name.
        """
        ours, theirs = (self.drops[:, self._place(racer)] for racer in (name, reference))
        return ratio_of_means(ours, theirs)

    def _place(self, name: str) -> int:
        if name not in self.names:
            raise ConfigurationError(f"expected a racer of {', '.join(self.names)}, got {name!r}")
        return self.names.index(name)


@dataclass(frozen=True, eq=False)
class _Start:
    """A checkpoint: the head, its trainable parameters, and where they are."""

    head: nn.Module
    parameters: list[nn.Parameter]
    point: Tensor

    @classmethod
    def of(cls, head: nn.Module) -> _Start:
        return cls(head, [parameter for _, parameter in trainable(head)], flat_parameters(head))


def minibatch_race(
    head: nn.Module,
    training: Windows,
    held_out: Windows,
    racers: Sequence[Racer],
    *,
    batch: int,
    draws: int,
    generator: torch.Generator,
    kl: float = KL,
) -> Race:
    """Steps from `draws` batches of training windows, their drops over held-out windows.

    Args:
        head: the checkpoint; batch: windows per step, drawn without replacement; generator: of the batches.
    """
    start, before = _Start.of(head), mean_loss(head, held_out)
    rows = []
    for _ in range(draws):
        chosen = training.take(torch.randperm(len(training), generator=generator)[:batch])
        rows.append(_row(start, chosen, held_out, before, racers, kl))
    return _race(racers, rows)


def full_gradient_race(head: nn.Module, windows: Windows, racers: Sequence[Racer], *, kl: float) -> Race:
    """One step of every racer; gradient, metric, KL and loss over the same windows."""
    start = _Start.of(head)
    return _race(racers, [_row(start, windows, windows, mean_loss(head, windows), racers, kl)])


@dataclass(frozen=True, eq=False)
class BatchSteps:
    """What the steps of a minibatch race are taken from, and seen on.

    Attributes:
        training: all windows that batches are drawn from; held_out: all that drops are seen on.
        batch: windows per step.
    """

    training: Windows
    held_out: Windows
    batch: int


def predicted(
    head: nn.Module, windows: Windows, racers: Sequence[Racer], steps: BatchSteps | None = None
) -> Floats:
    """First-order drops (R,) in nats per √(2 KL): their ratios are the race, to leading order.

    Args:
        windows: for the metrics, and the gradient of a race of the full gradient.
        steps: of a minibatch race; None for steps of the full gradient.
    """
    gradient, noise, seen = _gradients(head, windows, steps)
    f_c = classical(checked_head(head), windows.contexts).to_dense().numpy()
    drops = []
    for racer in racers:
        matrix = racer.metric(checked_head(head), windows.contexts, windows.targets)
        damping = RelativeDamping(racer.damping).of(matrix)
        factors = factorized(matrix.to_dense().numpy())
        drops.append(first_order_drop(factors, f_c, gradient, damping, noise, seen)[0])
    return np.array(drops)


def _gradients(
    head: nn.Module, windows: Windows, steps: BatchSteps | None
) -> tuple[Floats, BatchNoise | None, Floats | None]:
    """Mean gradient that steps follow, its noise, mean gradient where drops are seen (None for the same)."""
    if steps is None:
        return _token_gradients(head, windows).mean(0), None, None
    by_token = _token_gradients(head, steps.training)
    noise = BatchNoise(np.cov(by_token.T, ddof=1), steps.batch)
    return by_token.mean(0), noise, _token_gradients(head, steps.held_out).mean(0)


def _race(racers: Sequence[Racer], rows: list[list[tuple[float, float, bool]]]) -> Race:
    drops, kls, met = (np.array([[cell[i] for cell in row] for row in rows]) for i in range(3))
    return Race(tuple(racer.name for racer in racers), drops, kls, met)


def _row(
    start: _Start, step: Windows, judged: Windows, before: float, racers: Sequence[Racer], kl: float
) -> list[tuple[float, float, bool]]:
    gradient = loss_gradient(start.head, step.contexts, step.targets)
    return [_cell(start, racer, gradient, step, judged, before, kl) for racer in racers]


def _cell(
    start: _Start,
    racer: Racer,
    gradient: Tensor,
    step: Windows,
    judged: Windows,
    before: float,
    kl: float,
) -> tuple[float, float, bool]:
    """Drop, realised KL, whether it was met."""
    matrix = racer.metric(checked_head(start.head), step.contexts, step.targets)
    direction = -matrix.solve(gradient, RelativeDamping(racer.damping).of(matrix))
    with torch.no_grad():
        found = Line(start.head, start.parameters, start.point, direction, step.contexts).at_kl(kl)
        try:
            move_to(start.parameters, start.point + found.length * direction)
            return before - mean_loss(start.head, judged), found.kl, found.is_met
        finally:
            move_to(start.parameters, start.point)


def _token_gradients(head: nn.Module, windows: Windows) -> Floats:
    """(N, P) gradients of −log p of every window's own target."""
    chunks = torch.arange(len(windows)).split(_CHUNK)
    return np.concatenate([_gradients_of(head, windows.take(chunk)) for chunk in chunks])


def _gradients_of(head: nn.Module, windows: Windows) -> Floats:
    _, jacobian = checked_head(head).log_probs_and_jacobian(windows.contexts)
    return -jacobian[torch.arange(len(windows)), windows.targets].detach().numpy()

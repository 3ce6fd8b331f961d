"""KL-sharpness of a head: how much its loss rises within a KL divergence of ε, predicted and found.

    second order   max of gᵀδ + ½ δᵀHδ over ½ δᵀF_Cδ ≤ ε, δ in the range of F_C    (`geometry/sharpness.py`)
    realised       max of L(θ+δ) − L(θ) over KL(p_θ ‖ p_{θ+δ}) ≤ ε

g, H and F_C are exact, those of the windows given. Where the head is the distribution of the windows' targets
both are ε: there the loss rises by the KL divergence itself. Off a minimum the second-order number is soon
dominated by directions that F_C hardly sees: H does not vanish there, δ is long, and the head turns on the
way.

What is realised is found by sequential quadratic programming (Kraft 1988; SciPy's SLSQP) from the best of ±δ,
with F_C + λI for F_C on its range, too. It is the rise at a point where the head has been, and so a lower
bound of the maximum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor, nn

from qgeo.errors import ConfigurationError
from qgeo.geometry.filter import RANGE, Floats
from qgeo.geometry.sharpness import SharpestStep, sharpest_step
from qgeo.heads.jacobian import flat_parameters, trainable
from qgeo.heads.protocol import checked_head
from qgeo.optim.divergence import mean_divergence
from qgeo.optim.exact import classical
from qgeo.optim.line import Line
from qgeo.optim.loss import flat_gradient, loss_gradient, loss_hessian, moved

DAMPINGS = (0.0, 1e-4, 1e-2, 1.0)
"""Relative to tr F_C/P, of the steps that the search may start from: a choice."""

_MOST_ITERATIONS = 200
_EXCESS = 1e-3
"""Of a KL divergence over ε that counts as ε."""


@dataclass(frozen=True, eq=False)
class SharpnessCurve:
    """KL-sharpness at N divergences.

    Attributes:
        epsilons: (N,) ε, nats per token; second_order, realised: (N,) rises of the loss, nats per token.
        kls: (N,) KL divergences at which `realised` was seen, nats per token.
    """

    epsilons: Floats
    second_order: Floats
    realised: Floats
    kls: Floats


def kl_sharpness(head: nn.Module, contexts: Tensor, targets: Tensor, epsilon: float) -> float:
    """The realised KL-sharpness at ε, nats per token. Arguments and errors: see `sharpness_curve`.

    >>> from qgeo.heads.classical import SoftmaxHead
    >>> head = SoftmaxHead(3, 1)
    >>> _ = [torch.nn.init.zeros_(parameter) for parameter in head.parameters()]
    >>> contexts, targets = torch.zeros(3, 1, dtype=torch.long), torch.arange(3)  # uniform, as the head
    >>> round(kl_sharpness(head, contexts, targets, 0.01), 4)
    0.01
    """
    return float(sharpness_curve(head, contexts, targets, [epsilon]).realised[0])


def sharpness_curve(
    head: nn.Module, contexts: Tensor, targets: Tensor, epsilons: Sequence[float]
) -> SharpnessCurve:
    """KL-sharpness at each ε, to second order and realised.

    Args:
        head: with P > 0 trainable numbers, which are as before afterwards. For P up to a few hundred: 2P
            gradients once, some hundred for each ε, O(P³) for each of these.
        contexts: (B, k); targets: (B,): the windows of loss, F_C and KL divergence.
        epsilons: ε > 0, nats per token.

    Raises:
        ConfigurationError: no head, one without trainable numbers, an ε that is not positive.
    """
    here = _Neighbourhood.of(head, contexts, targets)
    found = [here.sharpest(epsilon) for epsilon in epsilons]
    tops = [here.highest(steps, epsilon) for steps, epsilon in zip(found, epsilons, strict=True)]
    return SharpnessCurve(
        np.asarray(epsilons, dtype=float),
        np.array([steps[0].rise for steps in found]),
        np.array([top.rise for top in tops]),
        np.array([top.kl for top in tops]),
    )


@dataclass(frozen=True, eq=False)
class _Seen:
    """What a head does at θ + δ: rise of the loss and KL divergence, with their gradients by δ."""

    step: Floats
    rise: float
    kl: float
    slopes: tuple[Floats, Floats]


@dataclass(frozen=True, eq=False)
class _Neighbourhood:
    """A head around its parameters: the loss to second order, and what it is."""

    head: nn.Module
    contexts: Tensor
    targets: Tensor
    before: Tensor
    gradient: Floats
    hessian: Floats
    fisher: Floats

    @classmethod
    def of(cls, head: nn.Module, contexts: Tensor, targets: Tensor) -> _Neighbourhood:
        fisher = classical(checked_head(head), contexts).to_dense().cpu().numpy()
        if not len(fisher):
            raise ConfigurationError(
                "expected a head with trainable parameters, got one without; unfreeze it"
            )
        derivatives = (each(head, contexts, targets) for each in (loss_gradient, loss_hessian))
        gradient, hessian = (each.cpu().numpy() for each in derivatives)
        with torch.no_grad():
            return cls(head, contexts, targets, head(contexts), gradient, hessian, fisher)

    def sharpest(self, epsilon: float) -> list[SharpestStep]:
        """To second order, the exact one first."""
        spectrum, vectors = np.linalg.eigh(self.fisher)
        kept = vectors[:, spectrum > RANGE * spectrum[-1]]
        identity = spectrum.mean() * kept @ kept.T
        metrics = [self.fisher + damping * identity for damping in DAMPINGS]
        return [sharpest_step(self.hessian, metric, self.gradient, epsilon) for metric in metrics]

    def highest(self, steps: Sequence[SharpestStep], epsilon: float) -> _Seen:
        """The largest rise that was found within ε."""
        starts = [self._shortened(sign * each.step, epsilon) for each in steps for sign in (1, -1)]
        best = max(starts, key=lambda seen: seen.rise)
        found = [self._climbed(sign * best.step, epsilon) for sign in (1, -1)]
        within = [seen for seen in (*starts, *found) if seen.kl <= epsilon * (1 + _EXCESS)]
        return max([self._seen(np.zeros_like(self.gradient)), *within], key=lambda seen: seen.rise)

    def _shortened(self, step: Floats, epsilon: float) -> _Seen:
        """Along a step, where the KL divergence is ε."""
        if not step.any():
            return self._seen(step)
        parameters = [parameter for _, parameter in trainable(self.head)]
        start = flat_parameters(self.head)
        line = Line(self.head, parameters, start, torch.from_numpy(step).to(start.device), self.contexts)
        return self._seen(line.at_kl(epsilon).length * step)

    def _climbed(self, step: Floats, epsilon: float) -> _Seen:
        """The end of a search, in units in which rise, divergence and step are of order 1."""
        unit, at = sqrt(epsilon), _remembering_last(self._seen)
        end = minimize(
            lambda x: (-at(unit * x).rise / epsilon, -at(unit * x).slopes[0] / unit),
            step / unit,
            jac=True,
            method="SLSQP",
            constraints={
                "type": "ineq",
                "fun": lambda x: 1 - at(unit * x).kl / epsilon,
                "jac": lambda x: -at(unit * x).slopes[1] / unit,
            },
            options={"maxiter": _MOST_ITERATIONS},
        )
        return self._seen(unit * end.x)

    def _seen(self, step: Floats) -> _Seen:
        with moved(self.head, torch.from_numpy(step)) as parameters, torch.enable_grad():
            log_probs = self.head(self.contexts)
            loss = torch.nn.functional.nll_loss(log_probs, self.targets)
            kl = mean_divergence(self.before, log_probs)
            slopes = [flat_gradient(scalar, parameters).cpu().numpy() for scalar in (loss, kl)]
        before = torch.nn.functional.nll_loss(self.before, self.targets)
        return _Seen(step, float(loss.detach() - before), float(kl.detach()), (slopes[0], slopes[1]))


def _remembering_last(seen_at: Callable[[Floats], _Seen]) -> Callable[[Floats], _Seen]:
    """SLSQP asks for the objective and the constraint at a point one after the other."""
    last: dict[bytes, _Seen] = {}

    def at(step: Floats) -> _Seen:
        key = step.tobytes()
        if key not in last:
            last.clear()
            last[key] = seen_at(step)
        return last[key]

    return at

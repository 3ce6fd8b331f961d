"""A small Born head near a known population, and steps on it: what races of metrics are held against.

Everything here is the head's own output and states; no formula of `qgeo.geometry.filter` or `drop`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from qgeo.heads.born import BornHead
from qgeo.optim.exact import classical, quantum

LENGTH = 1e-11
"""Of a step, in nats or squared Bures distance: first order to 1e-4 even where a probability is small."""


@dataclass(frozen=True, eq=False)
class Race:
    """head: of V = 8 tokens on 3 qubits; contexts: (B, 2), all that there are; population: (B, V) p(y|x).

    f_c, f_q: (P, P) at these contexts; gradient: (P,) of the population's loss.
    """

    head: BornHead
    contexts: Tensor
    population: Tensor
    f_c: np.ndarray
    f_q: np.ndarray
    gradient: np.ndarray

    def loss(self) -> Tensor:
        return -(self.population * self.head(self.contexts)).sum(-1).mean()

    def token_gradients(self) -> np.ndarray:
        """−∇log p(y|x), (B, V, P)."""
        return -self.head.log_probs_and_jacobian(self.contexts)[1].numpy()

    def at(self, step: np.ndarray, look: Callable[[], Tensor]) -> Tensor:
        """What a look at the moved head gives; the head comes back."""
        parameters = [parameter for parameter in self.head.parameters() if parameter.requires_grad]
        parts = torch.from_numpy(step).split([parameter.numel() for parameter in parameters])
        kept = [parameter.detach().clone() for parameter in parameters]
        with torch.no_grad():
            for parameter, part in zip(parameters, parts, strict=True):
                parameter += part.view_as(parameter)
            seen = look()
            for parameter, old in zip(parameters, kept, strict=True):
                parameter.copy_(old)
        return seen

    def divergence(self, step: np.ndarray) -> float:
        """KL(p_θ‖p_{θ+δ}) per token; log1p keeps the digits of a small one."""
        before = self.head(self.contexts).detach()
        after = self.at(step, lambda: self.head(self.contexts))
        ratio = torch.expm1(after - before)  # Σ p (q/p − 1) = 0 exactly
        return float((before.exp() * (ratio - torch.log1p(ratio))).sum(-1).mean())

    def bures(self, step: np.ndarray) -> float:
        """Mean of the squared norm of the part of ψ_{θ+δ} across ψ_θ: 1 − |⟨ψ|ψ'⟩|²."""
        before = self.head.states(self.contexts).detach()
        after = self.at(step, lambda: self.head.states(self.contexts))
        along = (before.conj() * after).sum(-1, keepdim=True)
        return float((after - along * before).abs().square().sum(-1).mean())

    def drop(self, direction: np.ndarray, length: Callable[[np.ndarray], float]) -> float:
        """Loss that a step this way saves, stretched to a length, odd part: (L(−δ) − L(δ))/2."""
        scale = brentq(lambda log: np.log(length(np.exp(log) * direction) / LENGTH), -20, 2)
        step = np.exp(scale) * direction
        forth, back = (float(self.at(sign * step, self.loss)) for sign in (1, -1))
        return (back - forth) / 2


def least_norm(matrix: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """−M⁺g."""
    return -np.linalg.pinv(matrix, 1e-10, hermitian=True) @ gradient


@cache
def race(layers: int, contexts: int) -> Race:
    """A race of F_C and F_Q on a head whose population is a softmax of random logits.

    The encoder is frozen: with its hundred numbers most directions of F_C are badly conditioned, where no
    step is short enough to be of first order.
    """
    generator = torch.Generator().manual_seed(layers)
    options = {"layers": layers, "embedding": 2, "smoothing": 0.0, "start": "random"}
    head = BornHead(8, 2, **options, generator=generator)
    head.encoder.requires_grad_(False)
    every = torch.cartesian_prod(torch.arange(8), torch.arange(8))[torch.randperm(64, generator=generator)]
    logits = torch.randn(contexts, 8, generator=generator, dtype=torch.float64)
    chosen, population = every[:contexts], logits.softmax(-1)
    jacobian = head.log_probs_and_jacobian(chosen)[1]
    gradient = -(population.unsqueeze(-1) * jacobian).sum(1).mean(0)
    f_c, f_q = (rule(head, chosen, None).to_dense().numpy() for rule in (classical, quantum))
    return Race(head, chosen, population, f_c, f_q, gradient.numpy())

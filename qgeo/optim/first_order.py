"""First-order optimizers by name: what an arm names in place of a metric.

adam, sgd         steps of a learning rate
adam-direction    Adam's direction, steps of a KL divergence, as natural gradients take them
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from qgeo.errors import ConfigurationError
from qgeo.optim.adam_by_kl import AdamByKL
from qgeo.optim.realised_kl import RealisedKL
from qgeo.registry import Registry


@dataclass(frozen=True)
class FirstOrder:
    """An optimizer by name.

    Attributes:
        build: (parameters, lr=…) → the optimizer; where steps_by_kl: (head, `RealisedKL`).
        steps_by_kl: whether a step has a KL divergence instead of a learning rate.
    """

    name: str
    build: Callable[..., torch.optim.Optimizer]
    steps_by_kl: bool = False

    def __call__(
        self, head: nn.Module, *, lr: float | None = None, kl: float | None = None
    ) -> torch.optim.Optimizer:
        """The optimizer of a head, with the one of the two that it takes."""
        if self.steps_by_kl:
            return self.build(head, RealisedKL(_given(kl, "kl", self.name)))
        return self.build(head.parameters(), lr=_given(lr, "lr", self.name))


def _given(value: float | None, name: str, of: str) -> float:
    if value is None:
        raise ConfigurationError(f"expected {name} for {of}, got none; give it")
    return value


FIRST_ORDER: Registry[FirstOrder] = Registry(
    "an optimizer",
    (
        FirstOrder("adam", torch.optim.Adam),
        FirstOrder("sgd", torch.optim.SGD),
        FirstOrder("adam-direction", AdamByKL, steps_by_kl=True),
    ),
    reserved=("quantum", "classical", "empirical"),
)

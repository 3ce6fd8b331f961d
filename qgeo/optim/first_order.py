"""First-order optimizers by name: what an arm names in place of a metric."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from qgeo.registry import Registry


@dataclass(frozen=True)
class FirstOrder:
    """build: (parameters, lr=…) → the optimizer."""

    name: str
    build: Callable[..., torch.optim.Optimizer]

    def __call__(self, parameters: Iterable[Tensor], **options: Any) -> torch.optim.Optimizer:
        """The optimizer of these parameters."""
        return self.build(parameters, **options)


FIRST_ORDER: Registry[FirstOrder] = Registry(
    "an optimizer",
    (FirstOrder("adam", torch.optim.Adam), FirstOrder("sgd", torch.optim.SGD)),
    reserved=("quantum", "classical", "empirical"),
)

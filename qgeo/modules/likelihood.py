"""Likelihoods: how a module's output is read as a distribution, where its F_C needs one.

categorical       p = softmax(y)           F over y:  diag(p) − ppᵀ
Gaussian, σ       t ~ N(y, σ² I)           F over y:  I/σ²
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from qgeo.arguments import checked_real, shown
from qgeo.errors import ConfigurationError
from qgeo.geometry.pullback import score_fisher


@runtime_checkable
class Likelihood(Protocol):
    """A distribution with the module's output as its parameters."""

    def output_fisher(self, outputs: Tensor) -> Tensor:
        """F_C over outputs (B, K) at each of them, (B, K, K)."""
        ...


class Categorical:
    """One of K classes: outputs are scores, or log-probabilities, which are scores too."""

    def output_fisher(self, outputs: Tensor) -> Tensor:
        """diag(p) − ppᵀ."""
        return score_fisher(outputs.double().log_softmax(1))


@dataclass(frozen=True)
class GaussianLikelihood:
    """Independent normal targets around the outputs.

    Args:
        sigma: their standard deviation, in the outputs' units.

    Raises:
        ConfigurationError: it is not positive.
    """

    sigma: float = 1.0

    def __post_init__(self) -> None:
        checked_real("sigma", self.sigma, above=0)

    def output_fisher(self, outputs: Tensor) -> Tensor:
        """I/σ²."""
        identity = torch.eye(outputs.shape[1], dtype=torch.float64, device=outputs.device)
        return identity.expand(len(outputs), -1, -1) / self.sigma**2


def as_likelihood(given: Any) -> Likelihood | None:
    """A likelihood by its name or itself.

    Raises:
        ConfigurationError: something else.
    """
    if given is None:
        return None
    if isinstance(given, str) and given == "categorical":
        return Categorical()
    if isinstance(given, Likelihood) and not isinstance(given, type):
        return given
    raise ConfigurationError(
        f"expected likelihood to be 'categorical' or GaussianLikelihood(sigma), got {shown(given)}"
    )

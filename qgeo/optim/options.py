"""What `NaturalGradient` is asked for, checked at the door: metric, lengths, damping, a stored state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from qgeo.arguments import checked_real, shown
from qgeo.errors import ConfigurationError
from qgeo.estimators.estimator import FisherEstimator
from qgeo.heads.protocol import Head
from qgeo.modules.calls import circuits_of
from qgeo.modules.fisher import ModuleMetric, ModuleRule, module_metric
from qgeo.modules.likelihood import Likelihood
from qgeo.optim.damping import LevenbergMarquardt, RelativeDamping
from qgeo.optim.estimated import EstimatedMetric
from qgeo.optim.estimated_module import EstimatedModuleMetric
from qgeo.optim.exact import Rule
from qgeo.optim.metrics import METRICS, Metric
from qgeo.optim.qn_spsa import QNSPSA
from qgeo.optim.realised_kl import RealisedKL, SecondOrderKL
from qgeo.optim.trust_region import QuadraticTrustRegion


def as_metric(
    metric: str | Rule | ModuleRule | FisherEstimator,
    module: nn.Module,
    shots: int | None,
    likelihood: Likelihood | None,
) -> Rule | ModuleRule:
    """The rule that a metric's name, a function or an estimator stands for.

    Raises:
        ConfigurationError: it is none, or options without effect on it.
    """
    if isinstance(metric, ModuleMetric) and likelihood is not None:
        return replace(metric, likelihood=likelihood)
    if isinstance(metric, str) and shots is None and not isinstance(module, Head):
        circuits_of(module)  # refuses what has none, before the first step
        return _of_module(metric, likelihood)
    if isinstance(metric, FisherEstimator) and not isinstance(module, Head):
        circuits_of(module)
        return EstimatedModuleMetric(metric, shots=shots, likelihood=likelihood)
    if likelihood is not None:
        raise ConfigurationError(
            "expected a likelihood with a metric by name and a module that is no head, whose output is its "
            f"own likelihood, got {shown(likelihood)}; leave it out"
        )
    if isinstance(metric, FisherEstimator):
        return EstimatedMetric(metric, shots=shots)
    if shots is not None:
        raise ConfigurationError(f"expected shots with an estimator as the metric, got {metric!r}")
    if isinstance(metric, str):
        return METRICS[metric].begun()
    if isinstance(metric, Metric):
        return metric.begun()
    if isinstance(metric, type) or not callable(metric):
        raise ConfigurationError(
            f"expected a metric among {METRICS}, a function (head, contexts, targets) → information matrix, "
            f"or an estimator such as LinCombQFI(), got {shown(metric)}"
        )
    return metric


def _of_module(name: str, likelihood: Likelihood | None) -> Rule | ModuleRule:
    """The rule of a module that is no head; one that keeps an average keeps its own."""
    if name == "qn-spsa":
        return QNSPSA(likelihood)
    return module_metric(name, likelihood)


def check_inputs(module: nn.Module, inputs: Any) -> None:
    """Raise a ConfigurationError where a module that is no head gets something else than a tensor."""
    if inputs is not None and not isinstance(inputs, Tensor) and not isinstance(module, Head):
        raise ConfigurationError(
            f"expected a module's inputs as one tensor, contexts=inputs, got {type(inputs).__name__}; a "
            "module of several inputs needs one around it that takes them apart"
        )


def check_trust_region(given: Any, metric: Rule | ModuleRule) -> None:
    """Log-probabilities are compared only where there are any.

    Raises:
        ConfigurationError: a limit on KL for a module that is no head.
    """
    by_metric = QuadraticTrustRegion | SecondOrderKL
    if isinstance(metric, ModuleMetric) and not (given is None or isinstance(given, by_metric)):
        raise ConfigurationError(
            "expected a QuadraticTrustRegion for a module that gives no log-probabilities, got "
            f"{shown(given)}"
        )


def initial_damping(damping: float | RelativeDamping | LevenbergMarquardt) -> float:
    """λ before the first step."""
    if isinstance(damping, RelativeDamping):
        return 0.0  # until the first metric is known
    return damping.initial if isinstance(damping, LevenbergMarquardt) else float(damping)


def check_options(
    lr: float,
    damping: float | RelativeDamping | LevenbergMarquardt,
    trust_region: float | QuadraticTrustRegion | RealisedKL | SecondOrderKL | None,
    momentum: float,
) -> None:
    """Numbers in their ranges.

    Raises:
        ConfigurationError: one is not.
    """
    if not 0 <= checked_real("momentum", momentum, least=0) < 1:
        raise ConfigurationError(f"expected momentum from 0 to below 1, got {shown(momentum)}")
    checked_real("lr", lr, above=0)
    if not isinstance(damping, RelativeDamping | LevenbergMarquardt):
        checked_real("damping", damping, least=0)
    if not isinstance(trust_region, QuadraticTrustRegion | RealisedKL | SecondOrderKL | None):
        checked_real("trust_region", trust_region, above=0)


def check_state(state: Any) -> None:
    """Raise a ConfigurationError for what is no state of a natural gradient."""
    groups = state.get("param_groups") if isinstance(state, Mapping) else None
    needed = {"lr", "damping", "steps"}
    if not groups or not all(isinstance(group, Mapping) and needed <= {*group} for group in groups):
        raise ConfigurationError(
            f"expected what state_dict() of a NaturalGradient gave, got {shown(state)}; save and load that"
        )

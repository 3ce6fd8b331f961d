"""Natural gradient descent as a `torch.optim.Optimizer`.

    δ = −lr (F + λI)⁻¹ ∇L                (Amari 1998; Stokes et al. 2020 for F = F_Q)

F is one joint matrix over all parameters of the head, in all parameter groups; lr is per group, damping λ
global. The metric is always computed at the contexts of the step, never taken from a forward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from qgeo.arguments import checked_integer, checked_real, shown
from qgeo.errors import ConfigurationError
from qgeo.estimators.estimator import FisherEstimator
from qgeo.geometry.operators import InformationMatrix
from qgeo.geometry.storage import from_plain_form, plain_form
from qgeo.heads.jacobian import trainable
from qgeo.heads.protocol import Head
from qgeo.modules.fisher import ModuleRule
from qgeo.modules.likelihood import Likelihood, as_likelihood
from qgeo.optim.damping import LevenbergMarquardt, RelativeDamping
from qgeo.optim.exact import KeepsState, Rule
from qgeo.optim.gradients import check_finite_gradients
from qgeo.optim.line import Line, move_to
from qgeo.optim.metrics import checked_matrix
from qgeo.optim.options import (
    as_metric,
    check_inputs,
    check_options,
    check_state,
    check_trust_region,
    initial_damping,
)
from qgeo.optim.realised_kl import Length, RealisedKL, SecondOrderKL
from qgeo.optim.trust_region import QuadraticTrustRegion


@dataclass(frozen=True, eq=False)
class _Change:
    """A step from `start`, with the gradient and the loss there."""

    start: Tensor
    step: Tensor
    gradient: Tensor
    loss: float


class NaturalGradient(torch.optim.Optimizer):
    """Steps along the gradient measured by an information matrix.

    Args:
        module: what moves: a head, `qgeo.Expectation`, or any torch module with circuits inside
            (`qgeo.modules`).
        metric: a name of `qgeo.optim.metrics.METRICS` (of `qgeo.modules.fisher.MODULE_METRICS` where the
            module is no head), any function (module, contexts, targets) → `InformationMatrix`, or, for
            heads, any estimator of `qgeo.estimators`, run with `shots` per circuit.
        lr: step length; the largest that F allows is about 1 for `classical`, larger for F_Q = 4g.
        damping: λ ≥ 0, a `RelativeDamping`, or a `LevenbergMarquardt`, which needs the closure.
        refresh: the metric is recomputed every `refresh` steps; between them it is part of the state.
        trust_region: largest KL(p_θ‖p_{θ+δ}) per token in nats, mean over the step's contexts; a longer step
            is shortened until it fits. None for no limit; a `QuadraticTrustRegion` asks the metric instead; a
            `RealisedKL` gives every step that divergence, times lr², and `last_length` says how; a
            `SecondOrderKL` gives it to second order, as the metric measures it.
        shots: per circuit of an estimator (None: its exact limit).
        likelihood: how the output of a module that is no head is read, "categorical" (scores of classes) or
            `GaussianLikelihood(sigma)`; needed where it has parameters behind its last circuit.
        momentum: share of the last step that is taken again, 0 ≤ momentum < 1 (Borysenko et al. 2024,
            arXiv 2409.01978).
        params: parameter groups of the head's parameters, for a learning rate per group; default all in one.

    Raises:
        ConfigurationError: an option of another type or out of range, or groups that are not the head's
            parameters.

    >>> from qgeo.heads.born import BornHead
    >>> head = BornHead(vocabulary=4, context=1)
    >>> optimizer = NaturalGradient(head, metric="quantum", lr=0.5, damping=1e-3)
    >>> contexts, targets = torch.tensor([[0], [1], [2]]), torch.tensor([1, 2, 3])
    >>> loss = torch.nn.functional.nll_loss(head(contexts), targets)
    >>> loss.backward()
    >>> optimizer.step(contexts=contexts)
    >>> bool(torch.nn.functional.nll_loss(head(contexts), targets) < loss)
    True
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        metric: str | Rule | ModuleRule | FisherEstimator = "quantum",
        lr: float = 0.1,
        damping: float | RelativeDamping | LevenbergMarquardt = 1e-3,
        refresh: int = 1,
        trust_region: float | QuadraticTrustRegion | RealisedKL | SecondOrderKL | None = None,
        shots: int | None = None,
        likelihood: str | Likelihood | None = None,
        momentum: float = 0.0,
        params: Any = None,
    ) -> None:
        check_options(lr, damping, trust_region, momentum)
        if not isinstance(module, nn.Module):
            raise ConfigurationError(
                f"expected a head or another module, whose metric is taken, got {type(module).__name__}; "
                "pass the module itself, NaturalGradient(module), and groups of its parameters as params="
            )
        self._parameters = [parameter for _, parameter in trainable(module)]
        if not self._parameters:
            raise ConfigurationError(f"expected trainable parameters in {type(module).__name__}, got none")
        self.module = module
        self.metric = as_metric(metric, module, shots, as_likelihood(likelihood))
        check_trust_region(trust_region, self.metric)
        self.momentum = momentum
        self._last_step: Tensor | None = None
        self.schedule = damping if isinstance(damping, LevenbergMarquardt) else None
        self.relative = damping if isinstance(damping, RelativeDamping) else None
        self.refresh, self.trust_region = checked_integer("refresh", refresh, 1), trust_region
        self.last_length: Length | None = None
        self._matrix: InformationMatrix | None = None
        self._matrix_is_of: list[bool] | None = None
        start = initial_damping(damping)
        defaults = {"lr": lr, "damping": start, "steps": 0}
        try:
            super().__init__(self._parameters if params is None else params, defaults)
        except (TypeError, ValueError, KeyError):  # torch's words are those of all its optimizers
            raise ConfigurationError(
                "expected params as the head's parameters, each once, or as groups of them, "
                f"[{{'params': [head.values], 'lr': 0.1}}, …], got {shown(params)}; leave it out for one "
                "group"
            ) from None
        self._check_groups(self._parameters)

    @property
    def damping(self) -> float:
        """λ now in force."""
        return float(self.param_groups[0]["damping"])

    @torch.no_grad()
    def step(
        self,
        closure: Callable[[], Any] | None = None,
        *,
        contexts: Tensor | None = None,
        targets: Tensor | None = None,
    ) -> Any:
        """One step; returns the closure's loss at the old parameters, or None without a closure.

        Args:
            closure: clears the gradients, computes the loss, calls backward, returns the loss. Without one
                the gradients must be there already.
            contexts: (B, k) token ids at which the metric is taken; for another module its inputs, left out
                where it takes none.
            targets: (B,) observed tokens, for the metric `empirical`.

        Raises:
            ConfigurationError: no contexts, or a closure that is missing or none.
            ShapeError: a gradient that is not finite; nothing has moved then, and the step is not counted.
        """
        is_callable = closure is None or callable(closure)
        if (contexts is None and isinstance(self.module, Head)) or not is_callable:
            got = "none" if is_callable else f"{shown(closure)} as the closure"
            raise ConfigurationError(
                f"expected the contexts at which the metric is taken, got {got}; pass step(contexts=contexts)"
            )
        check_inputs(self.module, contexts)
        if self.schedule is not None and closure is None:
            raise ConfigurationError(
                "expected a closure for Levenberg–Marquardt damping, got none; pass step(closure)"
            )
        loss = _evaluate(closure)
        check_finite_gradients(self.module)
        gradient = self._flat_gradient()
        matrix = self._refreshed(contexts, targets)
        direction = matrix.solve(gradient, self.damping)
        start = self._point().to(direction.dtype)
        step = self._limited(start, self._carried(-self._flat_lr() * direction), contexts, matrix)
        move_to(self._own(), start + step)
        if self.schedule is not None and closure is not None:
            change = _Change(start, step, gradient, float(loss))
            self._adapt_damping(self.schedule, matrix, change, closure)
        if self.momentum:
            self._last_step = self._point().to(start.dtype) - start
        self._set("steps", self.param_groups[0]["steps"] + 1)
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Groups, damping, step count, the metric where the next step uses it again, and what its rule keeps
        from step to step; plain data only."""
        kept = None if self._matrix is None or self._is_due() else plain_form(self._matrix)
        is_of = None if kept is None else self._matrix_is_of
        rule = self.metric.state_dict() if isinstance(self.metric, KeepsState) else None
        return super().state_dict() | {
            "metric": kept,
            "metric_is_of": is_of,
            "rule": rule,
            "last_step": self._last_step,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken, with the same steps; without a metric in it, the next step
        takes one.

        Raises:
            ConfigurationError: it is no state of a natural gradient, or its metric is of a form that cannot
                be stored, or of another circuit.
        """
        check_state(state_dict)
        plain = state_dict.get("metric")
        matrix = None if plain is None else from_plain_form(plain, getattr(self.module, "program", None))
        super().load_state_dict(state_dict)
        self._matrix, self._matrix_is_of = matrix, state_dict.get("metric_is_of")
        self._last_step = state_dict.get("last_step")
        kept = state_dict.get("rule")
        if kept is not None and isinstance(self.metric, KeepsState):
            self.metric.load_state_dict(kept)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """A group of the head's parameters, as torch has it.

        Raises:
            ConfigurationError: it holds something else than the head's parameters.
        """
        super().add_param_group(param_group)
        known = {id(parameter) for parameter in self._parameters}
        if any(id(parameter) not in known for parameter in self.param_groups[-1]["params"]):
            self.param_groups.pop()
            raise ConfigurationError(
                f"expected parameter groups of the head's {len(known)} trainable tensors alone, got another; "
                "the metric knows nothing of it: give it to an optimizer of its own"
            )

    def _is_due(self) -> bool:
        """Whether the next step takes the metric anew."""
        return bool(self.param_groups[0]["steps"] % self.refresh == 0)

    def _refreshed(self, contexts: Tensor | None, targets: Tensor | None) -> InformationMatrix:
        if self._matrix is None or self._is_due():
            matrix = self.metric(self.module, contexts, targets)  # type: ignore[arg-type]
            self._matrix = checked_matrix(matrix, getattr(self.metric, "__name__", "given"))
            self._matrix_is_of = self._trained_now()
            if self.relative is not None:
                self._set("damping", self.relative.of(self._matrix))
        elif self._matrix_is_of not in (None, self._trained_now()):
            raise ConfigurationError(
                "expected the parameters that were trainable when the metric was taken, got others; freeze "
                f"and free them where the next step takes it anew (every {self.refresh} steps), or start a "
                "new optimizer"
            )
        return self._matrix

    def _trained_now(self) -> list[bool]:
        return [parameter.requires_grad for parameter in self._parameters]

    def _adapt_damping(
        self,
        schedule: LevenbergMarquardt,
        matrix: InformationMatrix,
        change: _Change,
        closure: Callable[[], Any],
    ) -> None:
        """Compare the step with its prediction; take back one that made the loss worse."""
        step = change.step
        curvature = step @ (matrix @ step) + self.damping * (step @ step)
        predicted = float(change.gradient @ step + curvature / 2)
        actual = float(_evaluate(closure)) - change.loss
        if not actual <= 0:
            move_to(self._own(), change.start)
        self._set("damping", schedule.adapted(self.damping, actual, predicted))

    def _carried(self, step: Tensor) -> Tensor:
        """The step with its share of the last one, where the same numbers are trained."""
        if self._last_step is None or self._last_step.shape != step.shape:
            return step
        return step + self.momentum * self._last_step

    def _limited(
        self, start: Tensor, step: Tensor, contexts: Tensor | None, matrix: InformationMatrix
    ) -> Tensor:
        """The step, shortened until KL(p_θ‖p_{θ+δ}), or ½ δᵀFδ, fits the trust region."""
        if self.trust_region is None or not bool(step.any()):
            return step
        if isinstance(self.trust_region, QuadraticTrustRegion):
            return self.trust_region.length(float(step @ (matrix @ step))) * step
        if isinstance(self.trust_region, SecondOrderKL):
            return self.trust_region.length(float(step @ (matrix @ step)), self._largest_lr()) * step
        assert contexts is not None  # `check_trust_region`
        line = Line(self.module, self._own(), start, step, contexts)
        if isinstance(self.trust_region, RealisedKL):
            self.last_length = line.at_kl(self.trust_region.kl * self._largest_lr() ** 2)
            return self.last_length.length * step
        length = line.longest_within(self.trust_region)
        return length * step if length else torch.zeros_like(step)

    def _flat_gradient(self) -> Tensor:
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in self._own()]
        return torch.cat([grad.flatten() for grad in grads])

    def _flat_lr(self) -> Tensor:
        lr = {id(p): float(group["lr"]) for group in self.param_groups for p in group["params"]}
        parameters = self._own()
        return torch.cat(
            [torch.full((p.numel(),), lr[id(p)], dtype=torch.float64, device=p.device) for p in parameters]
        )

    def _largest_lr(self) -> float:
        """Of the groups that hold a parameter that is trained now."""
        return max(
            float(group["lr"]) for group in self.param_groups if any(p.requires_grad for p in group["params"])
        )

    def _point(self) -> Tensor:
        """All trainable numbers (P,)."""
        return torch.cat([parameter.flatten() for parameter in self._own()])

    def _own(self) -> list[nn.Parameter]:
        """The head's parameters that are trainable now, in its order."""
        return [parameter for parameter in self._parameters if parameter.requires_grad]

    def _set(self, key: str, value: float) -> None:
        for group in self.param_groups:
            group[key] = value

    def _check_groups(self, parameters: list[nn.Parameter]) -> None:
        grouped, wanted = [id(p) for group in self.param_groups for p in group["params"]], len(parameters)
        if sorted(grouped) != sorted(id(parameter) for parameter in parameters):
            raise ConfigurationError(
                f"expected parameter groups that hold the head's {wanted} trainable tensors once each, got "
                f"{len(grouped)} tensors"
            )
        dampings = {group["damping"] for group in self.param_groups}
        for group in self.param_groups:
            checked_real("lr", group["lr"], least=0)  # 0 keeps a group where it is
            checked_real("damping", group["damping"], least=0)
        if len(dampings) > 1:
            raise ConfigurationError(
                f"expected one damping for all parameter groups, got {sorted(dampings)}; a metric is damped "
                "as a whole, so leave it out of the groups"
            )


def _evaluate(closure: Callable[[], Any] | None) -> Any:
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()

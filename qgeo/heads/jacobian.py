"""Jacobians of torch modules, one context at a time and all contexts at once.

    J[b, o, :] = ∂ module(x_b)_o / ∂(trainable parameters),      flattened in `named_parameters` order

Reverse mode per output, vectorised over contexts and outputs by `torch.func`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from qgeo.geometry.weight_jacobian import DenseJacobian, LinearJacobian, WeightJacobian


def trainable(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Names and parameters that require a gradient, in `named_parameters` order."""
    return ((name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad)


def count_trainable(module: nn.Module) -> int:
    """Number of trainable numbers in a module."""
    return sum(parameter.numel() for _, parameter in trainable(module))


def parameter_jacobian(module: nn.Module, inputs: Tensor) -> Tensor:
    """J of shape (B, outputs, P) for a module that maps (B, ...) to (B, outputs), row by row.

    Args:
        module: its output for a row may depend on that row only.
        inputs: (B, ...).
    """
    return weight_jacobian(module, inputs).dense()


def weight_jacobian(module: nn.Module, inputs: Tensor) -> WeightJacobian:
    """J in the form that is cheapest: a module with a `weight_jacobian` of its own is asked for it."""
    closed_form: Callable[[Tensor], WeightJacobian] | None = getattr(module, "weight_jacobian", None)
    return DenseJacobian(_differentiated(module, inputs)) if closed_form is None else closed_form(inputs)


def _differentiated(module: nn.Module, inputs: Tensor) -> Tensor:
    weights = {name: parameter.detach() for name, parameter in trainable(module)}
    if not weights:
        outputs: Tensor = module(inputs)
        return outputs.new_zeros(*outputs.shape, 0)

    def row(numbers: dict[str, Tensor], row_of_inputs: Tensor) -> Tensor:
        outputs: Tensor = torch.func.functional_call(module, numbers, (row_of_inputs.unsqueeze(0),))
        return outputs.squeeze(0)

    with torch.no_grad():
        parts = torch.func.vmap(torch.func.jacrev(row), in_dims=(None, 0))(weights, inputs)
    return torch.cat([parts[name].flatten(2) for name in weights], dim=2)


def linear_jacobian(features: Tensor, weight: nn.Parameter, bias: nn.Parameter) -> WeightJacobian:
    """Of W h + b over the trainable ones of W and b, (B, o, W): features h (B, f), weight (o, f)."""
    whole = LinearJacobian(features, len(weight))
    if weight.requires_grad and bias.requires_grad:
        return whole
    trained = torch.cat([torch.full((p.numel(),), p.requires_grad) for p in (weight, bias)])
    return DenseJacobian(whole.dense()[:, :, trained.nonzero().flatten().to(features.device)])


def flat_parameters(module: nn.Module) -> Tensor:
    """All trainable numbers as one vector (P,), detached."""
    parts = [parameter.detach().flatten() for _, parameter in trainable(module)]
    return torch.cat(parts) if parts else torch.zeros(0)


def float64(module: Any) -> Any:
    """The module with double-precision parameters: every head computes in float64."""
    return module.to(torch.float64)

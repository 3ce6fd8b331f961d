"""The mean loss of a head at some windows, and its derivatives by all trainable numbers.

    L(θ) = mean over windows of −log p(target|context),     g = ∇L,     H = ∇²L

H is by central differences of exact gradients, two for each parameter: one rule for all heads, those with
circuits, whose adjoint sweeps are differentiable once, included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from qgeo.heads.jacobian import flat_parameters, trainable
from qgeo.optim.line import move_to

STEP = 1e-5
"""Of central differences: their error is of order STEP², 1e-10, as is that of rounding over STEP."""


def loss_gradient(head: nn.Module, contexts: Tensor, targets: Tensor) -> Tensor:
    """g (P,), zero by what the loss does not depend on."""
    with torch.enable_grad():
        loss = torch.nn.functional.nll_loss(head(contexts), targets)
        return flat_gradient(loss, [parameter for _, parameter in trainable(head)])


def loss_hessian(head: nn.Module, contexts: Tensor, targets: Tensor) -> Tensor:
    """H (P, P), symmetric, by 2P gradients; the head is as before afterwards."""

    def gradient_at(step: Tensor) -> Tensor:
        with moved(head, step):
            return loss_gradient(head, contexts, targets)

    here = flat_parameters(head)
    steps = STEP * torch.eye(len(here), dtype=torch.float64, device=here.device)
    rows = [gradient_at(step) - gradient_at(-step) for step in steps]
    by_parameter = torch.stack(rows) / (2 * STEP)
    return (by_parameter + by_parameter.mT) / 2


def flat_gradient(scalar: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """Of a scalar, (P,) in the order of the parameters; its graph stays."""
    parts = torch.autograd.grad(
        scalar, parameters, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return torch.cat([part.flatten() for part in parts])


@contextmanager
def moved(head: nn.Module, step: Tensor) -> Iterator[list[nn.Parameter]]:
    """The head's trainable parameters at θ + δ, put back to θ afterwards."""
    parameters, start = [parameter for _, parameter in trainable(head)], flat_parameters(head)
    try:
        with torch.no_grad():
            move_to(parameters, start + step.to(start.device))
        yield parameters
    finally:
        with torch.no_grad():
            move_to(parameters, start)

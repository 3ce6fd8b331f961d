"""Gradients that a step can follow: every entry a finite number, or nothing moves."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qgeo.errors import ShapeError
from qgeo.heads.jacobian import trainable


def check_finite_gradients(module: nn.Module) -> None:
    """The metric spreads a single entry that is no number over all parameters.

    Raises:
        ShapeError: a trainable parameter whose gradient is not finite.

    >>> layer = nn.Linear(1, 2)
    >>> (layer(torch.ones(1, 1)) * torch.inf).sum().backward()
    >>> check_finite_gradients(layer)
    Traceback (most recent call last):
    ...
    qgeo.errors.ShapeError: expected a finite gradient, got infinity or NaN in 2 of 2 entries for weight; ...
    """
    if has_finite_gradients(module):
        return
    for name, parameter in trainable(module):
        grad = parameter.grad
        if grad is not None and not is_finite(grad):
            bad = int((~torch.isfinite(grad)).sum())
            raise ShapeError(
                f"expected a finite gradient, got infinity or NaN in {bad} of {grad.numel()} entries for "
                f"{name}; nothing was moved: look for log(0), 0/0 or sqrt(0) in the loss, or leave this "
                "batch out"
            )


def has_finite_gradients(module: nn.Module) -> bool:
    """Whether every gradient that is there is finite."""
    finite = [torch.isfinite(p.grad).all() for _, p in trainable(module) if p.grad is not None]
    return not finite or bool(torch.stack(finite).all())  # asked once: a GPU waits for each answer


def is_finite(values: Tensor) -> bool:
    """Whether all entries are numbers."""
    return bool(torch.isfinite(values).all())

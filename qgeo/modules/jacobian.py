"""Jacobians by autograd of whatever a module computed, row by row: ∂y[r, o]/∂w over trainable numbers w.

Where the graph is torch's own, many rows at once (`is_grads_batched`); where a circuit lies on the way,
whose gradient is a function of its own, one row after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

_AT_ONCE = 2**22
"""Most numbers of cotangents that are held at once, 32 MiB."""


def rows_jacobian(outputs: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """(R, o, W) float64, from outputs (R, o) with their graph, over parameters flattened in their order."""
    rows, width = outputs.shape
    size = sum(parameter.numel() for parameter in parameters)
    if not outputs.requires_grad or not outputs.numel():
        return outputs.new_zeros(rows, width, size, dtype=torch.float64)
    if any(outputs is parameter for parameter in parameters):
        return _selection(outputs, parameters).view(rows, width, size)
    by_row = _batched if is_differentiable_in_batches(outputs) else _one_by_one
    return torch.cat(list(by_row(outputs, parameters))).view(rows, width, size)


def vector_jacobian(vector: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """(o, W) float64 of a vector (o,)."""
    if any(vector is parameter for parameter in parameters):
        return _selection(vector, parameters)
    return rows_jacobian(vector.unsqueeze(0), parameters)[0]


def is_differentiable_in_batches(outputs: Tensor) -> bool:
    """Whether no function with a gradient of its own lies on the way."""
    seen, left = set(), [outputs.grad_fn]
    while left:
        node: Any = left.pop()
        if node is None or node in seen:
            continue
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            return False
        seen.add(node)
        left.extend(following for following, _ in node.next_functions)
    return True


def _selection(leaf: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """1 where a number is itself."""
    parts = [
        torch.eye(leaf.numel(), dtype=torch.float64, device=leaf.device)
        if parameter is leaf
        else torch.zeros(leaf.numel(), parameter.numel(), dtype=torch.float64, device=leaf.device)
        for parameter in parameters
    ]
    return torch.cat(parts, 1)


def _batched(outputs: Tensor, parameters: Sequence[Tensor]) -> Iterator[Tensor]:
    identity = torch.eye(outputs.numel(), dtype=outputs.dtype, device=outputs.device)
    for cotangents in identity.split(max(1, _AT_ONCE // outputs.numel())):
        yield _flat(_gradients(outputs, parameters, cotangents, batched=True), parameters, len(cotangents))


def _one_by_one(outputs: Tensor, parameters: Sequence[Tensor]) -> Iterator[Tensor]:
    for number in outputs.flatten():
        yield _flat(_gradients(number, parameters, None, batched=False), parameters, 1)


def _gradients(
    outputs: Tensor, parameters: Sequence[Tensor], cotangents: Tensor | None, *, batched: bool
) -> tuple[Tensor | None, ...]:
    given = None if cotangents is None else cotangents.view(-1, *outputs.shape)
    return torch.autograd.grad(
        outputs, parameters, given, retain_graph=True, allow_unused=True, is_grads_batched=batched
    )


def _flat(gradients: Sequence[Tensor | None], parameters: Sequence[Tensor], rows: int) -> Tensor:
    """(rows, W); a parameter that is not on the way has zeros."""
    parts = [
        torch.zeros(rows, parameter.numel(), dtype=torch.float64, device=parameter.device)
        if gradient is None
        else gradient.reshape(rows, -1).double()
        for gradient, parameter in zip(gradients, parameters, strict=True)
    ]
    return torch.cat(parts, 1)

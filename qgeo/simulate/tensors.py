"""Small things about tensors that several files need: cheap indices."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

Index = slice | Tensor
"""Positions along a dimension: a slice where they are consecutive, so that taking them costs nothing."""


def as_index(numbers: list[int], device: torch.device) -> Index:
    """A slice where the numbers are consecutive, else a tensor.

    >>> as_index([3, 4, 5], torch.device("cpu"))
    slice(3, 6, None)
    """
    if numbers and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return slice(numbers[0], numbers[0] + len(numbers))
    return index_tensor(numbers, device)


def index_tensor(numbers: Iterable[int], device: torch.device) -> Tensor:
    return torch.tensor(list(numbers), dtype=torch.long, device=device)

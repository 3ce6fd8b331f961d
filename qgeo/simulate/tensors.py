"""Small things about tensors that several files need: cheap indices, constants where they are needed.

A tensor that is made of Python numbers, or moved, on the way of a sweep makes a GPU wait for the host. So
what is structure is made once per device and kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

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


@lru_cache(maxsize=4096)
def kept_index(numbers: tuple[int, ...], device: torch.device) -> Index:
    """`as_index`, made once for all that ask with the same numbers: for positions on the way of a sweep.

    >>> kept_index((2, 0), torch.device("cpu"))
    tensor([2, 0])
    """
    return as_index(list(numbers), device)


@lru_cache(maxsize=4096)
def kept_index_tensor(numbers: tuple[int, ...], device: torch.device) -> Tensor:
    """`index_tensor`, made once likewise; where a slice will not do."""
    return index_tensor(numbers, device)


class Constant:
    """A tensor that never changes, on every device that asked for it."""

    def __init__(self, tensor: Tensor) -> None:
        self._on = {tensor.device: tensor}

    def on(self, device: torch.device) -> Tensor:
        """The tensor on this device: moved there once.

        >>> Constant(torch.ones(2)).on(torch.device("cpu"))
        tensor([1., 1.])
        """
        if device not in self._on:
            self._on[device] = next(iter(self._on.values())).to(device)
        return self._on[device]

"""Sizes that make heads comparable: qubits for a vocabulary, features for a parameter count."""

from __future__ import annotations

from collections.abc import Callable

from qgeo.errors import ConfigurationError


def qubits_for(vocabulary: int) -> int:
    """Fewest qubits n with 2ⁿ ≥ V (at least one).

    >>> [qubits_for(v) for v in (2, 4, 5, 32, 33)]
    [1, 2, 3, 5, 6]
    """
    if vocabulary < 2:
        raise ConfigurationError(f"expected a vocabulary of at least 2 tokens, got {vocabulary}")
    return max(1, (vocabulary - 1).bit_length())


def chosen_qubits(num_qubits: int | None, vocabulary: int) -> int:
    """`num_qubits`, or the fewest that hold the vocabulary where none is given."""
    fewest = qubits_for(vocabulary)
    return fewest if num_qubits is None else num_qubits


def closest_width(size: Callable[[int], int], target: int) -> int:
    """The width ≥ 1 whose `size(width)`, an increasing count of parameters, is closest to `target`.

    >>> closest_width(lambda width: 10 * width + 5, 42)
    4
    """
    width = 1
    while size(width + 1) <= target:
        width += 1
    return min((width, width + 1), key=lambda w: abs(size(w) - target))

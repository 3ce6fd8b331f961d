"""Sizes of heads: what they may be, qubits for a vocabulary, features for a parameter count."""

from __future__ import annotations

from collections.abc import Callable

from qgeo.arguments import checked_integer
from qgeo.errors import ConfigurationError

MOST_NUMBERS = 2**29
"""In a table of a head, chosen: 4 GiB, as the memory budget."""


def checked_sizes(vocabulary: int, context: int, embedding: int, outputs: int = 1) -> tuple[int, int, int]:
    """Vocabulary, context and embedding of an encoder with so many outputs, as integers.

    Raises:
        ConfigurationError: no integers, or out of range, each alone or together.
    """
    vocabulary = checked_integer("vocabulary", vocabulary, 2)
    context = checked_integer("context", context, 1)
    embedding = checked_integer("embedding", embedding, 1)
    check_table("embedding of tokens", vocabulary, embedding)
    check_table("encoder", outputs, context * embedding)
    return vocabulary, context, embedding


def check_table(what: str, rows: int, columns: int) -> None:
    """
    Raises:
        ConfigurationError: a table of a head that takes more than 4 GiB.
    """
    if rows * columns > MOST_NUMBERS:
        raise ConfigurationError(
            f"expected at most {MOST_NUMBERS:,} numbers in the {what} of a head, got {rows:,} × {columns:,}; "
            "choose smaller sizes"
        )


def qubits_for(vocabulary: int) -> int:
    """Fewest qubits n with 2ⁿ ≥ V (at least one).

    >>> [qubits_for(v) for v in (2, 4, 5, 32, 33)]
    [1, 2, 3, 5, 6]
    """
    return (checked_integer("vocabulary", vocabulary, 2) - 1).bit_length()


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
